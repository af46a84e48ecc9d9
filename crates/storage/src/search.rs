//! What a search for keys reads: windows over the keys of many accounts, within a reach (contract, section 15).
//!
//! A window follows one index, so that it examines no row that it does not return. Conditions that no index holds are
//! the caller's to check.

use std::cmp::Reverse;

use async_trait::async_trait;
use keyward_domain::{AccountId, Actor, Chain, KeyId, Reach, Timestamp};

use crate::{ListedKey, Result, StoredState};

/// The accounts whose keys a window covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyArea {
    /// An account directly below the platform, or the platform, and for a partner all accounts below it.
    Line(AccountId),
    /// All accounts.
    All,
}

/// The keys of an area in a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AreaKeys {
    /// Those in a stored state. Windows over [`KeyArea::All`] cover all states, whichever is named.
    Stored(StoredState),
    /// Those that this actor created. Only in a line.
    CreatedBy(Actor),
}

/// A range of an area's keys, newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AreaWindow {
    /// The accounts.
    pub area: KeyArea,
    /// Which of their keys.
    pub keys: AreaKeys,
    /// Only keys older than this one.
    pub before: Option<KeyId>,
    /// Maximum number of rows to return. No more are examined; twice as many for [`StoredState::Any`] in a line.
    pub rows: u16,
}

/// Keys of a line that end by their own end in a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndsWindow {
    /// The account directly below the platform, or the platform.
    pub line: AccountId,
    /// Only keys that end after this time.
    pub after: Option<Timestamp>,
    /// Only keys that end before this time.
    pub until: Timestamp,
    /// Only keys older than this one.
    pub before: Option<KeyId>,
    /// Maximum number of rows to return.
    pub rows: u16,
    /// Maximum number of keys that may end in the period.
    pub at_most: u16,
}

/// Reads of a search for keys, outside any transaction.
#[async_trait]
pub trait Search: Send + Sync {
    /// Returns a window over an area's keys; empty if the area is not within reach.
    async fn keys_of_area(&self, within: &Reach, window: AreaWindow) -> Result<Vec<ListedKey>>;

    /// Returns unrevoked keys that end in a period, newest first; empty if the line is not within reach. `None` if more
    /// than `at_most` end in it, or if a policy above or in the line ends keys: the period is then no sufficient bound.
    async fn keys_that_end(&self, within: &Reach, window: EndsWindow) -> Result<Option<Vec<ListedKey>>>;

    /// Whether the policy of an account suspends idle keys; false if the reach is not that of the operator or the
    /// platform.
    async fn any_policy_suspends(&self, within: &Reach) -> Result<bool>;

    /// Returns the chains of those of these accounts that are within reach.
    async fn chains(&self, within: &Reach, accounts: &[AccountId]) -> Result<Vec<Chain>>;
}

/// The newest of the keys of two windows, each once: a key that was revoked between the two is in both, and counts as
/// revoked.
#[must_use]
pub fn merged(mut keys: Vec<ListedKey>, rows: u16) -> Vec<ListedKey> {
    keys.sort_unstable_by_key(|listed| (Reverse(listed.key.id().uuid()), listed.key.revocation().is_none()));
    keys.dedup_by_key(|listed| listed.key.id());
    keys.truncate(usize::from(rows));
    keys
}
