//! The public name of an account. Knows nothing of the tree.

use std::{fmt, str::FromStr};

use crate::AccountId;

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

#[cfg(feature = "serde")]
crate::serde_text::as_text!(Mid);
