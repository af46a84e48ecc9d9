//! The scopes that a command names, as one set.
//!
//! Knows no command.

use anyhow::Result;
use keyward_domain::{Scope, ScopeSet};

use crate::cli::exit::wrong_usage;

/// Each item is already parsed as a scope while arguments are read, which also keeps a value that looks like a secret
/// out of the message.
pub(super) fn scopes(given: &[Scope]) -> Result<ScopeSet> {
    ScopeSet::parse(given.iter().map(Scope::as_str)).map_err(|error| wrong_usage(format!("--scope: {error}")))
}
