//! The promises of every implementation of the ports, one function each, named as a claim.
//!
//! [`conformance_suite!`](crate::conformance_suite) generates a test of each promise for one backend, and
//! [`membership_suite!`](crate::membership_suite) one of each promise of a database that many nodes share. Nothing here
//! names a database: [`RawSql`] hides the differences, and lets a promise attack the schema directly, without the
//! ports. No promise sleeps, and none holds two units of work in one task: a backend may have a single writer.

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
pub mod changes;
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
pub mod jobs;
pub mod key_lists;
pub mod keys;
pub mod manager_keys;
pub mod membership;
pub mod pair_names;
pub mod policies;
mod promises;
pub mod races;
pub mod refresh_tokens;
pub mod revoking;
pub mod sample;
pub mod search;
pub mod signing_keys;
pub mod status;
pub mod units;
pub mod upkeep;

/// A fresh, migrated and empty database.
pub struct Fixture {
    /// The implementation under test.
    pub store: Arc<dyn Store>,
    /// The feed of events under test.
    pub feed: Arc<dyn Feed>,
    /// The membership under test; none if no other process can be a member.
    pub membership: Option<Arc<dyn Membership>>,
    /// Direct access to the same database.
    pub raw: Box<dyn RawSql>,
    /// Kept as long as the database: a folder, a cluster.
    pub keep: Box<dyn Any + Send + Sync>,
}

/// Direct access to the database, and its literals.
#[async_trait]
pub trait RawSql: Send + Sync {
    /// Runs one statement and commits it. Returns the number of affected rows.
    ///
    /// # Errors
    /// The database's error message.
    async fn execute(&self, sql: &str) -> Result<u64, String>;

    /// Returns the integer in a query's single row and column.
    async fn number(&self, sql: &str) -> i64;

    /// An identifier as a literal.
    fn id(&self, id: Uuid) -> String;

    /// A time as a literal.
    fn moment(&self, at: Timestamp) -> String;

    /// Bytes as a literal.
    fn bytes(&self, bytes: &[u8]) -> String;

    /// A Boolean as a literal.
    fn truth(&self, value: bool) -> String;

    /// The text of all migrations, from which the attacked constraints are listed.
    fn migrations(&self) -> String;

    /// Whether an error message names this constraint, by its name in the migrations.
    fn is_about(&self, message: &str, constraint: &str) -> bool;

    /// Attacks on constraints that only this backend has: each a name and a statement, which may use the account
    /// `account`.
    fn own_attacks(&self, _account: Uuid) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}
