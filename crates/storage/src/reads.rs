//! What management reads: keys and accounts, outside any transaction and within a reach.

use async_trait::async_trait;
use keyward_domain::{Account, AccountId, ApiKey, Chain, KeyId, Mid, Reach, Timestamp};

use crate::{Enforcement, Result};

/// A key as a management reader sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyRecord {
    /// The key.
    pub key: ApiKey,
    /// Its account and those above.
    pub chain: Chain,
    /// When it was last used successfully, to within one flush of the usage recorder.
    pub last_used: Option<Timestamp>,
    /// The last change that decides verdicts about it; none if there was none since it was made.
    pub enforcement: Option<Enforcement>,
}

/// One row of a window over an account's keys. Its chain is that of the account, which the caller has.
#[derive(Clone, Debug, PartialEq)]
pub struct ListedKey {
    /// The key.
    pub key: ApiKey,
    /// When it was last used successfully, to within one flush of the usage recorder.
    pub last_used: Option<Timestamp>,
}

/// An account and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct AccountRecord {
    /// The account.
    pub account: Account,
    /// It and those above.
    pub chain: Chain,
    /// The last change that decides verdicts about its keys; none if there was none since it was made.
    pub enforcement: Option<Enforcement>,
}

/// Which stored states a window looks at. Each is an index of its own, so that no row is examined in vain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoredState {
    /// Keys that are not revoked, expired ones among them.
    Active,
    /// Keys that are revoked themselves.
    Revoked,
    /// All keys.
    Any,
}

/// A stretch of an account's keys, newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyWindow {
    /// Only keys older than this one.
    pub before: Option<KeyId>,
    /// Which index to walk.
    pub stored: StoredState,
    /// How many rows to read at the most: as many are examined, and no more.
    pub rows: u16,
}

/// What would die with an account: it and those below it, with their keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Below {
    /// Accounts that are not closed, the account itself among them.
    pub accounts: u64,
    /// Their keys that are neither revoked nor expired.
    pub keys: u64,
}

/// A stretch of accounts, newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountWindow {
    /// Only accounts younger ones come before.
    pub before: Option<AccountId>,
    /// How many rows to read at the most: as many are examined, and one more at the most.
    pub rows: u16,
}

/// Management reads of keys, outside any transaction.
#[async_trait]
pub trait Keys: Send + Sync {
    /// The key of this id, if the caller reaches its account. An unknown and a foreign id do the same work.
    async fn key(&self, within: &Reach, id: KeyId) -> Result<Option<KeyRecord>>;

    /// A window over the keys of an account; empty if the caller does not reach it.
    async fn keys(&self, within: &Reach, account: AccountId, window: KeyWindow) -> Result<Vec<ListedKey>>;
}

/// Management reads of accounts, outside any transaction.
#[async_trait]
pub trait Accounts: Send + Sync {
    /// The account of this mid, if the caller reaches it. An unknown and a foreign mid do the same work.
    async fn account(&self, within: &Reach, mid: &Mid) -> Result<Option<AccountRecord>>;

    /// A window over the accounts strictly below the caller's own; over all accounts for the operator.
    async fn accounts(&self, within: &Reach, window: AccountWindow) -> Result<Vec<Account>>;

    /// What would die with this account at this moment; nothing if the caller does not reach it, or if it or one above
    /// it is closed. It examines all of it: for a person who is about to decide, not for the path of a request.
    async fn count_below(&self, within: &Reach, id: AccountId, at: Timestamp) -> Result<Below>;
}

/// What management reads, outside any transaction.
pub trait Reads: Keys + Accounts {}

impl<T: Keys + Accounts + ?Sized> Reads for T {}
