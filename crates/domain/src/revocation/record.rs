//! The record of a revocation, as a key keeps it. Decides nothing.

use crate::{Actor, Timestamp, text_enum::text_enum};

/// Reason for a revocation, as stated by the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Reason {
    /// No reason given.
    #[default]
    Unspecified,
    /// A third party may know the value.
    Compromised,
    /// Another key replaced it.
    Superseded,
    /// The key is unused.
    NoLongerNeeded,
}

text_enum!(
    Reason,
    "unspecified, compromised, superseded, no_longer_needed",
    Unspecified = "unspecified",
    Compromised = "compromised",
    Superseded = "superseded",
    NoLongerNeeded = "no_longer_needed",
);

/// A key's revocation. Never changes once stored (rule 2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// Time of the revocation.
    pub at: Timestamp,
    /// Who revoked the key.
    pub by: Actor,
    /// Reason given.
    pub reason: Reason,
}
