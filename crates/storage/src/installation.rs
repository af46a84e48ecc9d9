//! Whose database this is: its environment, the versions of its master key, the issuer of its tokens.

use async_trait::async_trait;
use keyward_domain::{Environment, KeyVersion, Timestamp};

use crate::{Result, Write};

/// Identifies the installation that a database belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The environment of the installation.
    pub environment: Environment,
    /// Fingerprint of each master key version that was used, oldest first.
    pub fingerprints: Vec<(KeyVersion, String)>,
}

/// The installation that a database belongs to.
#[async_trait]
pub trait Installation: Send + Sync {
    /// Returns the stamp; none in a database that no server has used yet.
    async fn stamp(&self) -> Result<Option<Stamp>>;

    /// Stamps an unused database. Returns `Stale` if it already has a stamp.
    async fn claim(&self, stamp: &Stamp, at: Timestamp) -> Result<Write>;

    /// Adds the fingerprint of another master key version. Returns `Stale` if that version has one.
    async fn add_fingerprint(&self, version: KeyVersion, fingerprint: &str, at: Timestamp) -> Result<Write>;

    /// Returns the token issuer to use if the settings name none; none before it is stamped.
    async fn issuer(&self) -> Result<Option<String>>;

    /// Stamps the issuer. Returns `Stale` if there already is one, which stays.
    async fn stamp_issuer(&self, url: &str, at: Timestamp) -> Result<Write>;
}
