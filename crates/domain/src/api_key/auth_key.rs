//! The part of a key that authentication reads, checked like the whole key.
//!
//! Holds nothing of the key's origin, description or pair, and decides nothing: its [`view`](AuthKey::view) does.

use super::{ApiKey, InconsistentKey, KeyView, Material};
use crate::{AccountId, KeyId, KeyType, Name, Restrictions, ScopeSet, Timestamp};

/// The stored facts that authentication reads: the input of [`AuthKey::restore`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthFacts {
    /// Unique identifier.
    pub id: KeyId,
    /// The account that owns the key.
    pub account: AccountId,
    /// Purpose of the key.
    pub key_type: KeyType,
    /// Name for people.
    pub name: Name,
    /// Scopes granted to the key.
    pub scopes: ScopeSet,
    /// Time of issue.
    pub created_at: Timestamp,
    /// What may hold it back beside its state and its account.
    pub restrictions: Restrictions,
    /// Whether the key itself was revoked.
    pub revoked: bool,
    /// Whether the key itself is suspended.
    pub suspended: bool,
    /// Digest or readable value.
    pub material: Material,
}

/// The part of a key that authentication needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthKey(AuthFacts);

impl AuthKey {
    /// Rebuilds a key from stored facts.
    ///
    /// # Errors
    /// [`InconsistentKey`] if a secret key has a readable value, or another type has a digest or a reserved scope.
    pub fn restore(facts: AuthFacts) -> Result<Self, InconsistentKey> {
        if facts.material.fits(facts.key_type, &facts.scopes) { Ok(Self(facts)) } else { Err(InconsistentKey) }
    }

    /// Unique identifier.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.0.id
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
            revoked: self.0.revoked,
            suspended: self.0.suspended,
            material: (&self.0.material).into(),
        }
    }
}

impl From<&ApiKey> for AuthKey {
    fn from(key: &ApiKey) -> Self {
        let facts = key.facts().clone();
        Self(AuthFacts {
            id: facts.id,
            account: facts.account,
            key_type: facts.key_type,
            name: facts.name,
            scopes: facts.scopes,
            created_at: facts.created_at,
            restrictions: facts.restrictions,
            revoked: key.revocation().is_some(),
            suspended: facts.suspension.is_some(),
            material: facts.material,
        })
    }
}

#[cfg(test)]
mod tests {
    //! The part shows what the whole key does, and contradictions are refused.
    use super::*;
    use crate::{
        api_key::KeyFacts,
        fixture::{facts, secret, until},
    };

    #[test]
    fn the_part_has_the_view_of_the_whole_key() {
        for key_type in [KeyType::Secret, KeyType::Public, KeyType::Tokenization] {
            for (scopes, restrictions) in [("", Restrictions::NONE), ("charges:read charges:write", until(7))] {
                let key = ApiKey::restore(KeyFacts { restrictions, ..facts(1, key_type, scopes) }).unwrap();
                assert_eq!(AuthKey::from(&key).view(), key.view(), "{key_type} {scopes}");
            }
        }
    }

    #[test]
    fn a_key_that_contradicts_itself_is_not_restored() {
        let key = AuthKey::from(&secret(1, "api-keys:read"));
        let facts = key.0.clone();
        assert_eq!(AuthKey::restore(facts.clone()).unwrap(), key);
        let public =
            AuthFacts { key_type: KeyType::Public, material: Material::Readable("pk".into()), ..facts.clone() };
        for wrong in [
            AuthFacts { key_type: KeyType::Public, ..facts },
            public.clone(),
            AuthFacts { key_type: KeyType::Secret, ..public },
        ] {
            assert_eq!(AuthKey::restore(wrong.clone()), Err(InconsistentKey), "{wrong:?}");
        }
    }
}
