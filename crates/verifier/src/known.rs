//! The basis for judging a change: a key with its chain, and the last event that they show (R19).
//!
//! A value only: looks up and judges nothing. At commit, the database checks the caller again against that event.

use keyward_storage::{Credential, Snapshot};

/// A key as this node knows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Known {
    /// The key with its chain.
    pub credential: Credential,
    /// The last event reflected, and its history: every event up to this one about the key or its chain is reflected.
    pub as_of: Snapshot,
}
