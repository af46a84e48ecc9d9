//! How a key changes while it lives: its terms, and whether it is suspended (contract, section 14).
//!
//! Decides; stores nothing and reads no clock. [`revocation`](crate::revocation) decides how a key ends.

use crate::{
    Actor, ApiKey, Chain, Context, Description, KeyFacts, KeyState, KeyStatus, Level, Metadata, MetadataError,
    MetadataPatch, Name, Now, OtherManagerKeys, Reach, RestrictionError, Restrictions, ScopeSet, Suspension,
    TermsError, Timestamp,
};

/// The requested changes of a key's terms. An absent member stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyPatch {
    /// New name.
    pub name: Option<Name>,
    /// New description, or none to remove it.
    pub description: Option<Option<Description>>,
    /// Changed members of the metadata, or none to remove all.
    pub metadata: Option<Option<MetadataPatch>>,
    /// New scopes.
    pub scopes: Option<ScopeSet>,
    /// New start of validity, or none to remove it.
    pub not_before: Option<Option<Timestamp>>,
    /// New time of expiry, or none to remove it.
    pub expires_at: Option<Option<Timestamp>>,
}

/// Who requests a change of a key, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyChangeRequest {
    /// Current time.
    pub now: Now,
    /// Who requests the change.
    pub by: Actor,
    /// The caller's reach, which also gives its own account and its level.
    pub reach: Reach,
}

/// A key after a change.
#[derive(Clone, Debug, PartialEq)]
pub struct ChangedKey {
    /// The key after the change; the same as before if the change has no effect.
    pub key: ApiKey,
    /// What the change affects.
    pub effect: ChangeEffect,
}

/// What a change of a key affects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChangeEffect {
    /// Nothing: the key is as before.
    None,
    /// Only what management shows.
    Record,
    /// What verification shows, but no verdict: an event, whose enforcement no answer waits for.
    Shown,
    /// Verdicts: an event, whose enforcement the answer waits for.
    Verdict,
}

/// Why a key cannot have the requested terms.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    /// A rule of [`KeyTerms`](crate::KeyTerms).
    #[error(transparent)]
    Terms(#[from] TermsError),
    /// The metadata would hold too many members.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
}

/// Why a change of a key is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChangeRefusal {
    /// The key cannot have these terms.
    #[error("the key cannot have these terms")]
    Invalid(Vec<PatchError>),
    /// A key does not change its own scopes, dates or restrictions: a stolen one must not prolong itself.
    #[error("a key cannot change its own scopes, dates or restrictions")]
    OwnKey,
    /// Only a caller at or above the level that suspended the key may resume it.
    #[error("the key was suspended from a higher level, and only a caller at or above it can resume it")]
    SuspendedFromAbove,
    /// The key is revoked or expired, which is final.
    #[error("the key is {0}, which is final")]
    NotActive(KeyStatus),
    /// The account would lose its last manager key (rule 7).
    #[error("this is the last usable key of the caller's own account that can manage keys")]
    WouldLockOut,
}

impl KeyPatch {
    /// The scopes that the patched key covers and `key` does not: those that the caller must be allowed to grant.
    #[must_use]
    pub fn granted(&self, key: &ApiKey) -> ScopeSet {
        let held = &key.facts().scopes;
        let Some(wanted) = &self.scopes else { return ScopeSet::empty() };
        wanted.iter().filter(|scope| !scope.parse().is_ok_and(|scope| held.covers(&scope))).collect()
    }

    /// The facts of the key with these changes.
    fn apply(&self, facts: &KeyFacts) -> Result<KeyFacts, MetadataError> {
        let metadata = match &self.metadata {
            None => facts.metadata.clone(),
            Some(None) => Metadata::empty(),
            Some(Some(patch)) => facts.metadata.merged(patch)?,
        };
        let restrictions = Restrictions {
            not_before: self.not_before.unwrap_or(facts.restrictions.not_before),
            expires_at: self.expires_at.unwrap_or(facts.restrictions.expires_at),
        };
        Ok(KeyFacts {
            name: self.name.clone().unwrap_or_else(|| facts.name.clone()),
            description: self.description.clone().unwrap_or_else(|| facts.description.clone()),
            scopes: self.scopes.clone().unwrap_or_else(|| facts.scopes.clone()),
            metadata,
            restrictions,
            ..facts.clone()
        })
    }
}

impl KeyChangeRequest {
    /// Whether losing this key could lock the caller's account out (rule 7), so that the caller must read and lock the
    /// account's other manager keys.
    #[must_use]
    pub fn depends_on_other_manager_keys(&self, key: &ApiKey) -> bool {
        let may_lock_out = self.by == Actor::Service || self.reach.own_account() == Some(key.facts().account);
        may_lock_out && key.is_manager_key()
    }

    /// Rule 7: whether the caller's own account would have no manager key if `before` became `after`.
    fn locks_out(&self, before: &ApiKey, after: &ApiKey, chain: &Chain, others: OtherManagerKeys) -> bool {
        let manages = |key: &ApiKey| key.is_manager_key() && key.usable(chain, &Context::at(self.now)).is_ok();
        self.depends_on_other_manager_keys(before)
            && others == OtherManagerKeys::None
            && manages(before)
            && !manages(after)
    }
}

impl ApiKey {
    /// Decides on a change of this key's terms. `chain` must be its account's, `others` the remaining manager keys.
    ///
    /// # Errors
    /// [`ChangeRefusal`] with the first reason in the contract's order of checks (section 1).
    pub fn change(
        &self,
        patch: &KeyPatch,
        chain: &Chain,
        request: &KeyChangeRequest,
        others: OtherManagerKeys,
    ) -> Result<ChangedKey, ChangeRefusal> {
        let facts = patch.apply(self.facts()).map_err(|error| ChangeRefusal::Invalid(vec![error.into()]))?;
        let changes_terms = (&facts.scopes, &facts.restrictions) != (&self.facts().scopes, &self.facts().restrictions);
        let errors = if changes_terms { self.patch_errors(patch, &facts, chain, request.now) } else { Vec::new() };
        if !errors.is_empty() {
            return Err(ChangeRefusal::Invalid(errors));
        }
        if changes_terms && request.by == Actor::Key(self.id()) {
            return Err(ChangeRefusal::OwnKey);
        }
        if changes_terms {
            self.must_live(chain, request.now)?;
        }
        self.become_unless_locked_out(facts, chain, request, others)
    }

    /// All reasons for which the key cannot have these facts. An end that does not change may have passed.
    fn patch_errors(&self, patch: &KeyPatch, facts: &KeyFacts, chain: &Chain, now: Now) -> Vec<PatchError> {
        let has_new_end = facts.restrictions.expires_at != self.facts().restrictions.expires_at;
        let matters = |error: &RestrictionError| *error != RestrictionError::ExpiryNotInFuture || has_new_end;
        let terms = crate::api_key::reserved_scopes(facts.key_type, &facts.scopes).into_iter();
        // The error names a member of the patch.
        let names_the_end = patch.not_before.is_none();
        let named = |error| {
            let is_about_both = error == RestrictionError::BeginsAfterItsEnd;
            if is_about_both && names_the_end { RestrictionError::EndsBeforeItsStart } else { error }
        };
        let has_new_start = facts.restrictions.not_before != self.facts().restrictions.not_before;
        let is_new = |error: &RestrictionError| if error.field() == "not_before" { has_new_start } else { has_new_end };
        let beyond = facts.restrictions.beyond(&chain.policy(), facts.created_at).filter(is_new);
        let restrictions = facts.restrictions.errors(now).filter(matters).map(named).chain(beyond);
        let restrictions = restrictions.map(TermsError::Restriction);
        terms.chain(restrictions).map(PatchError::Terms).collect()
    }

    /// Decides on a suspension of this key. A suspension from a higher level replaces one from below; any other
    /// repetition has no effect.
    ///
    /// # Errors
    /// [`ChangeRefusal::NotActive`] if the key is revoked or expired, [`ChangeRefusal::WouldLockOut`] (rule 7).
    pub fn suspend(
        &self,
        chain: &Chain,
        request: &KeyChangeRequest,
        others: OtherManagerKeys,
    ) -> Result<ChangedKey, ChangeRefusal> {
        self.must_live(chain, request.now)?;
        let level = request.suspends_at_level();
        if self.facts().suspension.is_some_and(|earlier| earlier.level >= level) {
            return Ok(self.unchanged());
        }
        let suspension = Suspension { at: request.now.recorded(), by: request.by, level };
        let facts = KeyFacts { suspension: Some(suspension), ..self.facts().clone() };
        self.become_unless_locked_out(facts, chain, request, others)
    }

    /// Decides on the end of a suspension of this key. Resuming a key that is not suspended has no effect.
    ///
    /// # Errors
    /// [`ChangeRefusal::SuspendedFromAbove`] if the caller is below the level that suspended the key,
    /// [`ChangeRefusal::NotActive`] if the key is revoked or expired.
    pub fn resume(&self, chain: &Chain, request: &KeyChangeRequest) -> Result<ChangedKey, ChangeRefusal> {
        let Some(suspension) = self.facts().suspension else {
            self.must_live(chain, request.now)?;
            return Ok(self.unchanged());
        };
        if request.reach.level() < suspension.level {
            return Err(ChangeRefusal::SuspendedFromAbove);
        }
        self.must_live(chain, request.now)?;
        let resumed_at = Some(request.now.recorded());
        self.become_unless_locked_out(
            KeyFacts { suspension: None, resumed_at, ..self.facts().clone() },
            chain,
            request,
            OtherManagerKeys::Some,
        )
    }

    /// Checks that the key is neither revoked nor expired.
    fn must_live(&self, chain: &Chain, now: Now) -> Result<(), ChangeRefusal> {
        match self.status(chain, now) {
            status @ (KeyStatus::Revoked | KeyStatus::Expired) => Err(ChangeRefusal::NotActive(status)),
            KeyStatus::Active | KeyStatus::Pending | KeyStatus::Suspended => Ok(()),
        }
    }

    fn unchanged(&self) -> ChangedKey {
        ChangedKey { key: self.clone(), effect: ChangeEffect::None }
    }

    /// The key with these facts, which keep its identity.
    fn become_unless_locked_out(
        &self,
        facts: KeyFacts,
        chain: &Chain,
        request: &KeyChangeRequest,
        others: OtherManagerKeys,
    ) -> Result<ChangedKey, ChangeRefusal> {
        let effect = effect(self.facts(), &facts);
        if effect == ChangeEffect::None {
            return Ok(self.unchanged());
        }
        let key = self.with_facts(KeyFacts { version: facts.version + 1, ..facts });
        if request.locks_out(self, &key, chain, others) {
            return Err(ChangeRefusal::WouldLockOut);
        }
        Ok(ChangedKey { key, effect })
    }
}

impl KeyChangeRequest {
    /// The level that a suspension by this caller records. Each caller may lift those of the service.
    fn suspends_at_level(&self) -> Option<Level> {
        match self.by {
            Actor::Service => None,
            Actor::Key(_) | Actor::Operator => self.reach.level(),
        }
    }
}

/// What a change of facts affects. Compares all that a change may replace.
fn effect(before: &KeyFacts, after: &KeyFacts) -> ChangeEffect {
    let verdict = |facts: &KeyFacts| (facts.scopes.clone(), facts.restrictions.clone(), facts.suspension.is_some());
    if verdict(before) != verdict(after) {
        ChangeEffect::Verdict
    // No verdict shows the name of a revoked key.
    } else if before.name != after.name && matches!(after.state, KeyState::Active) {
        ChangeEffect::Shown
    } else if before == after {
        ChangeEffect::None
    } else {
        ChangeEffect::Record
    }
}

#[cfg(test)]
#[path = "key_change/tests.rs"]
mod tests;
