//! What management reads: keys and accounts, outside any transaction and within a reach.

use async_trait::async_trait;
use keyward_domain::{Account, AccountId, ApiKey, Chain, KeyId, Mid, Reach, Timestamp};

use crate::{Enforcement, Result, Search};

/// A key for a management read.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyRecord {
    /// The key.
    pub key: ApiKey,
    /// The key's account and its ancestors.
    pub chain: Chain,
    /// Time of the last successful use, accurate to one flush of the usage recorder.
    pub last_used: Option<Timestamp>,
    /// The last change that affects its verification; none if there was none since it was issued.
    pub enforcement: Option<Enforcement>,
}

/// One row of a window over an account's keys. Its chain is the account's, which the caller already has.
#[derive(Clone, Debug, PartialEq)]
pub struct ListedKey {
    /// The key.
    pub key: ApiKey,
    /// Time of the last successful use, accurate to one flush of the usage recorder.
    pub last_used: Option<Timestamp>,
}

/// An account with its chain.
#[derive(Clone, Debug, PartialEq)]
pub struct AccountRecord {
    /// The account.
    pub account: Account,
    /// The account and its ancestors, with their policies.
    pub chain: Chain,
    /// Grows with each change of the account's own policy.
    pub policy_version: u64,
    /// The last change that affects the verification of its keys; none if there was none since it was registered.
    pub enforcement: Option<Enforcement>,
}

/// The stored states in a window. Each has its own index, so that no row is examined in vain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoredState {
    /// Keys that are not revoked, including expired ones.
    Active,
    /// Keys that are themselves revoked.
    Revoked,
    /// All keys.
    Any,
}

/// A range of an account's keys, newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyWindow {
    /// Only keys older than this one.
    pub before: Option<KeyId>,
    /// Which states to include, and so which index to use.
    pub stored: StoredState,
    /// Maximum number of rows to return; no more are examined.
    pub rows: u16,
}

/// What closing an account would end: it and its descendants, with their keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Below {
    /// Number of accounts that are not closed, including the account itself.
    pub accounts: u64,
    /// Number of their keys that are neither revoked nor expired.
    pub keys: u64,
}

/// A range of accounts, newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountWindow {
    /// Only accounts older than this one.
    pub before: Option<AccountId>,
    /// Maximum number of rows to return; at most one more is examined.
    pub rows: u16,
}

/// Management reads of keys, outside any transaction.
#[async_trait]
pub trait Keys: Send + Sync {
    /// Returns the key with this id, if its account is within reach. An unknown and a foreign id take the same work.
    async fn key(&self, within: &Reach, id: KeyId) -> Result<Option<KeyRecord>>;

    /// Returns a window over an account's keys; empty if the account is not within reach.
    async fn keys(&self, within: &Reach, account: AccountId, window: KeyWindow) -> Result<Vec<ListedKey>>;
}

/// Management reads of accounts, outside any transaction.
#[async_trait]
pub trait Accounts: Send + Sync {
    /// Returns the account with this mid, if it is within reach. An unknown and a foreign mid take the same work.
    async fn account(&self, within: &Reach, mid: &Mid) -> Result<Option<AccountRecord>>;

    /// Returns a window over the accounts strictly below the caller's own; over all accounts for the operator.
    async fn accounts(&self, within: &Reach, window: AccountWindow) -> Result<Vec<Account>>;

    /// Counts what closing this account would end at this time; zero if it is not within reach, or if it or an ancestor
    /// is closed. Examines every row: use it to inform an operator's decision, not in the path of a request.
    async fn count_below(&self, within: &Reach, id: AccountId, at: Timestamp) -> Result<Below>;
}

/// What management reads, outside any transaction. Who holds only this cannot write:
///
/// ```compile_fail
/// # use keyward_storage::{Authority, Reads};
/// async fn write(reads: &dyn Reads, by: &Authority) {
///     let _ = reads.begin_as(by).await;
/// }
/// ```
pub trait Reads: Keys + Accounts + Search {}

impl<T: Keys + Accounts + Search + ?Sized> Reads for T {}
