//! The one registry of prefixed identifiers.
//!
//! Every identifier is a UUID printed as a TypeID: its kind, an underscore and 26 characters of Crockford's base 32
//! (TypeID specification 0.3). The caller generates the UUID (version 7, so that newer ones sort after older ones);
//! nothing here generates one.

use std::{fmt, str::FromStr};

use uuid::Uuid;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Length of a TypeID after its prefix and underscore, in characters.
pub(crate) const SUFFIX_LEN: usize = 26;

/// A text that is not an identifier of the expected kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be {prefix}_ and 26 characters of lower-case base 32")]
pub struct ParseIdError {
    prefix: &'static str,
}

macro_rules! define_ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// Prefix of the text form, before the underscore.
            pub const PREFIX: &'static str = $prefix;

            /// Wraps a UUID.
            #[must_use]
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The UUID, which databases and the platform's own clients use.
            #[must_use]
            pub const fn uuid(self) -> Uuid {
                self.0
            }

            /// The 26 characters after the prefix.
            #[must_use]
            pub fn suffix(self) -> String {
                let mut digits = [0; SUFFIX_LEN];
                write_suffix(self.0, &mut digits);
                digits.map(char::from).iter().collect()
            }

            /// Parses the 26 characters after the prefix.
            ///
            /// # Errors
            /// [`ParseIdError`] if they are not 26 characters of lower-case Crockford base 32 within 128 bits.
            pub fn from_suffix(suffix: &str) -> Result<Self, ParseIdError> {
                parse_suffix(suffix.as_bytes()).map(Self).ok_or(ParseIdError { prefix: $prefix })
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                const PREFIX: &[u8] = concat!($prefix, "_").as_bytes();
                // On the stack: every verification writes one.
                let mut text = [0; PREFIX.len() + SUFFIX_LEN];
                let (prefix, digits) = text.split_at_mut(PREFIX.len());
                prefix.copy_from_slice(PREFIX);
                write_suffix(self.0, digits);
                f.pad(std::str::from_utf8(&text).unwrap_or_default())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            /// Parses exactly the text that `Display` writes.
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let suffix = text.strip_prefix(concat!($prefix, "_")).ok_or(ParseIdError { prefix: $prefix })?;
                Self::from_suffix(suffix)
            }
        }

        #[cfg(feature = "serde")]
        crate::serde_text::as_text!($name);
    )+};
}

define_ids! {
    /// Identifies an API key: `key_01h2xcejqtf2nbrexx3vqjhp41`. The key's value contains the same 26 characters, so
    /// that a person can match a leaked value with its key.
    KeyId = "key";
    /// Identifies a pair of a public and a secret key that were issued together.
    PairId = "pair";
    /// Identifies an account inside the service. Clients use the account's [`Mid`](crate::Mid).
    AccountId = "acct";
    /// Identifies a refresh token, so that a second redemption is detected.
    RefreshId = "rt";
    /// Identifies a family: a refresh token and all tokens redeemed from it.
    FamilyId = "rf";
    /// Identifies an access token: its `jti` (RFC 7519, section 4.1.7).
    AccessId = "at";
}

/// Writes 128 bits as 26 characters of five bits; the first holds only three.
fn write_suffix(uuid: Uuid, digits: &mut [u8]) {
    let mut bits = uuid.as_u128();
    for digit in digits.iter_mut().rev() {
        // Every five-bit number is an index into the alphabet of 32.
        *digit = ALPHABET[usize::try_from(bits & 0b1_1111).unwrap_or_default()];
        bits >>= 5;
    }
}

fn parse_suffix(text: &[u8]) -> Option<Uuid> {
    // A first character above '7' would need more than 128 bits.
    if text.len() != SUFFIX_LEN || !matches!(text.first(), Some(b'0'..=b'7')) {
        return None;
    }
    let (mut bits, mut all): (u128, u8) = (0, 0);
    for byte in text {
        let value = VALUES[usize::from(*byte)];
        all |= value;
        bits = bits << 5 | u128::from(value & 0b1_1111);
    }
    (all < NO_DIGIT).then_some(Uuid::from_u128(bits))
}

/// Greater than any digit's value.
const NO_DIGIT: u8 = 0b10_0000;

/// The value of each byte as a digit. A table avoids branches, which the processor cannot predict here: a wrong
/// prediction costs more time than this look-up, and every verification parses an identifier.
const VALUES: [u8; 256] = {
    let mut values = [NO_DIGIT; 256];
    let mut digit = 0;
    while digit < NO_DIGIT {
        values[ALPHABET[digit as usize] as usize] = digit;
        digit += 1;
    }
    values
};

#[cfg(test)]
#[path = "id/tests.rs"]
mod tests;
