//! The part of a key that authentication needs, packed for a cache that holds millions.
//!
//! One struct without padding and one text. Judges nothing; never printed in full, never stored.

use std::fmt;

use keyward_domain::{
    AccountId, AuthKey, DigestRef, HmacDigest, KeyId, KeyType, KeyView, MaterialRef, Remembered, Restrictions, Scopes,
    Timestamp,
};

/// Shared by most keys, so that they need no memory for it.
static UNRESTRICTED: Restrictions = Restrictions::NONE;

/// The part of a key that authentication needs. Read it through its [`view`](PackedKey::view).
#[derive(Clone, PartialEq, Eq)]
pub struct PackedKey {
    id: KeyId,
    account: AccountId,
    created_at: Timestamp,
    /// `None` for a key without restrictions.
    restrictions: Option<Box<Restrictions>>,
    /// The name, the scopes and, for some materials, one more text, concatenated.
    texts: Box<str>,
    name_len: u16,
    scopes_len: u16,
    material: PackedMaterial,
    /// [`REVOKED`] and [`SUSPENDED`]: two fields would take eight bytes more.
    flags: u8,
}

const REVOKED: u8 = 1;
const SUSPENDED: u8 = 2;

/// The key type and the material, without a pointer: any text of the material ends `texts`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum PackedMaterial {
    Hmac(HmacDigest),
    Argon2id,
    Remembered(Remembered),
    Public,
    Tokenization,
}

impl fmt::Debug for PackedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PackedKey").field("id", &self.id).finish_non_exhaustive()
    }
}

impl PackedKey {
    /// The same key with the remembered MAC of its value instead of its digest.
    #[must_use]
    pub fn remembering(&self, value: Remembered) -> Self {
        Self::pack(KeyView { material: MaterialRef::Secret(DigestRef::Remembered(&value)), ..self.view() })
    }

    fn pack(view: KeyView<'_>) -> Self {
        let (material, tail) = match view.material {
            MaterialRef::Readable(value) if view.key_type == KeyType::Public => (PackedMaterial::Public, value),
            MaterialRef::Readable(value) => (PackedMaterial::Tokenization, value),
            MaterialRef::Secret(DigestRef::Argon2id(phc)) => (PackedMaterial::Argon2id, phc),
            MaterialRef::Secret(DigestRef::Hmac(digest)) => (PackedMaterial::Hmac(*digest), ""),
            MaterialRef::Secret(DigestRef::Remembered(value)) => (PackedMaterial::Remembered(*value), ""),
        };
        // A name has at most 200 characters and all scopes together at most 6,500: both lengths fit.
        let length = |text: &str| u16::try_from(text.len()).unwrap_or(u16::MAX);
        Self {
            id: view.id,
            account: view.account,
            created_at: view.created_at,
            restrictions: (*view.restrictions != UNRESTRICTED).then(|| Box::new(view.restrictions.clone())),
            texts: [view.name, view.scopes.as_str(), tail].concat().into(),
            name_len: length(view.name),
            scopes_len: length(view.scopes.as_str()),
            material,
            flags: u8::from(view.revoked) * REVOKED + u8::from(view.suspended) * SUSPENDED,
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
            scopes: Scopes::of_parsed(scopes),
            created_at: self.created_at,
            restrictions: self.restrictions.as_deref().unwrap_or(&UNRESTRICTED),
            revoked: self.flags & REVOKED != 0,
            suspended: self.flags & SUSPENDED != 0,
            material: self.material(),
        }
    }

    /// Type of the key.
    #[must_use]
    pub const fn key_type(&self) -> KeyType {
        match self.material {
            PackedMaterial::Hmac(_) | PackedMaterial::Argon2id | PackedMaterial::Remembered(_) => KeyType::Secret,
            PackedMaterial::Public => KeyType::Public,
            PackedMaterial::Tokenization => KeyType::Tokenization,
        }
    }

    /// Scopes granted to the key.
    #[must_use]
    pub fn scopes(&self) -> Scopes<'_> {
        let start = usize::from(self.name_len);
        Scopes::of_parsed(&self.texts[start..start + usize::from(self.scopes_len)])
    }

    /// What is stored of the key's value. Cheaper than the whole view.
    #[must_use]
    pub fn material(&self) -> MaterialRef<'_> {
        let tail = || &self.texts[usize::from(self.name_len) + usize::from(self.scopes_len)..];
        match &self.material {
            PackedMaterial::Public | PackedMaterial::Tokenization => MaterialRef::Readable(tail()),
            PackedMaterial::Argon2id => MaterialRef::Secret(DigestRef::Argon2id(tail())),
            PackedMaterial::Hmac(digest) => MaterialRef::Secret(DigestRef::Hmac(digest)),
            PackedMaterial::Remembered(value) => MaterialRef::Secret(DigestRef::Remembered(value)),
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

impl From<&AuthKey> for PackedKey {
    fn from(key: &AuthKey) -> Self {
        Self::pack(key.view())
    }
}

#[cfg(test)]
mod tests {
    //! Packing a key changes nothing that its view shows.
    use keyward_domain::{
        AuthFacts, Environment, KeyValue, MasterKey, Material, Name, PresentedValue, SecretForm, SecretHasher,
        Timestamp,
    };
    use uuid::Uuid;

    use super::*;

    const ID: KeyId = KeyId::from_uuid(Uuid::from_u128(1));

    fn hasher(form: SecretForm) -> SecretHasher {
        SecretHasher::new(&MasterKey::from_bytes(&[1; 32]).unwrap(), form).remembering(&[2; 32])
    }

    fn value(key_type: KeyType) -> KeyValue {
        KeyValue::mint(key_type, Environment::Sandbox, ID, [7; 32])
    }

    fn key(material: Material, key_type: KeyType, scopes: &str, restrictions: Restrictions) -> AuthKey {
        AuthKey::restore(AuthFacts {
            id: ID,
            account: AccountId::from_uuid(Uuid::from_u128(3)),
            key_type,
            name: Name::parse("a key").unwrap(),
            scopes: scopes.parse().unwrap(),
            created_at: Timestamp::MIN,
            restrictions,
            revoked: !scopes.is_empty(),
            suspended: scopes.is_empty(),
            material,
        })
        .unwrap()
    }

    #[test]
    fn a_packed_key_has_the_view_of_the_key() {
        let digest = |form| Material::Secret(hasher(form).digest(&value(KeyType::Secret), &[0; 16]).unwrap());
        let until = Restrictions { expires_at: Some(Timestamp::MAX), ..Restrictions::NONE };
        for (material, key_type) in [
            (digest(SecretForm::Hmac), KeyType::Secret),
            (digest(SecretForm::Argon2id), KeyType::Secret),
            (Material::Readable("pk_test".into()), KeyType::Public),
            (Material::Readable("tk_test".into()), KeyType::Tokenization),
        ] {
            for (scopes, restrictions) in [("", Restrictions::NONE), ("charges:read charges:write", until.clone())] {
                let key = key(material.clone(), key_type, scopes, restrictions);
                let packed = PackedKey::from(&key);
                assert_eq!(packed.view(), key.view(), "{key_type} {scopes}");
                assert_eq!((packed.key_type(), packed.scopes()), (key_type, key.view().scopes));
                assert_eq!((packed.id(), packed.account()), (key.id(), key.view().account));
            }
        }
    }

    #[test]
    fn a_packed_key_is_small() {
        assert!(size_of::<PackedKey>() <= 104, "{}", size_of::<PackedKey>());
    }

    #[test]
    fn a_remembered_value_replaces_the_digest_and_nothing_else() {
        let (hasher, value) = (hasher(SecretForm::Argon2id), value(KeyType::Secret));
        let presented = PresentedValue::parse(value.expose(), Environment::Sandbox).unwrap();
        let digest = hasher.digest(&value, &[0; 16]).unwrap();
        let slow = PackedKey::from(&key(Material::Secret(digest), KeyType::Secret, "charges:read", Restrictions::NONE));
        let kept = hasher.remember(&presented).unwrap();
        let quick = slow.remembering(kept);
        assert_eq!(
            quick.view(),
            KeyView { material: MaterialRef::Secret(DigestRef::Remembered(&kept)), ..slow.view() }
        );
        assert!(quick.view().prove(&presented, &hasher).unwrap().holds());
        assert!(quick.view().digest().unwrap().stored().is_none());
    }
}
