//! The master key, and every key derived from it.
//!
//! The file holds 32 random bytes per version; this module only interprets them. Each purpose has its own key, derived
//! by HKDF-SHA-256 (RFC 5869) with a fixed label, so that no derived key reveals anything about another. Reads no file.

use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

/// Length of one version of the master key, in bytes.
pub const MASTER_KEY_LEN: usize = 32;

/// All versions of the master key that a node has. Cannot be printed or copied, and is wiped on drop.
pub struct MasterKey(Vec<Zeroizing<[u8; MASTER_KEY_LEN]>>);

/// A version of the master key, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyVersion(
    /// Big-endian, so that versions sort by number; unaligned, so that a packed digest needs no padding.
    [u8; 2],
);

/// The bytes are not a master key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a master key consists of exactly 32 random bytes per version, but the file has {len} bytes")]
pub struct MasterKeyError {
    len: usize,
}

/// Purpose of a derived key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// HMAC key for hashing secret values.
    Pepper,
    /// Encrypts the private token-signing keys in the database.
    SigningKeys,
    /// Encrypts refresh tokens.
    RefreshTokens,
    /// Identifies the master key without revealing it.
    Fingerprint,
}

impl Purpose {
    const fn label(self) -> &'static [u8] {
        match self {
            Self::Pepper => b"keyward/v1/pepper",
            Self::SigningKeys => b"keyward/v1/signing-keys",
            Self::RefreshTokens => b"keyward/v1/refresh-tokens",
            Self::Fingerprint => b"keyward/v1/fingerprint",
        }
    }
}

impl KeyVersion {
    /// The first version.
    pub const FIRST: Self = Self::numbered(1);

    /// The version with this number; none for 0.
    #[must_use]
    pub const fn new(number: u16) -> Option<Self> {
        if number == 0 { None } else { Some(Self::numbered(number)) }
    }

    const fn numbered(number: u16) -> Self {
        Self(number.to_be_bytes())
    }

    /// The number, counted from 1.
    #[must_use]
    pub const fn number(self) -> u16 {
        u16::from_be_bytes(self.0)
    }
}

impl MasterKey {
    /// Parses the content of a master key file: 32 bytes for version 1, 32 more for version 2, and so on.
    ///
    /// # Errors
    /// [`MasterKeyError`] if there is no complete version, or an incomplete one.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, MasterKeyError> {
        let (versions, rest) = bytes.as_chunks::<MASTER_KEY_LEN>();
        if versions.is_empty() || !rest.is_empty() || u16::try_from(versions.len()).is_err() {
            return Err(MasterKeyError { len: bytes.len() });
        }
        Ok(Self(versions.iter().map(|version| Zeroizing::new(*version)).collect()))
    }

    /// The newest version, used for everything new.
    #[must_use]
    pub fn newest(&self) -> KeyVersion {
        // `from_bytes` accepts at least one and at most u16::MAX versions.
        KeyVersion::numbered(u16::try_from(self.0.len()).unwrap_or(u16::MAX))
    }

    /// All versions, oldest first.
    pub fn versions(&self) -> impl Iterator<Item = KeyVersion> + use<> {
        (1..=self.newest().number()).map(KeyVersion::numbered)
    }

    /// Derives a purpose's key from this version; none if the node does not have the version.
    #[must_use]
    pub fn derive(&self, purpose: Purpose, version: KeyVersion) -> Option<Zeroizing<[u8; 32]>> {
        let secret = self.0.get(usize::from(version.number()).checked_sub(1)?)?;
        let mut key = Zeroizing::new([0; 32]);
        Hkdf::<Sha256>::new(None, secret.as_slice()).expand(purpose.label(), key.as_mut_slice()).ok()?;
        Some(key)
    }

    /// An identifier of this version that does not reveal it: 32 hexadecimal digits, stored in the database.
    #[must_use]
    pub fn fingerprint(&self, version: KeyVersion) -> Option<String> {
        let key = self.derive(Purpose::Fingerprint, version)?;
        let name = u128::from_be_bytes(*key.first_chunk()?);
        Some(format!("{name:032x}"))
    }
}

#[cfg(test)]
mod tests {
    //! Each version and each purpose has a different key.
    use super::*;

    #[test]
    fn a_master_key_is_a_whole_number_of_versions() {
        for len in [0, 1, 31, 33, 45, 63, 65] {
            assert_eq!(MasterKey::from_bytes(&vec![1; len]).err(), Some(MasterKeyError { len }));
        }
        let two = MasterKey::from_bytes(&[1; 64]).ok().unwrap();
        assert_eq!(two.newest().number(), 2);
        assert_eq!(two.versions().map(KeyVersion::number).collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn every_purpose_and_version_has_its_own_key() {
        let mut bytes = [1; 64];
        bytes[63] = 2;
        let master = MasterKey::from_bytes(&bytes).ok().unwrap();
        let mut keys = Vec::new();
        for version in master.versions() {
            for purpose in [Purpose::Pepper, Purpose::SigningKeys, Purpose::RefreshTokens, Purpose::Fingerprint] {
                keys.push(master.derive(purpose, version).unwrap());
            }
        }
        for (n, key) in keys.iter().enumerate() {
            assert!(keys.iter().skip(n + 1).all(|other| other != key), "{n}");
        }
        assert!(master.derive(Purpose::Pepper, KeyVersion::numbered(3)).is_none());
    }

    #[test]
    fn appending_a_version_keeps_the_fingerprint_of_the_first() {
        let one = MasterKey::from_bytes(&[9; 32]).ok().unwrap();
        let two = MasterKey::from_bytes(&[[9; 32], [8; 32]].concat()).ok().unwrap();
        assert_eq!(one.fingerprint(KeyVersion::FIRST), two.fingerprint(KeyVersion::FIRST));
        assert_ne!(two.fingerprint(KeyVersion::FIRST), two.fingerprint(KeyVersion::numbered(2)));
        assert_eq!(one.fingerprint(KeyVersion::FIRST).unwrap().len(), 32);
    }
}
