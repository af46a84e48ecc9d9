//! The printable key value, which a merchant's server stores and sends.
//!
//! `{sk|pk|tk}_{live|test}_` + 26 characters (the key id's TypeID suffix) + 43 of base 62 (256 random bits) + 6 of
//! base 62 (CRC-32 of all before it): 83 characters, letters, digits and underscores only, so that a double click
//! selects the whole value. The checksum detects typing errors and helps leak scanners; it proves nothing.
//!
//! The text alone shows that a value is malformed, mistyped or from the other environment, before any look-up.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

use crate::{KeyId, id, text_enum::text_enum};

mod base62;

/// Length of every key value, in characters.
pub const VALUE_LEN: usize = PREFIX_LEN + id::SUFFIX_LEN + SECRET_LEN + CHECKSUM_LEN;
const PREFIX_LEN: usize = 8;
const SECRET_LEN: usize = base62::LEN_OF_256_BITS;
const CHECKSUM_LEN: usize = base62::LEN_OF_U32;

/// A regular expression that every key value matches, for leak scanners and clients.
pub const VALUE_REGEX: &str = "^(sk|pk|tk)_(live|test)_[0-7][0-9a-hjkmnp-tv-z]{25}[0-9A-Za-z]{49}$";

/// Purpose of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyType {
    /// Authenticates a merchant's server; shown once.
    Secret,
    /// Identifies a merchant in a browser or an app; not a secret.
    Public,
    /// Lets a browser turn card data into tokens; not a secret.
    Tokenization,
}

text_enum!(
    KeyType,
    "secret, public, tokenization",
    Secret = "secret",
    Public = "public",
    Tokenization = "tokenization"
);

impl KeyType {
    const fn prefix(self) -> &'static str {
        match self {
            Self::Secret => "sk",
            Self::Public => "pk",
            Self::Tokenization => "tk",
        }
    }

    /// Whether the value must never be stored in readable form nor shown twice.
    #[must_use]
    pub const fn is_secret(self) -> bool {
        matches!(self, Self::Secret)
    }
}

/// The deployment that a key belongs to; its value contains it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Environment {
    /// For tests: values contain `test`.
    Sandbox,
    /// For real money: values contain `live`.
    Production,
}

text_enum!(Environment, "sandbox, production", Sandbox = "sandbox", Production = "production");

impl Environment {
    const fn infix(self) -> &'static str {
        match self {
            Self::Sandbox => "test",
            Self::Production => "live",
        }
    }
}

/// A complete, newly minted key value. Cannot be printed, copied or serialised, and is wiped on drop.
pub struct KeyValue(Zeroizing<String>);

impl KeyValue {
    /// Builds a value. `random` must be 256 bits from the operating system, used for nothing else; it is wiped.
    #[must_use]
    pub fn mint(key_type: KeyType, environment: Environment, id: KeyId, mut random: [u8; 32]) -> Self {
        // Allocate the exact size: a string that grows leaves its old bytes in memory.
        let mut text = Zeroizing::new(String::with_capacity(VALUE_LEN));
        text.push_str(key_type.prefix());
        text.push('_');
        text.push_str(environment.infix());
        text.push('_');
        text.push_str(&id.suffix());
        base62::push_256_bits(&random, &mut text);
        random.zeroize();
        let checksum = crc32fast::hash(text.as_bytes());
        base62::push_u32(checksum, &mut text);
        Self(text)
    }

    /// The value itself, for the one response that shows it and for the stored hash.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The last four characters, which help people distinguish keys.
    #[must_use]
    pub fn last_four(&self) -> LastFour {
        LastFour::of(&self.0)
    }
}

/// The last four characters of a value. They belong to its checksum, so they reveal nothing secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct LastFour([u8; 4]);

/// The text is not four letters or digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be four letters or digits")]
pub struct ParseLastFourError;

impl LastFour {
    fn of(value: &str) -> Self {
        Self(value.as_bytes().last_chunk().copied().unwrap_or(*b"????"))
    }

    /// The four characters as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl std::str::FromStr for LastFour {
    type Err = ParseLastFourError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match <[u8; 4]>::try_from(text.as_bytes()) {
            Ok(four) if four.iter().all(u8::is_ascii_alphanumeric) => Ok(Self(four)),
            _ => Err(ParseLastFourError),
        }
    }
}

impl fmt::Display for LastFour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for LastFour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A value that a client presented: well-formed, with a correct checksum and of this environment, but not yet proved.
/// Cannot be printed.
#[derive(Clone, Copy)]
pub struct PresentedValue<'a> {
    text: &'a str,
    key_type: KeyType,
    id: KeyId,
}

/// Why a presented value is refused without a look-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// Not in the format of a key value, or its checksum is wrong.
    #[error("is not a key value")]
    Malformed,
    /// A well-formed value from the other environment.
    #[error("is a key of the other environment")]
    OtherEnvironment,
}

impl<'a> PresentedValue<'a> {
    /// Parses a value, which must be of this environment.
    ///
    /// # Errors
    /// [`ValueError`] if the value is malformed or from the other environment; neither case needs a look-up.
    pub fn parse(text: &'a str, environment: Environment) -> Result<Self, ValueError> {
        let (key_type, of) = split_prefix(text).ok_or(ValueError::Malformed)?;
        let (body, checksum) = text.split_at_checked(VALUE_LEN - CHECKSUM_LEN).ok_or(ValueError::Malformed)?;
        let (head, secret) = body.split_at_checked(PREFIX_LEN + id::SUFFIX_LEN).ok_or(ValueError::Malformed)?;
        let id = head.get(PREFIX_LEN..).and_then(|suffix| KeyId::from_suffix(suffix).ok());
        let id = id.ok_or(ValueError::Malformed)?;
        // Checks all bytes, even after an invalid one: this is one loop without a branch.
        let sound = secret.bytes().fold(true, |sound, b| sound & b.is_ascii_alphanumeric())
            && base62::is_u32(checksum, crc32fast::hash(body.as_bytes()));
        if !sound {
            return Err(ValueError::Malformed);
        }
        if of != environment {
            return Err(ValueError::OtherEnvironment);
        }
        Ok(Self { text, key_type, id })
    }

    /// Id of the key that the value claims to be.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// Type of the key that the value claims to be.
    #[must_use]
    pub const fn key_type(&self) -> KeyType {
        self.key_type
    }

    /// The value itself, to be hashed elsewhere into memory that is wiped.
    #[must_use]
    pub const fn expose(&self) -> &'a str {
        self.text
    }

    /// Compares with a readable value, in constant time.
    pub(crate) fn equals(&self, value: &str) -> bool {
        self.text.as_bytes().ct_eq(value.as_bytes()).into()
    }
}

/// Parses the first eight characters; none if the text has another length or start than a key value.
fn split_prefix(text: &str) -> Option<(KeyType, Environment)> {
    if text.len() != VALUE_LEN {
        return None;
    }
    // One comparison of eight bytes per arm: every verification starts here.
    Some(match text.as_bytes().first_chunk::<PREFIX_LEN>()? {
        b"sk_test_" => (KeyType::Secret, Environment::Sandbox),
        b"sk_live_" => (KeyType::Secret, Environment::Production),
        b"pk_test_" => (KeyType::Public, Environment::Sandbox),
        b"pk_live_" => (KeyType::Public, Environment::Production),
        b"tk_test_" => (KeyType::Tokenization, Environment::Sandbox),
        b"tk_live_" => (KeyType::Tokenization, Environment::Production),
        _ => return None,
    })
}

#[cfg(test)]
#[path = "key_value/tests.rs"]
mod tests;
