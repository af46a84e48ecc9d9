//! One API key: what it is, and whether it is usable.
//!
//! [`revocation`](crate::revocation) decides how a key ends. Verification needs only a [`KeyView`]. An [`AuthKey`]
//! returns one too: it is the part of the key that authentication reads. Nothing here reads a clock: the caller passes
//! the time.

mod auth_key;
mod terms;
mod unusable;
mod view;

pub use auth_key::{AuthFacts, AuthKey};
pub(crate) use terms::reserved_scopes;
pub use terms::{KeyTerms, TermsError};
pub use unusable::Unusable;
pub use view::{KeyStatus, KeyView, MaterialRef, UsableKey};

use crate::{
    AccountId, Actor, Chain, Context, Description, IDLE_MARGIN, Idle, IdleAction, KeyId, KeyType, KeyValue, LastFour,
    Level, Metadata, Name, Now, PairId, Permission, Policy, PresentedValue, Restrictions, Revocation, ScopeSet,
    SecretDigest, SecretHasher, Standing, Timestamp,
    secret_hash::{DigestError, Proof},
};

/// The stored form of a key's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Material {
    /// Only a digest, for a secret key.
    Secret(SecretDigest),
    /// The value, for other types: it is not secret, and lists show it.
    Readable(Box<str>),
}

impl Material {
    /// Whether a key of this type with these scopes may have it: only a secret key has a digest, and only a secret key
    /// holds scopes of this service.
    fn fits(&self, key_type: KeyType, scopes: &ScopeSet) -> bool {
        matches!(self, Self::Secret(_)) == key_type.is_secret() && (key_type.is_secret() || !scopes.has_reserved())
    }
}

impl<'a> From<&'a Material> for MaterialRef<'a> {
    fn from(material: &'a Material) -> Self {
        match material {
            Material::Secret(digest) => Self::Secret(digest.into()),
            Material::Readable(value) => Self::Readable(value),
        }
    }
}

/// The pair that a key was issued in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairMembership {
    /// Id of the pair.
    pub id: PairId,
    /// Name, unique among the account's active pairs.
    pub unique_name: Box<str>,
}

/// The stored state of a key. Expiry is not stored: it follows from the time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// Not revoked.
    Active,
    /// Revoked, permanently (rule 1).
    Revoked(Revocation),
}

/// A suspension of a key. Verification answers `SUSPENDED` until it is resumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suspension {
    /// Time of the suspension.
    pub at: Timestamp,
    /// Who suspended the key.
    pub by: Actor,
    /// Level of that caller: only callers at or above it may resume the key. None for a merchant and for the service,
    /// whose suspensions each caller may lift.
    pub level: Option<Level>,
}

/// Everything stored of a key: the input of [`ApiKey::restore`] and the output of [`ApiKey::facts`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFacts {
    /// Unique identifier.
    pub id: KeyId,
    /// The account that owns the key.
    pub account: AccountId,
    /// Purpose of the key.
    pub key_type: KeyType,
    /// Name for people; need not be unique.
    pub name: Name,
    /// Note for people.
    pub description: Option<Description>,
    /// Strings that the owner keeps with the key.
    pub metadata: Metadata,
    /// Scopes granted to the key.
    pub scopes: ScopeSet,
    /// Digest or readable value.
    pub material: Material,
    /// Last four characters of the value.
    pub last_four: LastFour,
    /// Time of issue.
    pub created_at: Timestamp,
    /// Who issued the key.
    pub created_by: Actor,
    /// Conditions beside its state and its account.
    pub restrictions: Restrictions,
    /// Active, or revoked with the details.
    pub state: KeyState,
    /// The suspension of the key itself; stays with a key that is revoked while it is suspended.
    pub suspension: Option<Suspension>,
    /// When the key was last resumed.
    pub resumed_at: Option<Timestamp>,
    /// Grows with each change made to the key; 1 for a new key.
    pub version: u64,
    /// The pair that the key was issued in.
    pub pair: Option<PairMembership>,
}

/// One API key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey(KeyFacts);

/// Stored facts that contradict each other: the row is corrupt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stored facts of the key contradict each other")]
pub struct InconsistentKey;

/// The account is not active, so it gets no new keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the account, or one above it, is suspended or closed")]
pub struct AccountNotActive;

/// Identity and origin of a new key: everything that is not part of its terms.
#[derive(Clone, Debug)]
pub struct Origin {
    /// Fresh identifier.
    pub id: KeyId,
    /// Current time.
    pub at: Timestamp,
    /// Who issues the key.
    pub by: Actor,
    /// The pair that the key is issued in.
    pub pair: Option<PairMembership>,
}

impl ApiKey {
    /// Issues a key for the account of `chain`. The owner receives `value`; the service stores `digest` for a secret
    /// key and the value itself for other types.
    ///
    /// # Errors
    /// [`AccountNotActive`] if the account or an ancestor is suspended or closed.
    pub fn issue(
        terms: KeyTerms,
        origin: Origin,
        chain: &Chain,
        value: &KeyValue,
        digest: Option<SecretDigest>,
    ) -> Result<Self, AccountNotActive> {
        if chain.standing() != Standing::Active {
            return Err(AccountNotActive);
        }
        let material = digest.map_or_else(|| Material::Readable(value.expose().into()), Material::Secret);
        let terms::Agreed { key_type, name, description, metadata, scopes, restrictions } = terms.into();
        Ok(Self(KeyFacts {
            id: origin.id,
            account: chain.own().id,
            key_type,
            name,
            description,
            metadata,
            scopes,
            material,
            last_four: value.last_four(),
            created_at: origin.at,
            created_by: origin.by,
            restrictions,
            state: KeyState::Active,
            suspension: None,
            resumed_at: None,
            version: 1,
            pair: origin.pair,
        }))
    }

    /// Rebuilds a key from stored facts.
    ///
    /// # Errors
    /// [`InconsistentKey`] if a secret key has a readable value, or another type has a digest or a reserved scope.
    pub fn restore(facts: KeyFacts) -> Result<Self, InconsistentKey> {
        if facts.material.fits(facts.key_type, &facts.scopes) { Ok(Self(facts)) } else { Err(InconsistentKey) }
    }

    /// Adds the key to a pair. Only for a key not yet stored or shown.
    #[must_use]
    pub fn in_pair(self, pair: PairMembership) -> Self {
        Self(KeyFacts { pair: Some(pair), ..self.0 })
    }

    /// The same key with other facts, which keep its type and its material.
    pub(crate) fn with_facts(&self, facts: KeyFacts) -> Self {
        debug_assert!(facts.id == self.id() && facts.material.fits(facts.key_type, &facts.scopes));
        Self(facts)
    }

    /// Unique identifier.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.0.id
    }

    /// All stored facts.
    #[must_use]
    pub const fn facts(&self) -> &KeyFacts {
        &self.0
    }

    /// The value, unless it is secret.
    #[must_use]
    pub const fn readable_value(&self) -> Option<&str> {
        match &self.0.material {
            Material::Secret(_) => None,
            Material::Readable(value) => Some(value),
        }
    }

    /// The digest, if the value is secret.
    #[must_use]
    pub const fn digest(&self) -> Option<&SecretDigest> {
        match &self.0.material {
            Material::Secret(digest) => Some(digest),
            Material::Readable(_) => None,
        }
    }

    /// The revocation of the key itself; closing an account does not appear here.
    #[must_use]
    pub const fn revocation(&self) -> Option<&Revocation> {
        match &self.0.state {
            KeyState::Active => None,
            KeyState::Revoked(revocation) => Some(revocation),
        }
    }

    /// The part of the key that verification needs.
    #[must_use]
    pub fn view(&self) -> KeyView<'_> {
        KeyView {
            id: self.0.id,
            account: self.0.account,
            key_type: self.0.key_type,
            name: self.0.name.as_str(),
            scopes: self.0.scopes.as_scopes(),
            created_at: self.0.created_at,
            restrictions: &self.0.restrictions,
            revoked: matches!(self.0.state, KeyState::Revoked(_)),
            suspended: self.0.suspension.is_some(),
            material: (&self.0.material).into(),
        }
    }

    /// Checks that the key may be used by a request with this context. `chain` must be its account's.
    ///
    /// # Errors
    /// [`Unusable`] with the first reason that applies.
    pub fn usable(&self, chain: &Chain, context: &Context) -> Result<UsableKey<'_>, Unusable> {
        self.view().usable(chain, context)
    }

    /// The key's state for a reader. Does not show a suspension of its account, which the account shows.
    #[must_use]
    pub fn status(&self, chain: &Chain, now: Now) -> KeyStatus {
        self.view().status(chain, now)
    }

    /// When the key ends by its own end or by the policy of its account; `None` for never.
    #[must_use]
    pub fn ends_at(&self, chain: &Chain) -> Option<Timestamp> {
        self.view().ends_at(chain)
    }

    /// Since when the key is idle: its last use, or its creation, start or resumption, whichever is latest (contract,
    /// section 16).
    #[must_use]
    pub fn idle_since(&self, last_used: Option<Timestamp>) -> Timestamp {
        let KeyFacts { created_at, resumed_at, restrictions, .. } = &self.0;
        let later = [last_used, *resumed_at, restrictions.not_before].into_iter().flatten().max();
        later.map_or(*created_at, |later| later.max(*created_at))
    }

    /// What this policy demands for the key, if it is idle. A use may be recorded a little later than it happens, so a
    /// key counts as idle only [`IDLE_MARGIN`] after its period, by the earlier clock.
    #[must_use]
    pub fn idle_action(&self, policy: &Policy, last_used: Option<Timestamp>, now: Now) -> Option<IdleAction> {
        let Idle { period, action } = policy.idle?;
        let idle_from = period.after(self.idle_since(last_used)).saturating_add(IDLE_MARGIN);
        (idle_from <= now.earliest()).then_some(action)
    }

    /// Whether a changed policy ends the key. `before` and `after` are its account's chain with the present and with
    /// the changed policies. A key ends if it expires, or if it is not usable any more until its secret is rotated.
    #[must_use]
    pub fn is_ended_between(&self, before: &Chain, after: &Chain, now: Now) -> bool {
        let is_revoked = self.status(before, now) == KeyStatus::Revoked;
        let has_ended = |chain| self.view().usable_until(chain).is_some_and(|end| now.has_passed(end));
        !is_revoked && !has_ended(before) && has_ended(after)
    }

    /// Whether the key is a manager key: a secret key that may create and revoke keys (rule 7).
    #[must_use]
    pub fn is_manager_key(&self) -> bool {
        self.0.key_type.is_secret() && self.0.scopes.permits(Permission::WriteKeys)
    }

    /// Compares a presented value with this key's.
    ///
    /// # Errors
    /// [`DigestError`] if this node cannot check the stored digest. This is never a verdict on the value.
    pub fn prove(&self, presented: &PresentedValue<'_>, hasher: &SecretHasher) -> Result<Proof, DigestError> {
        self.view().prove(presented, hasher)
    }
}

#[cfg(test)]
#[path = "api_key/tests.rs"]
mod tests;
