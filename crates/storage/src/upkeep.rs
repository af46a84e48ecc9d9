//! What a verification leaves behind, written off its path: when keys were used, and digests brought up to date.

use async_trait::async_trait;
use keyward_domain::{KeyId, SecretDigest, Timestamp};

use crate::{Result, Write};

/// Upkeep off the request path.
#[async_trait]
pub trait Upkeep: Send + Sync {
    /// Replaces a digest by another of the same value. `Stale` unless the stored one is still `old`.
    async fn replace_digest(&self, id: KeyId, old: &SecretDigest, new: &SecretDigest) -> Result<Write>;

    /// Notes when keys were last used; of several moments for one key the latest stays. Unknown keys are passed over.
    async fn record_usage(&self, used: &[(KeyId, Timestamp)]) -> Result<()>;
}
