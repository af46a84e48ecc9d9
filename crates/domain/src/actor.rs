//! Who performed an action. Decides no right.

use std::fmt;

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
