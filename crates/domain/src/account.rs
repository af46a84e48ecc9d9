//! The tree of accounts, and how far a caller reaches in it (contract, section 1).
//!
//! `platform ──► partners ──► merchants`. What an account may do to itself over time is decided in
//! [`revocation`](crate::revocation); here stand the facts.

use std::{fmt, str::FromStr};

use crate::{AccountId, KeyId, Name, Timestamp};

mod chain;
mod reach;

pub use chain::{BrokenChain, Chain, Link, Standing};
pub use reach::{Level, Reach};

/// How clients name an account: 1 to 64 of `A-Z a-z 0-9 _ -`, never starting with `key_`.
///
/// GUIDs and `mid_123456` are both fine. A mid that looks like a key id is refused, so that the two can share one path
/// template.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mid(Box<str>);

/// Why a text is no mid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseMidError {
    /// Not 1 to 64 of the allowed characters.
    #[error("must be 1 to 64 of A-Z a-z 0-9 _ -")]
    Malformed,
    /// Starts with `key_`.
    #[error("must not start with key_, which marks key ids")]
    LooksLikeKeyId,
}

impl Mid {
    /// The mid as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The mid that the service makes up for an account registered without one: `mid_` and the suffix of its id.
    #[must_use]
    pub fn made_for(id: AccountId) -> Self {
        Self(format!("mid_{}", id.suffix()).into())
    }
}

impl FromStr for Mid {
    type Err = ParseMidError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
        if !(1..=64).contains(&text.len()) || !text.bytes().all(allowed) {
            return Err(ParseMidError::Malformed);
        }
        if text.starts_with("key_") {
            return Err(ParseMidError::LooksLikeKeyId);
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for Mid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Mid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What an account is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The one account at the root.
    Platform,
    /// An account that manages merchants.
    Partner,
    /// An account at a leaf.
    Merchant,
}

/// Whether an account is in business. Its keys work only while it and everything above it are active (rule 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// In business.
    Active,
    /// Put on hold; may be resumed.
    Suspended,
    /// Ended for good.
    Closed,
}

/// A word that names none of a closed set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be one of {expected}")]
pub struct UnknownWord {
    expected: &'static str,
}

impl UnknownWord {
    pub(crate) const fn expected(expected: &'static str) -> Self {
        Self { expected }
    }
}

/// Gives a closed set of words their text form, both ways.
macro_rules! text_enum {
    ($name:ty, $expected:literal, $($variant:ident = $word:literal),+ $(,)?) => {
        impl $name {
            /// All words, in the order of the contract.
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            /// The word that the contract and the database use.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::account::UnknownWord;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err($crate::account::UnknownWord::expected($expected)),
                }
            }
        }

        #[cfg(feature = "serde")]
        $crate::serde_text::as_text!($name);
    };
}
pub(crate) use text_enum;

text_enum!(Role, "platform, partner, merchant", Platform = "platform", Partner = "partner", Merchant = "merchant");
text_enum!(Status, "active, suspended, closed", Active = "active", Suspended = "suspended", Closed = "closed");

impl Role {
    /// Whether an account of this role may stand directly below one of `parent`'s: partners below the platform,
    /// merchants below either. A tree is therefore never deeper than three accounts.
    #[must_use]
    pub const fn may_stand_below(self, parent: Self) -> bool {
        match self {
            Self::Platform => false,
            Self::Partner => matches!(parent, Self::Platform),
            Self::Merchant => matches!(parent, Self::Platform | Self::Partner),
        }
    }
}

/// Who did something: a key, or somebody at the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Actor {
    /// The secret key that called, directly or through a token.
    Key(KeyId),
    /// The command line, which proves itself by its access to the database and the master key.
    Operator,
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(id) => fmt::Display::fmt(id, f),
            Self::Operator => f.write_str("operator"),
        }
    }
}

/// An account and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its name inside the service.
    pub id: AccountId,
    /// Its name for clients; unique in the service.
    pub mid: Mid,
    /// What it is.
    pub role: Role,
    /// What people call it.
    pub name: Name,
    /// Whether it is in business itself, whatever stands above it.
    pub status: Status,
    /// How high the one that suspended it stands; none if it is not suspended, or if that was not recorded.
    pub suspended_by: Option<Level>,
    /// The account directly above; none for the platform.
    pub parent: Option<Parent>,
    /// When it was registered.
    pub created_at: Timestamp,
}

/// The account directly above another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parent {
    /// Its name inside the service.
    pub id: AccountId,
    /// Its name for clients.
    pub mid: Mid,
}

#[cfg(feature = "serde")]
crate::serde_text::as_text!(Mid);

#[cfg(test)]
#[path = "account/tests.rs"]
mod tests;
