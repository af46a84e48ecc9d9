//! What authentication reads: one key with its account chain, by id. The one port that reads keys without a reach.

use async_trait::async_trait;
use keyward_domain::{AuthKey, Chain, KeyId};

use crate::{Read, Result};

/// What authentication needs of one key.
#[derive(Clone, Debug, PartialEq)]
pub struct Credential {
    /// The key.
    pub key: AuthKey,
    /// The key's account and its ancestors.
    pub chain: Chain,
}

/// For authentication only: reads one key with its account chain, by id. The only port that reads keys without a reach;
/// it lists nothing.
#[async_trait]
pub trait Credentials: Send + Sync {
    /// Returns the key with its chain and the number of the last event. One statement reads all of it in one snapshot
    /// (R4).
    async fn credential(&self, id: KeyId) -> Result<Option<Read<Credential>>>;
}
