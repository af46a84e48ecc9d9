//! The one registry of prefixed identifiers.
//!
//! Every identifier is a UUID (made outside, version 7, so that newer sorts after older) that is printed as a TypeID:
//! its kind, an underscore and 26 characters of Crockford's base 32 (TypeID specification 0.3). Nothing here makes an
//! identifier out of nothing.

use std::{fmt, str::FromStr};

use uuid::Uuid;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// How many characters a TypeID has after its prefix and underscore.
pub(crate) const SUFFIX_LEN: usize = 26;

/// A text that is not an identifier of the kind it was read as.
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
            /// What the text form starts with, before the underscore.
            pub const PREFIX: &'static str = $prefix;

            /// The identifier that this UUID is.
            #[must_use]
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The UUID inside, as databases and the platform's own clients know it.
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

            /// Reads the 26 characters after the prefix.
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
                // On the stack: it is written for every verification.
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

            /// Reads the text form exactly as `Display` writes it.
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
    /// Names one API key: `key_01h2xcejqtf2nbrexx3vqjhp41`. The 26 characters stand in the key's value too, so that a
    /// person can match a leaked value with its key.
    KeyId = "key";
    /// Names the pair that a public and a secret key were made as.
    PairId = "pair";
    /// Names an account inside the service. Clients name accounts by their [`Mid`](crate::Mid).
    AccountId = "acct";
    /// Names one refresh token: what makes a second redemption visible.
    RefreshId = "rt";
    /// Names a family: a refresh token and all that were redeemed from it.
    FamilyId = "rf";
    /// Names one access token, its `jti` (RFC 7519, section 4.1.7).
    AccessId = "at";
}

/// 128 bits in 26 characters of five bits, the first of which holds only three.
fn write_suffix(uuid: Uuid, digits: &mut [u8]) {
    let mut bits = uuid.as_u128();
    for digit in digits.iter_mut().rev() {
        // A five-bit number always has a digit in an alphabet of 32.
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

/// More than any digit is worth.
const NO_DIGIT: u8 = 0b10_0000;

/// What each byte is worth as a digit. Looked up, since nobody can foretell the next digit, and a processor that guesses wrong
/// loses more time than this takes: every verification reads an identifier.
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
