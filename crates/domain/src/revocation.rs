//! Every rule of revocation, in one place. Decides; stores nothing.
//!
//! * Rule 1: revocation is terminal.
//! * Rule 2: it is idempotent; the first revocation's time, actor and reason stay.
//! * Rule 3: one predicate decides, [`ApiKey::usable`]; at the exact instant of `expires_at` the key has expired.
//! * Rule 5: an expired key may still be revoked, to record a leak.
//! * Rule 6: a key may revoke itself.
//! * Rule 7: no caller revokes the last usable secret key of its own account that covers `api-keys:write` (nor by rule
//!   6 or an overwrite), except as `compromised`, which is never refused.
//! * Rule 8: suspending an account makes all its keys and its descendants' keys unusable. Callers at or above the
//!   highest level that suspended it can resume it. Closing it is terminal. Both are account state, never written into
//!   a key.
//! * Rule 9: a token ends with the key that obtained it, and with either key of the pair that obtained it.
//! * Rule 10: `compromised` always takes effect now.
//!
//! Rule 4 (a scheduled end may be brought forward, never postponed), the scheduled half of rule 3 and the overlap half
//! of rule 10 come with rotation.

mod record;

pub use record::{Reason, Revocation};

use crate::{
    Account, Actor, ApiKey, Chain, Context, KeyState, KeyType, KeyView, Now, Reach, Status, Unusable, UsableKey,
};

/// A request to revoke a key now (rule 10; no other time can be requested yet).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationRequest {
    /// Current time.
    pub now: Now,
    /// Who requests the revocation.
    pub by: Actor,
    /// Reason given.
    pub reason: Reason,
    /// The caller's reach, which also gives its own account; the command line has no account.
    pub reach: Reach,
}

/// Whether an account keeps another usable secret key that covers `api-keys:write`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtherManagerKeys {
    /// No such key remains.
    None,
    /// At least one remains.
    Some,
}

impl OtherManagerKeys {
    /// Examines the remaining keys. Passing only the one that expires last is enough.
    pub fn among<'a>(left: impl IntoIterator<Item = &'a ApiKey>, chain: &Chain, now: Now) -> Self {
        let writes = |key: &ApiKey| key.is_manager_key() && key.usable(chain, &Context::at(now)).is_ok();
        if left.into_iter().any(writes) { Self::Some } else { Self::None }
    }
}

/// Decision on a revocation request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Decision {
    /// Store this revocation.
    Revoke(Revocation),
    /// Change nothing: the first revocation stays (rule 2).
    AlreadyRevoked(Revocation),
}

/// Why a revocation request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The account would lose its last manager key (rule 7).
    #[error("this is the last usable key of the caller's own account that can manage keys")]
    WouldLockOut,
}

impl RevocationRequest {
    fn revocation(&self) -> Revocation {
        Revocation { at: self.now.recorded(), by: self.by, reason: self.reason }
    }

    /// Whether rule 7 applies to this key, so that the caller must read and lock the account's other manager keys.
    #[must_use]
    pub fn depends_on_other_manager_keys(&self, key: &ApiKey) -> bool {
        self.reason != Reason::Compromised
            && self.reach.own_account() == Some(key.facts().account)
            && key.is_manager_key()
    }

    /// Rule 7: whether losing `key` would leave the caller's own account without a manager key.
    fn locks_out(&self, key: &ApiKey, chain: &Chain, others: OtherManagerKeys) -> bool {
        self.depends_on_other_manager_keys(key)
            && others == OtherManagerKeys::None
            && key.usable(chain, &Context::at(self.now)).is_ok()
    }
}

impl ApiKey {
    /// Decides on a request to revoke this key. `chain` must be its account's, `others` the remaining manager keys.
    ///
    /// # Errors
    /// [`Refusal::WouldLockOut`] (rule 7).
    pub fn revoke(
        &self,
        chain: &Chain,
        request: &RevocationRequest,
        others: OtherManagerKeys,
    ) -> Result<Decision, Refusal> {
        match &self.facts().state {
            KeyState::Revoked(earlier) => Ok(Decision::AlreadyRevoked(earlier.clone())),
            KeyState::Active if request.locks_out(self, chain, others) => Err(Refusal::WouldLockOut),
            KeyState::Active => Ok(Decision::Revoke(request.revocation())),
        }
    }
}

/// Decides on an overwrite: `successor` replaces all keys of `replaced`, which belong to the account of `chain`.
/// `others` are the account's other manager keys. Returns the keys to revoke; keys already revoked keep their
/// revocation (rule 2).
///
/// # Errors
/// [`Refusal::WouldLockOut`] (rule 7; the successor counts as a remaining key).
pub fn overwrite<'a>(
    replaced: &'a [ApiKey],
    successor: &ApiKey,
    chain: &Chain,
    request: &RevocationRequest,
    others: OtherManagerKeys,
) -> Result<Vec<(&'a ApiKey, Revocation)>, Refusal> {
    let others = match others {
        OtherManagerKeys::Some => OtherManagerKeys::Some,
        OtherManagerKeys::None => OtherManagerKeys::among([successor], chain, request.now),
    };
    let mut revoked = Vec::new();
    for key in replaced {
        match key.revoke(chain, request, others)? {
            Decision::Revoke(revocation) => revoked.push((key, revocation)),
            Decision::AlreadyRevoked(_) => {}
        }
    }
    Ok(revoked)
}

/// Decision on a request to change an account's status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum StatusDecision {
    /// Store this status.
    Become(Status),
    /// The account already has that status.
    Unchanged,
}

/// Why an account keeps its status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatusRefusal {
    /// Callers change only accounts strictly below their own.
    #[error("a caller cannot suspend, resume or close its own account")]
    OwnAccount,
    /// Only a caller at or above the level that suspended the account may resume it.
    #[error("the account was suspended from a higher level, and only a caller at or above it can resume it")]
    SuspendedFromAbove,
    /// Closing is final (rule 8).
    #[error("the account is closed, which is final")]
    Closed,
}

impl Account {
    /// Decides on a request to activate, suspend or close this account (rule 8).
    ///
    /// # Errors
    /// [`StatusRefusal`] if it is the caller's own account, if the caller is below the level that suspended it, or if
    /// it is closed and another status is requested.
    pub fn change_status(&self, wanted: Status, caller: &Reach) -> Result<StatusDecision, StatusRefusal> {
        if caller.own_account() == Some(self.id) {
            return Err(StatusRefusal::OwnAccount);
        }
        match (self.status, wanted) {
            (Status::Suspended, Status::Active) if caller.level() < self.suspended_by => {
                Err(StatusRefusal::SuspendedFromAbove)
            }
            // A second suspension from a higher level is stored.
            (Status::Suspended, Status::Suspended) if caller.level() > self.suspended_by => {
                Ok(StatusDecision::Become(Status::Suspended))
            }
            (now, wanted) if now == wanted => Ok(StatusDecision::Unchanged),
            (Status::Closed, _) => Err(StatusRefusal::Closed),
            (Status::Active | Status::Suspended, wanted) => Ok(StatusDecision::Become(wanted)),
        }
    }
}

/// Why two keys cannot obtain a token together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAPair {
    /// They are not a public and a secret key, or belong to different accounts.
    #[error("not a public and a secret key of one account")]
    Mismatched,
    /// One of them is not usable.
    #[error("one of the keys is {0}")]
    Unusable(#[from] Unusable),
}

/// Rule 9: checks that tokens of a public and a secret key, requested now or obtained earlier, are valid now. Returns
/// the secret key, which is the actor.
///
/// # Errors
/// [`NotAPair`]; the response to the client does not reveal which.
pub fn usable_pair<'a>(
    public: KeyView<'_>,
    secret: KeyView<'a>,
    chain: &Chain,
    context: &Context,
) -> Result<UsableKey<'a>, NotAPair> {
    let own = chain.own().id;
    let types = (public.key_type, secret.key_type);
    if types != (KeyType::Public, KeyType::Secret) || (public.account, secret.account) != (own, own) {
        return Err(NotAPair::Mismatched);
    }
    public.usable(chain, context)?;
    Ok(secret.usable(chain, context)?)
}

#[cfg(test)]
#[path = "revocation/tests.rs"]
mod tests;
