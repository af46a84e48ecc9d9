//! One API key: what it is, and whether it is usable.
//!
//! How it comes to its end is decided in [`revocation`](crate::revocation). What verification needs of it is a
//! [`KeyView`], which an [`AuthKey`] gives too: a fraction of the key, packed for a cache that holds millions. Nothing
//! here reads a clock: every question about time is asked with the time.

mod packed;
mod view;

pub use packed::{AuthFacts, AuthKey};
pub use view::{KeyView, MaterialRef, Unusable, UsableKey};

use crate::{
    AccountId, Actor, Chain, Description, KeyId, KeyType, KeyValue, LastFour, Name, PairId, Permission, PresentedValue,
    Revocation, Scope, ScopeSet, SecretDigest, SecretHasher, Standing, Timestamp,
    account::text_enum,
    secret_hash::{DigestError, Proof},
};

/// What somebody asks a new key to be; agreed to, so it can be issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyTerms {
    key_type: KeyType,
    name: Name,
    description: Option<Description>,
    scopes: ScopeSet,
    expires_at: Option<Timestamp>,
}

/// Why a key cannot be what was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TermsError {
    /// Only secret keys may hold scopes of this service.
    #[error("must not be {scope}, which only secret keys may hold")]
    ReservedScope {
        /// The place of the scope among those that were asked for, counted from 0.
        place: usize,
        /// The scope.
        scope: Scope,
    },
    /// A key that is dead from the start.
    #[error("must be in the future")]
    ExpiryNotInFuture,
}

impl KeyTerms {
    /// Checks what was asked for as a whole.
    ///
    /// # Errors
    /// [`TermsError`] if the scopes do not go with the type, or the key would be expired at `now` already.
    pub fn agree(
        key_type: KeyType,
        name: Name,
        description: Option<Description>,
        scopes: ScopeSet,
        expires_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Self, TermsError> {
        match Self::errors(key_type, &scopes, expires_at, now).next() {
            Some(error) => Err(error),
            None => Ok(Self { key_type, name, description, scopes, expires_at }),
        }
    }

    /// Everything for which [`agree`](Self::agree) would refuse.
    pub fn errors(
        key_type: KeyType,
        scopes: &ScopeSet,
        expires_at: Option<Timestamp>,
        now: Timestamp,
    ) -> impl Iterator<Item = TermsError> + use<> {
        let mut errors = Vec::new();
        if !key_type.is_secret() {
            let scopes = scopes.iter().map(str::parse::<Scope>).enumerate();
            let reserved = scopes.filter_map(|(place, scope)| Some((place, scope.ok().filter(Scope::is_reserved)?)));
            errors.extend(reserved.map(|(place, scope)| TermsError::ReservedScope { place, scope }));
        }
        errors.extend(expires_at.is_some_and(|at| at <= now).then_some(TermsError::ExpiryNotInFuture));
        errors.into_iter()
    }

    /// What the key will be for.
    #[must_use]
    pub const fn key_type(&self) -> KeyType {
        self.key_type
    }

    /// What it will be allowed to do.
    #[must_use]
    pub const fn scopes(&self) -> &ScopeSet {
        &self.scopes
    }

    /// What it will be called.
    #[must_use]
    pub const fn name(&self) -> &Name {
        &self.name
    }
}

/// What the service keeps of a key's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Material {
    /// Of a secret key only a digest.
    Secret(SecretDigest),
    /// Of the others the value: it is no secret, and lists show it.
    Readable(Box<str>),
}

/// The pair that a key was made as part of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairMembership {
    /// The pair.
    pub id: PairId,
    /// Its name, unique among the active pairs of the account.
    pub unique_name: Box<str>,
}

/// Where a key stands in its life, as it is stored. Expiry is no state: time alone brings it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// Not revoked.
    Active,
    /// Revoked, for good (rule 1).
    Revoked(Revocation),
}

/// Where a key stands for a reader: the contract's word `state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyStatus {
    /// Neither revoked nor expired.
    Active,
    /// Its time has passed.
    Expired,
    /// Revoked, or its account or one above it was closed.
    Revoked,
}

text_enum!(KeyStatus, "active, expired, revoked", Active = "active", Expired = "expired", Revoked = "revoked");

/// Everything that is stored of a key: what [`ApiKey::restore`] takes and [`ApiKey::facts`] gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFacts {
    /// Its name.
    pub id: KeyId,
    /// The one account that it belongs to.
    pub account: AccountId,
    /// What it is for.
    pub key_type: KeyType,
    /// What people call it.
    pub name: Name,
    /// What somebody noted about it.
    pub description: Option<Description>,
    /// What it may do.
    pub scopes: ScopeSet,
    /// What is kept of its value.
    pub material: Material,
    /// The last four characters of its value.
    pub last_four: LastFour,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: Actor,
    /// When it dies by itself; at that very instant it is dead already (rule 3).
    pub expires_at: Option<Timestamp>,
    /// Whether it was revoked.
    pub state: KeyState,
    /// The pair that it belongs to.
    pub pair: Option<PairMembership>,
}

/// One API key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey(KeyFacts);

/// Stored facts that contradict each other: the row was not written by this service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stored facts of the key contradict each other")]
pub struct InconsistentKey;

/// The account is not in business, so it gets no new keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the account, or one above it, is suspended or closed")]
pub struct AccountNotActive;

/// Whence a new key comes: everything about it that is not its terms.
#[derive(Clone, Debug)]
pub struct Origin {
    /// A fresh name.
    pub id: KeyId,
    /// Now.
    pub at: Timestamp,
    /// Who makes it.
    pub by: Actor,
    /// The pair that it is made as part of.
    pub pair: Option<PairMembership>,
}

impl ApiKey {
    /// Makes a new key for the account at the foot of `chain`. `value` is what its owner gets; what is stored of it is
    /// `digest` for a secret key and the value itself for the others.
    ///
    /// # Errors
    /// [`AccountNotActive`] if the account or one above it is suspended or closed.
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
        let KeyTerms { key_type, name, description, scopes, expires_at } = terms;
        Ok(Self(KeyFacts {
            id: origin.id,
            account: chain.own().id,
            key_type,
            name,
            description,
            scopes,
            material,
            last_four: value.last_four(),
            created_at: origin.at,
            created_by: origin.by,
            expires_at,
            state: KeyState::Active,
            pair: origin.pair,
        }))
    }

    /// Rebuilds a key from what was stored.
    ///
    /// # Errors
    /// [`InconsistentKey`] if a secret key carries a readable value, another one a digest or a scope of this service.
    pub fn restore(facts: KeyFacts) -> Result<Self, InconsistentKey> {
        let material_fits = matches!(facts.material, Material::Secret(_)) == facts.key_type.is_secret();
        let scopes_fit = facts.key_type.is_secret() || !facts.scopes.has_reserved();
        if material_fits && scopes_fit { Ok(Self(facts)) } else { Err(InconsistentKey) }
    }

    /// The same key as part of a pair. For a key that nobody has seen yet.
    #[must_use]
    pub fn in_pair(self, pair: PairMembership) -> Self {
        Self(KeyFacts { pair: Some(pair), ..self.0 })
    }

    /// Its name.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.0.id
    }

    /// All that is known of it.
    #[must_use]
    pub const fn facts(&self) -> &KeyFacts {
        &self.0
    }

    /// The value, where it is no secret.
    #[must_use]
    pub const fn readable_value(&self) -> Option<&str> {
        match &self.0.material {
            Material::Secret(_) => None,
            Material::Readable(value) => Some(value),
        }
    }

    /// The digest, where the value is a secret.
    #[must_use]
    pub const fn digest(&self) -> Option<&SecretDigest> {
        match &self.0.material {
            Material::Secret(digest) => Some(digest),
            Material::Readable(_) => None,
        }
    }

    /// How it was revoked, if it was itself.
    #[must_use]
    pub const fn revocation(&self) -> Option<&Revocation> {
        match &self.0.state {
            KeyState::Active => None,
            KeyState::Revoked(revocation) => Some(revocation),
        }
    }

    /// The key as verification looks at it.
    #[must_use]
    pub fn view(&self) -> KeyView<'_> {
        KeyView {
            id: self.0.id,
            account: self.0.account,
            key_type: self.0.key_type,
            name: self.0.name.as_str(),
            scopes: self.0.scopes.as_scopes(),
            expires_at: self.0.expires_at,
            revoked: matches!(self.0.state, KeyState::Revoked(_)),
            material: match &self.0.material {
                Material::Secret(digest) => MaterialRef::Secret(digest.into()),
                Material::Readable(value) => MaterialRef::Readable(value),
            },
        }
    }

    /// Whether the key may be used at `now`. `chain` must be its account's.
    ///
    /// # Errors
    /// [`Unusable`] says why not, by the first reason that holds.
    pub fn usable(&self, chain: &Chain, now: Timestamp) -> Result<UsableKey<'_>, Unusable> {
        self.view().usable(chain, now)
    }

    /// Where the key stands for a reader. A suspension does not show here: it belongs to the account.
    #[must_use]
    pub fn condition(&self, chain: &Chain, now: Timestamp) -> KeyStatus {
        self.view().condition(chain, now)
    }

    /// Whether it is a secret key whose scopes let it create and revoke keys: what rule 7 counts. Fixed for its life.
    #[must_use]
    pub fn is_manager_key(&self) -> bool {
        self.0.key_type.is_secret() && self.0.scopes.permits(Permission::WriteKeys)
    }

    /// Whether a presented value is this key's.
    ///
    /// # Errors
    /// [`DigestError`] if this node cannot check the stored digest: never a verdict about the value.
    pub fn prove(&self, presented: &PresentedValue<'_>, hasher: &SecretHasher) -> Result<Proof, DigestError> {
        self.view().prove(presented, hasher)
    }
}

#[cfg(test)]
#[path = "api_key/tests.rs"]
mod tests;
