//! What a verification leaves behind, written off its path: when keys were used, and digests brought up to date.

use async_trait::async_trait;
use keyward_domain::{KeyId, SecretDigest, Timestamp};

use crate::{Result, Write};

/// Maintenance outside the request path.
#[async_trait]
pub trait Upkeep: Send + Sync {
    /// Replaces a digest by another of the same value. Returns `Stale` unless the stored one is still `old`.
    async fn replace_digest(&self, id: KeyId, old: &SecretDigest, new: &SecretDigest) -> Result<Write>;

    /// Records when keys were last used; the latest time of each key stays. Ignores unknown keys.
    async fn record_usage(&self, used: &[(KeyId, Timestamp)]) -> Result<()>;
}
