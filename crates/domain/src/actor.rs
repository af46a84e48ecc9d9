//! Who performed an action. Decides no right.

use std::{fmt, str::FromStr};

use crate::KeyId;

/// Who performed an action: a key, an operator at the command line, or the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Actor {
    /// The calling secret key, used directly or through a token.
    Key(KeyId),
    /// The command line, authenticated by its access to the database and the master key.
    Operator,
    /// The service itself, by a rule that an account's policy sets.
    Service,
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(id) => fmt::Display::fmt(id, f),
            Self::Operator => f.write_str("operator"),
            Self::Service => f.write_str("service"),
        }
    }
}

/// A text that names no actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a key id, operator or service")]
pub struct ParseActorError;

impl FromStr for Actor {
    type Err = ParseActorError;

    fn from_str(text: &str) -> Result<Self, ParseActorError> {
        match text {
            "operator" => Ok(Self::Operator),
            "service" => Ok(Self::Service),
            id => id.parse().map(Self::Key).map_err(|_| ParseActorError),
        }
    }
}

#[cfg(test)]
mod tests {
    //! An actor is read as it is written.
    use uuid::Uuid;

    use super::*;

    #[test]
    fn an_actor_is_read_as_it_is_written() {
        for actor in [Actor::Operator, Actor::Service, Actor::Key(KeyId::from_uuid(Uuid::from_u128(7)))] {
            assert_eq!(actor.to_string().parse(), Ok(actor));
        }
        for text in ["", "Operator", "key_", "possession", "mid_1"] {
            assert_eq!(text.parse::<Actor>(), Err(ParseActorError), "{text}");
        }
    }
}
