//! The promises that every implementation of the ports keeps, one function each, named as a claim.
//!
//! [`conformance_suite!`](crate::conformance_suite) makes a test of each promise for one backend, and
//! [`membership_suite!`](crate::membership_suite) of those that a database makes which many nodes share. Nothing here names a
//! database: what differs between them stands behind [`RawSql`], by which a promise attacks the schema behind the
//! ports' back. No promise waits for a moment to pass, and none holds two units of work in one task: a backend may have
//! a single writer.

#![expect(
    missing_docs,
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    reason = "the promises are tests: their names are what they claim, and a panic is how they fail"
)]

use std::{any::Any, sync::Arc};

use async_trait::async_trait;
use keyward_domain::Timestamp;
use uuid::Uuid;

use crate::{Feed, Membership, Store};

pub mod account_lists;
pub mod accounts;
pub mod callers;
pub mod clocks;
pub mod constraints;
pub mod corruption;
pub mod counts;
pub mod credentials;
pub mod crowds;
pub mod enforcement;
pub mod events;
pub mod hints;
pub mod histories;
pub mod history;
pub mod installation;
pub mod issuing;
pub mod key_lists;
pub mod keys;
pub mod membership;
pub mod pair_names;
mod promises;
pub mod races;
pub mod refresh_tokens;
pub mod revoking;
pub mod sample;
pub mod signing_keys;
pub mod status;
pub mod units;
pub mod upkeep;
pub mod writers;

/// A fresh, migrated and empty database.
pub struct Fixture {
    /// The implementation under test.
    pub store: Arc<dyn Store>,
    /// Its events.
    pub feed: Arc<dyn Feed>,
    /// Its members; none where no other process could be one.
    pub membership: Option<Arc<dyn Membership>>,
    /// A way around it, into the same database.
    pub raw: Box<dyn RawSql>,
    /// What has to live as long as the database: a folder, a cluster.
    pub keep: Box<dyn Any + Send + Sync>,
}

/// The database by itself, and how it writes values down.
#[async_trait]
pub trait RawSql: Send + Sync {
    /// Runs one statement and commits it. Gives how many rows it touched, or what the database said.
    ///
    /// # Errors
    /// The database's own words.
    async fn execute(&self, sql: &str) -> Result<u64, String>;

    /// The whole number that a query gives in its one row and column.
    async fn number(&self, sql: &str) -> i64;

    /// An identifier as a literal.
    fn id(&self, id: Uuid) -> String;

    /// A moment as a literal.
    fn moment(&self, at: Timestamp) -> String;

    /// Bytes as a literal.
    fn bytes(&self, bytes: &[u8]) -> String;

    /// A truth value as a literal.
    fn truth(&self, value: bool) -> String;

    /// The text of all migrations, by which the attacks are counted.
    fn migrations(&self) -> String;

    /// Whether the database's words name this constraint, by its name in the migrations.
    fn is_about(&self, words: &str, constraint: &str) -> bool;

    /// Attacks on constraints that this backend alone has: each a name and a statement, which may use the account
    /// `account`.
    fn own_attacks(&self, _account: Uuid) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}
