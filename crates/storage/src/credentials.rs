//! What authentication reads: one key with its account chain, by id. The one port that reads keys without a reach.

use std::sync::Arc;

use async_trait::async_trait;
use keyward_domain::{AuthKey, Chain, KeyId};

use crate::{Read, Result};

/// What authentication needs of one key. Cloning one copies no text.
#[derive(Clone, Debug, PartialEq)]
pub struct Credential {
    /// The key.
    pub key: Arc<AuthKey>,
    /// Its account and those above.
    pub chain: Chain,
}

/// Authentication only: one key with its account chain, by id. The one port that reads keys without a reach; it lists
/// nothing.
#[async_trait]
pub trait Credentials: Send + Sync {
    /// The key of this id with its chain and the number of the last event, in one statement: all are of one snapshot
    /// (R4).
    async fn credential(&self, id: KeyId) -> Result<Option<Read<Credential>>>;
}
