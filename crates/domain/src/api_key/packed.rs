//! The part of a key that authentication needs, packed for a cache that holds millions.
//!
//! One struct without padding and one text. Never printed in full, never stored.

use std::fmt;

use super::{ApiKey, InconsistentKey, KeyView, MaterialRef};
use crate::{
    AccountId, KeyId, KeyType, KeyVersion, Name, Restrictions, ScopeSet, Scopes, SecretDigest,
    secret_hash::{DigestRef, FormRef, Remembered},
};

/// Shared by most keys, so that they need no memory for it.
static UNRESTRICTED: Restrictions = Restrictions::NONE;

/// The part of a key that authentication needs. Read it through its [`view`](AuthKey::view).
#[derive(Clone, PartialEq, Eq)]
pub struct AuthKey {
    id: KeyId,
    account: AccountId,
    /// `None` for a key without restrictions.
    restrictions: Option<Box<Restrictions>>,
    /// The name, the scopes and, for some materials, one more text, concatenated.
    texts: Box<str>,
    name_len: u16,
    scopes_len: u16,
    material: Packed,
    revoked: bool,
}

/// The key type and the material, without a pointer: any text of the material ends `texts`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Packed {
    Hmac { pepper: KeyVersion, mac: [u8; 32] },
    Argon2id,
    Remembered { mac: [u8; 32] },
    Public,
    Tokenization,
}

impl fmt::Debug for AuthKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Stored facts from which an [`AuthKey`] is rebuilt.
#[derive(Clone, Debug)]
pub struct AuthFacts<'a> {
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
    /// Conditions beside its state and its account.
    pub restrictions: Restrictions,
    /// Whether the key itself was revoked.
    pub revoked: bool,
    /// The digest, for a secret key.
    pub digest: Option<&'a SecretDigest>,
    /// The value, for other types.
    pub value: Option<&'a str>,
}

impl AuthKey {
    /// Rebuilds a key from stored facts.
    ///
    /// # Errors
    /// [`InconsistentKey`] if a secret key has a readable value, or another type has a digest or a reserved scope.
    pub fn restore(facts: &AuthFacts<'_>) -> Result<Self, InconsistentKey> {
        let material = match (facts.digest, facts.value) {
            (Some(digest), None) if facts.key_type.is_secret() => MaterialRef::Secret(digest.into()),
            (None, Some(value)) if !facts.key_type.is_secret() && !facts.scopes.has_reserved() => {
                MaterialRef::Readable(value)
            }
            (Some(_) | None, Some(_) | None) => return Err(InconsistentKey),
        };
        Ok(Self::pack(KeyView {
            id: facts.id,
            account: facts.account,
            key_type: facts.key_type,
            name: facts.name.as_str(),
            scopes: facts.scopes.as_scopes(),
            restrictions: &facts.restrictions,
            revoked: facts.revoked,
            material,
        }))
    }

    /// The same key with the remembered MAC of its value instead of its digest.
    #[must_use]
    pub fn remembering(&self, value: Remembered) -> Self {
        let digest = DigestRef(FormRef::Remembered { mac: &value.0 });
        Self::pack(KeyView { material: MaterialRef::Secret(digest), ..self.view() })
    }

    fn pack(view: KeyView<'_>) -> Self {
        let (material, tail) = match view.material {
            MaterialRef::Readable(value) if view.key_type == KeyType::Public => (Packed::Public, value),
            MaterialRef::Readable(value) => (Packed::Tokenization, value),
            MaterialRef::Secret(DigestRef(FormRef::Argon2id { phc })) => (Packed::Argon2id, phc),
            MaterialRef::Secret(DigestRef(FormRef::Hmac { pepper, mac })) => (Packed::Hmac { pepper, mac: *mac }, ""),
            MaterialRef::Secret(DigestRef(FormRef::Remembered { mac })) => (Packed::Remembered { mac: *mac }, ""),
        };
        // A name has at most 200 characters and all scopes together at most 6,500: both lengths fit.
        let length = |text: &str| u16::try_from(text.len()).unwrap_or(u16::MAX);
        Self {
            id: view.id,
            account: view.account,
            restrictions: (*view.restrictions != UNRESTRICTED).then(|| Box::new(view.restrictions.clone())),
            texts: [view.name, view.scopes.as_str(), tail].concat().into(),
            name_len: length(view.name),
            scopes_len: length(view.scopes.as_str()),
            material,
            revoked: view.revoked,
        }
    }

    /// The part of the key that verification needs.
    #[must_use]
    pub fn view(&self) -> KeyView<'_> {
        let (name, rest) = self.texts.split_at(usize::from(self.name_len));
        let (scopes, _) = rest.split_at(usize::from(self.scopes_len));
        KeyView {
            id: self.id,
            account: self.account,
            key_type: self.key_type(),
            name,
            scopes: Scopes::separated_by_spaces(scopes),
            restrictions: self.restrictions.as_deref().unwrap_or(&UNRESTRICTED),
            revoked: self.revoked,
            material: self.material(),
        }
    }

    /// Type of the key.
    #[must_use]
    pub const fn key_type(&self) -> KeyType {
        match self.material {
            Packed::Hmac { .. } | Packed::Argon2id | Packed::Remembered { .. } => KeyType::Secret,
            Packed::Public => KeyType::Public,
            Packed::Tokenization => KeyType::Tokenization,
        }
    }

    /// Scopes granted to the key.
    #[must_use]
    pub fn scopes(&self) -> Scopes<'_> {
        let start = usize::from(self.name_len);
        Scopes::separated_by_spaces(&self.texts[start..start + usize::from(self.scopes_len)])
    }

    /// The stored form of the key's value. Cheaper than the whole view.
    #[must_use]
    pub fn material(&self) -> MaterialRef<'_> {
        let tail = || &self.texts[usize::from(self.name_len) + usize::from(self.scopes_len)..];
        match &self.material {
            Packed::Public | Packed::Tokenization => MaterialRef::Readable(tail()),
            Packed::Argon2id => MaterialRef::Secret(DigestRef(FormRef::Argon2id { phc: tail() })),
            Packed::Hmac { pepper, mac } => MaterialRef::Secret(DigestRef(FormRef::Hmac { pepper: *pepper, mac })),
            Packed::Remembered { mac } => MaterialRef::Secret(DigestRef(FormRef::Remembered { mac })),
        }
    }

    /// Unique identifier.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// The account that owns the key.
    #[must_use]
    pub const fn account(&self) -> AccountId {
        self.account
    }

    /// Size in bytes, including its texts and restrictions.
    #[must_use]
    pub fn size(&self) -> usize {
        let restrictions = self.restrictions.as_ref().map_or(0, |_| size_of::<Restrictions>());
        size_of::<Self>() + self.texts.len() + restrictions
    }
}

impl From<&ApiKey> for AuthKey {
    fn from(key: &ApiKey) -> Self {
        Self::pack(key.view())
    }
}

#[cfg(test)]
mod tests {
    //! Packing a key changes nothing that its view shows.
    use super::*;
    use crate::{
        Environment, MasterKey, PresentedValue, Proof, SecretForm, SecretHasher,
        fixture::{facts, hasher, secret, until, value},
    };

    #[test]
    fn a_packed_key_has_the_view_of_the_whole_key() {
        for key_type in [KeyType::Secret, KeyType::Public, KeyType::Tokenization] {
            for (scopes, restrictions) in [("", Restrictions::NONE), ("charges:read charges:write", until(7))] {
                let key =
                    ApiKey::restore(super::super::KeyFacts { restrictions, ..facts(1, key_type, scopes) }).unwrap();
                assert_eq!(AuthKey::from(&key).view(), key.view(), "{key_type} {scopes}");
            }
        }
    }

    #[test]
    fn a_packed_key_is_small() {
        assert!(size_of::<AuthKey>() <= 96, "{}", size_of::<AuthKey>());
    }

    #[test]
    fn a_key_that_contradicts_itself_is_not_restored() {
        let key = secret(1, "api-keys:read");
        let facts = AuthFacts {
            id: key.id(),
            account: key.facts().account,
            key_type: KeyType::Secret,
            name: key.facts().name.clone(),
            scopes: key.facts().scopes.clone(),
            restrictions: Restrictions::NONE,
            revoked: false,
            digest: key.digest(),
            value: None,
        };
        assert_eq!(AuthKey::restore(&facts).unwrap(), AuthKey::from(&key));
        let public = AuthFacts { key_type: KeyType::Public, digest: None, value: Some("pk"), ..facts.clone() };
        for wrong in [
            AuthFacts { digest: None, ..facts.clone() },
            AuthFacts { value: Some("pk"), ..facts.clone() },
            AuthFacts { key_type: KeyType::Public, ..facts },
            public.clone(),
            AuthFacts { key_type: KeyType::Secret, ..public },
        ] {
            assert!(AuthKey::restore(&wrong).is_err(), "{wrong:?}");
        }
    }

    fn parse(value: &str) -> PresentedValue<'_> {
        PresentedValue::parse(value, Environment::Sandbox).unwrap()
    }

    #[test]
    fn a_remembered_value_proves_only_itself_and_only_in_this_process() {
        let (mine, other) = (value(KeyType::Secret, 1), value(KeyType::Secret, 2));
        let process = |key| {
            SecretHasher::new(&MasterKey::from_bytes(&[1; 32]).unwrap(), SecretForm::Argon2id).remembering(&[key; 32])
        };
        let kept = process(1).remember(&parse(mine.expose())).unwrap();
        let key = AuthKey::from(&secret(1, "")).remembering(kept);
        let holds = |hasher: &SecretHasher, value: &str| key.view().prove(&parse(value), hasher).map(Proof::holds);
        assert_eq!(holds(&process(1), mine.expose()), Ok(true));
        assert_eq!(holds(&process(1), other.expose()), Ok(false));
        assert_eq!(holds(&process(2), mine.expose()), Ok(false));
        assert!(holds(&hasher(), mine.expose()).is_err(), "a hasher that remembers nothing gives no verdict");
        assert!(!process(1).needs_rehash(key.view().digest().unwrap()));
        assert!(key.view().digest().unwrap().stored().is_none());
    }
}
