//! What requests get of a key: from memory, or packed as the memory would keep it.
//!
//! Values only: looks up and judges nothing.

use std::sync::Arc;

use keyward_domain::Chain;
use keyward_storage::{Read, Snapshot};

use super::packed::PackedKey;

/// What authentication needs of one key. A clone copies no text.
#[derive(Clone, Debug, PartialEq)]
pub struct Credential {
    /// The key.
    pub key: Arc<PackedKey>,
    /// The key's account and its ancestors.
    pub chain: Chain,
}

impl From<keyward_storage::Credential> for Credential {
    fn from(read: keyward_storage::Credential) -> Self {
        Self { key: Arc::new(PackedKey::from(&read.key)), chain: read.chain }
    }
}

impl Credential {
    /// Packs what was read.
    pub(crate) fn pack(read: Read<keyward_storage::Credential>) -> Read<Self> {
        Read { value: read.value.into(), as_of: read.as_of }
    }
}

/// The basis for judging a change (R19): a key as this node knows it. At commit, the database checks the caller again
/// against the event.
#[derive(Clone, Debug, PartialEq)]
pub struct Known {
    /// The key with its chain.
    pub credential: Credential,
    /// The last event reflected, and its history: every event up to this one about the key or its chain is reflected.
    pub as_of: Snapshot,
}
