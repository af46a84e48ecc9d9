//! The checked terms of a new key. Draws no value and reads no clock.

use crate::{
    Description, KeyType, Metadata, Name, Now, Policy, RestrictionError, Restrictions, Scope, ScopeSet, Timestamp,
};

/// The checked terms of a new key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyTerms(Agreed);

/// The terms by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Agreed {
    pub(super) key_type: KeyType,
    pub(super) name: Name,
    pub(super) description: Option<Description>,
    pub(super) metadata: Metadata,
    pub(super) scopes: ScopeSet,
    pub(super) restrictions: Restrictions,
}

impl From<KeyTerms> for Agreed {
    fn from(terms: KeyTerms) -> Self {
        terms.0
    }
}

/// Why a key cannot have the requested terms.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TermsError {
    /// Only secret keys may hold scopes of this service.
    #[error("must not be {scope}, which only secret keys may hold")]
    ReservedScope {
        /// The place of the scope among the requested ones, counted from 0.
        place: usize,
        /// The scope.
        scope: Scope,
    },
    /// It cannot have one of its restrictions.
    #[error(transparent)]
    Restriction(#[from] RestrictionError),
}

impl KeyTerms {
    /// Checks the requested terms as a whole.
    ///
    /// # Errors
    /// [`TermsError`] if the key type may not hold the scopes, or the key would already be expired at `now`.
    pub fn agree(
        key_type: KeyType,
        name: Name,
        description: Option<Description>,
        scopes: ScopeSet,
        restrictions: Restrictions,
        now: Now,
    ) -> Result<Self, TermsError> {
        if let Some(error) = Self::errors(key_type, &scopes, &restrictions, now).next() {
            return Err(error);
        }
        let metadata = Metadata::empty();
        Ok(Self(Agreed { key_type, name, description, metadata, scopes, restrictions }))
    }

    /// All reasons for which [`agree`](Self::agree) would refuse.
    pub fn errors(
        key_type: KeyType,
        scopes: &ScopeSet,
        restrictions: &Restrictions,
        now: Now,
    ) -> impl Iterator<Item = TermsError> + use<> {
        let mut errors = reserved_scopes(key_type, scopes);
        errors.extend(restrictions.errors(now).map(TermsError::Restriction));
        errors.into_iter()
    }

    /// The same terms under the effective policy of the key's account: with its default life, if no end was requested.
    ///
    /// # Errors
    /// [`RestrictionError::BeyondPolicy`] if the key would live longer than the policy allows, and
    /// [`RestrictionError::BeginsBeyondPolicy`] if it would begin only then.
    pub fn under(self, policy: &Policy, created_at: Timestamp) -> Result<Self, RestrictionError> {
        if let Some(error) = self.0.restrictions.beyond(policy, created_at).next() {
            return Err(error);
        }
        let Restrictions { not_before, expires_at } = self.0.restrictions;
        let expires_at = expires_at.or_else(|| policy.default_end(created_at, not_before));
        let restrictions = Restrictions { expires_at, ..self.0.restrictions };
        Ok(Self(Agreed { restrictions, ..self.0 }))
    }

    /// The same terms for a key with this metadata.
    #[must_use]
    pub fn with_metadata(self, metadata: Metadata) -> Self {
        Self(Agreed { metadata, ..self.0 })
    }

    /// Type of the new key.
    #[must_use]
    pub const fn key_type(&self) -> KeyType {
        self.0.key_type
    }

    /// Scopes of the new key.
    #[must_use]
    pub const fn scopes(&self) -> &ScopeSet {
        &self.0.scopes
    }

    /// Name of the new key.
    #[must_use]
    pub const fn name(&self) -> &Name {
        &self.0.name
    }
}

/// The scopes that a key of this type may not hold: only secret keys hold scopes of this service.
pub(crate) fn reserved_scopes(key_type: KeyType, scopes: &ScopeSet) -> Vec<TermsError> {
    if key_type.is_secret() {
        return Vec::new();
    }
    let scopes = scopes.iter().map(str::parse::<Scope>).enumerate();
    let reserved = scopes.filter_map(|(place, scope)| Some((place, scope.ok().filter(Scope::is_reserved)?)));
    reserved.map(|(place, scope)| TermsError::ReservedScope { place, scope }).collect()
}
