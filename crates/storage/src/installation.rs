//! Whose database this is: its environment, the versions of its master key, the issuer of its tokens.

use async_trait::async_trait;
use keyward_domain::{Environment, KeyVersion, Timestamp};

use crate::{Result, Write};

/// What a database says about whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The environment it was made for.
    pub environment: Environment,
    /// The fingerprint of each version of the master key it was used with, by version, oldest first.
    pub fingerprints: Vec<(KeyVersion, String)>,
}

/// Whose database this is.
#[async_trait]
pub trait Installation: Send + Sync {
    /// The stamp; none in a database that no server has used yet.
    async fn stamp(&self) -> Result<Option<Stamp>>;

    /// Stamps an unused database. `Stale` if it is stamped already.
    async fn claim(&self, stamp: &Stamp, at: Timestamp) -> Result<Write>;

    /// Adds the fingerprint of a further version of the master key. `Stale` if that version has one.
    async fn add_fingerprint(&self, version: KeyVersion, fingerprint: &str, at: Timestamp) -> Result<Write>;

    /// The issuer of tokens where the settings name none; none before the first stamp.
    async fn issuer(&self) -> Result<Option<String>>;

    /// Stamps the issuer. `Stale` if there is one already, which stays.
    async fn stamp_issuer(&self, url: &str, at: Timestamp) -> Result<Write>;
}
