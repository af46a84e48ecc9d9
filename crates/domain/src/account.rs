//! The account tree, and a caller's reach in it (contract, section 1).
//!
//! `platform ──► partners ──► merchants`. [`revocation`](crate::revocation) decides how an account's status changes;
//! this module holds the facts.

use std::{fmt, str::FromStr};

use crate::{AccountId, KeyId, Name, Timestamp};

mod chain;
mod reach;

pub use chain::{BrokenChain, Chain, Link, Standing};
pub use reach::{Level, Reach};

/// An account's identifier for clients: 1 to 64 of `A-Z a-z 0-9 _ -`, never starting with `key_`.
///
/// GUIDs and `mid_123456` are both valid. A mid that looks like a key id is invalid, so that both can share one path
/// template.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mid(Box<str>);

/// Why a text is not a mid.
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

    /// The default mid for an account registered without one: `mid_` and the suffix of its id.
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

/// An account's place in the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The one account at the root.
    Platform,
    /// An account that manages merchants.
    Partner,
    /// A leaf account.
    Merchant,
}

/// An account's status. Its keys work only while it and all its ancestors are active (rule 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// Keys work.
    Active,
    /// Keys do not work; may be resumed.
    Suspended,
    /// Permanently ended.
    Closed,
}

/// A text that is not a value of a closed set.
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

/// Implements formatting and parsing of a closed set of texts.
macro_rules! text_enum {
    ($name:ty, $expected:literal, $($variant:ident = $word:literal),+ $(,)?) => {
        impl $name {
            /// All texts, in the contract's order.
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            /// The text that the contract and the database use.
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
    /// Whether an account of this role may be a direct child of a `parent` account: partners of the platform, merchants
    /// of either. A tree is therefore at most three accounts deep.
    #[must_use]
    pub const fn may_stand_below(self, parent: Self) -> bool {
        match self {
            Self::Platform => false,
            Self::Partner => matches!(parent, Self::Platform),
            Self::Merchant => matches!(parent, Self::Platform | Self::Partner),
        }
    }
}

/// Who performed an action: a key, or an operator at the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Actor {
    /// The calling secret key, used directly or through a token.
    Key(KeyId),
    /// The command line, authenticated by its access to the database and the master key.
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

/// An account and its place in the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Internal identifier.
    pub id: AccountId,
    /// Identifier for clients; unique in the service.
    pub mid: Mid,
    /// Place in the tree.
    pub role: Role,
    /// Name for people.
    pub name: Name,
    /// Its own status, regardless of its ancestors.
    pub status: Status,
    /// Level of the caller that suspended it; none if it is not suspended, or if the level was not recorded.
    pub suspended_by: Option<Level>,
    /// Direct parent; none for the platform.
    pub parent: Option<Parent>,
    /// Time of registration.
    pub created_at: Timestamp,
}

/// The direct parent of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parent {
    /// Internal identifier.
    pub id: AccountId,
    /// Identifier for clients.
    pub mid: Mid,
}

#[cfg(feature = "serde")]
crate::serde_text::as_text!(Mid);

#[cfg(test)]
#[path = "account/tests.rs"]
mod tests;
