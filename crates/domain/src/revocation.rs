//! Every rule of revoking, in one readable place. Decides; records nothing.
//!
//! * Rule 1: revocation is terminal.
//! * Rule 2: it is idempotent; the first time, actor and reason stay.
//! * Rule 3: there is one predicate, [`ApiKey::usable`]; at the very instant of `expires_at` the key is dead already.
//! * Rule 5: an expired key may still be revoked, to record a leak.
//! * Rule 6: a key may revoke itself.
//! * Rule 7: no caller revokes the last usable secret key covering `api-keys:write` of its own account (not by rule 6 or
//!   an overwrite either), except as `compromised`, which is never refused.
//! * Rule 8: suspending an account makes all its keys and its descendants' keys unusable, reversibly, by a caller at or
//!   above the one who suspended it last from the highest place; closing it is terminal; both are account state, never
//!   written into a key.
//! * Rule 9: what a key obtained dies with it, and with either key of the pair that obtained it.
//! * Rule 10: `compromised` is always now.
//!
//! Rule 4 (a scheduled end may be brought forward and never put off) comes with rotation, and so do the scheduled half
//! of rule 3 and the overlap half of rule 10.

use crate::{
    Account, Actor, ApiKey, Chain, KeyState, KeyType, KeyView, Reach, Status, Timestamp, Unusable, UsableKey,
    account::text_enum,
};

/// Why a key was revoked, as the revoker says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Reason {
    /// Not said.
    #[default]
    Unspecified,
    /// Somebody else may hold the value.
    Compromised,
    /// Another key took its place.
    Superseded,
    /// Nothing uses it any more.
    NoLongerNeeded,
}

text_enum!(
    Reason,
    "unspecified, compromised, superseded, no_longer_needed",
    Unspecified = "unspecified",
    Compromised = "compromised",
    Superseded = "superseded",
    NoLongerNeeded = "no_longer_needed",
);

/// That a key was revoked. Never changes once it is there (rule 2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: Actor,
    /// Why.
    pub reason: Reason,
}

/// Somebody's wish to end a key now (rule 10: there is no other time to wish for yet).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationRequest {
    /// Now.
    pub at: Timestamp,
    /// Who asks.
    pub by: Actor,
    /// Why.
    pub reason: Reason,
    /// How far the caller reaches, and so which account is its own; the command line has none of its own.
    pub reach: Reach,
}

/// Whether an account keeps a usable secret key covering `api-keys:write` beside those that are to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtherManagerKeys {
    /// None would be left.
    None,
    /// At least one is left.
    Some,
}

impl OtherManagerKeys {
    /// Judges the keys that would be left. It is enough to hand in the one that lives the longest.
    pub fn among<'a>(left: impl IntoIterator<Item = &'a ApiKey>, chain: &Chain, now: Timestamp) -> Self {
        let writes = |key: &ApiKey| key.is_manager_key() && key.usable(chain, now).is_ok();
        if left.into_iter().any(writes) { Self::Some } else { Self::None }
    }
}

/// What is to be done about a wish to revoke.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Decision {
    /// Write this down.
    Revoke(Revocation),
    /// Nothing to do: the first revocation stays (rule 2).
    AlreadyRevoked(Revocation),
}

/// Why a wish to revoke is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Rule 7.
    #[error("this is the last usable key of the caller's own account that can manage keys")]
    WouldLockOut,
}

impl RevocationRequest {
    fn revocation(&self) -> Revocation {
        Revocation { at: self.at, by: self.by, reason: self.reason }
    }

    /// Whether rule 7 has a say about this key, so that the other writers of its account must be known and held still.
    #[must_use]
    pub fn depends_on_other_manager_keys(&self, key: &ApiKey) -> bool {
        self.reason != Reason::Compromised
            && self.reach.own_account() == Some(key.facts().account)
            && key.is_manager_key()
    }

    /// Rule 7: whether losing `key` would leave the caller's own account without a writer.
    fn locks_out(&self, key: &ApiKey, chain: &Chain, others: OtherManagerKeys) -> bool {
        self.depends_on_other_manager_keys(key)
            && others == OtherManagerKeys::None
            && key.usable(chain, self.at).is_ok()
    }
}

impl ApiKey {
    /// Decides about a wish to revoke this key. `chain` must be its account's, `others` the writers left without it.
    ///
    /// # Errors
    /// [`Refusal::WouldLockOut`] (rule 7).
    pub fn revoke(
        &self,
        chain: &Chain,
        ask: &RevocationRequest,
        others: OtherManagerKeys,
    ) -> Result<Decision, Refusal> {
        match &self.facts().state {
            KeyState::Revoked(earlier) => Ok(Decision::AlreadyRevoked(earlier.clone())),
            KeyState::Active if ask.locks_out(self, chain, others) => Err(Refusal::WouldLockOut),
            KeyState::Active => Ok(Decision::Revoke(ask.revocation())),
        }
    }
}

/// Decides about an overwrite: `successor` takes the place of all of `replaced`, keys of one account, the account of
/// `chain`. `others` are the writers left beside both. Gives the keys that are to be revoked; those that were already
/// keep what they have (rule 2).
///
/// # Errors
/// [`Refusal::WouldLockOut`] (rule 7; the successor counts as a remaining key).
pub fn overwrite<'a>(
    replaced: &'a [ApiKey],
    successor: &ApiKey,
    chain: &Chain,
    ask: &RevocationRequest,
    others: OtherManagerKeys,
) -> Result<Vec<(&'a ApiKey, Revocation)>, Refusal> {
    let others = match others {
        OtherManagerKeys::Some => OtherManagerKeys::Some,
        OtherManagerKeys::None => OtherManagerKeys::among([successor], chain, ask.at),
    };
    let mut revoked = Vec::new();
    for key in replaced {
        match key.revoke(chain, ask, others)? {
            Decision::Revoke(revocation) => revoked.push((key, revocation)),
            Decision::AlreadyRevoked(_) => {}
        }
    }
    Ok(revoked)
}

/// What is to be done about a wish to change an account's status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum StatusDecision {
    /// Write this status down.
    Become(Status),
    /// It has that status already.
    Unchanged,
}

/// Why an account keeps its status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatusRefusal {
    /// Callers act strictly below themselves.
    #[error("a caller cannot suspend, resume or close its own account")]
    OwnAccount,
    /// A suspension is lifted by a caller at or above its maker.
    #[error("the account was suspended from higher up, and is resumed from there or from above")]
    SuspendedFromAbove,
    /// Closing is final (rule 8).
    #[error("the account is closed, which is final")]
    Closed,
}

impl Account {
    /// Decides about a wish that this account be active, suspended or closed (rule 8).
    ///
    /// # Errors
    /// [`StatusRefusal`]: it is the caller's own account, it should be resumed from below its suspension, or it is
    /// closed and should be something else.
    pub fn change_status(&self, wanted: Status, caller: &Reach) -> Result<StatusDecision, StatusRefusal> {
        if caller.own_account() == Some(self.id) {
            return Err(StatusRefusal::OwnAccount);
        }
        match (self.status, wanted) {
            (Status::Suspended, Status::Active) if caller.level() < self.suspended_by => {
                Err(StatusRefusal::SuspendedFromAbove)
            }
            // Suspending it again from higher up counts.
            (Status::Suspended, Status::Suspended) if caller.level() > self.suspended_by => {
                Ok(StatusDecision::Become(Status::Suspended))
            }
            (now, wanted) if now == wanted => Ok(StatusDecision::Unchanged),
            (Status::Closed, _) => Err(StatusRefusal::Closed),
            (Status::Active | Status::Suspended, wanted) => Ok(StatusDecision::Become(wanted)),
        }
    }
}

/// The keys that a token was obtained with do not belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAPair {
    /// One is no public key or the other no secret key, or they belong to two accounts.
    #[error("not a public and a secret key of one account")]
    Mismatched,
    /// One of them is not usable.
    #[error("one of the keys is {0}")]
    Unusable(#[from] Unusable),
}

/// Rule 9: whether what a public and a secret key obtain together, or obtained earlier, is good at `now`. Gives the
/// secret key, which acts.
///
/// # Errors
/// [`NotAPair`]; a client is told none of it.
pub fn usable_pair<'a>(
    public: KeyView<'_>,
    secret: KeyView<'a>,
    chain: &Chain,
    now: Timestamp,
) -> Result<UsableKey<'a>, NotAPair> {
    let own = chain.own().id;
    let types = (public.key_type, secret.key_type);
    if types != (KeyType::Public, KeyType::Secret) || (public.account, secret.account) != (own, own) {
        return Err(NotAPair::Mismatched);
    }
    public.usable(chain, now)?;
    Ok(secret.usable(chain, now)?)
}

#[cfg(test)]
#[path = "revocation/tests.rs"]
mod tests;
