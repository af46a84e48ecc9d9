//! The keys of one account, newest first, a page at a time (contract, section 5).
//!
//! One page examines at most [`MOST_EXAMINED`] rows however many keys there are, so it may hold fewer than were asked
//! for, even none, and still not be the last.

use keyward_domain::{Chain, KeyId, KeyStatus, KeyType, Mid, Standing, Timestamp};
use keyward_storage::{KeyWindow, ListedKey, StorageError, StoredState};

use super::Manage;
use crate::{Failure, access::Caller};

/// How many rows one page examines at the most.
pub const MOST_EXAMINED: u16 = 1_000;

/// Which keys, and how many.
#[derive(Clone, Debug)]
pub struct ListKeys {
    /// The account.
    pub mid: Mid,
    /// Only keys of this condition; all if there is none.
    pub condition: Option<KeyStatus>,
    /// Only keys of this type.
    pub key_type: Option<KeyType>,
    /// How many at the most: 1 to 1000.
    pub limit: u16,
    /// Only keys older than this one.
    pub before: Option<KeyId>,
}

/// One page.
#[derive(Debug)]
pub struct Page {
    /// The keys.
    pub keys: Vec<ListedKey>,
    /// The account that they belong to, and those above.
    pub chain: Chain,
    /// Where the next page starts; none at the end.
    pub next: Option<KeyId>,
    /// The moment that their conditions were judged at.
    pub at: Timestamp,
}

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such account within the caller's reach.
    #[error("no such account")]
    NoSuchAccount,
    /// Not the caller's fault.
    #[error(transparent)]
    Failure(#[from] Failure),
}

crate::impl_from_failure!(Error: StorageError);

/// Reads one page.
///
/// # Errors
/// [`Error`] if the account does not exist for the caller, or the answer is not to be had.
pub async fn list_keys(manage: &Manage, caller: &Caller, query: &ListKeys) -> Result<Page, Error> {
    let reach = caller.reach();
    let account = manage.reads.account(&reach, &query.mid).await?.ok_or(Error::NoSuchAccount)?;
    let at = manage.access.expiry_time();
    let mut page = Page { keys: Vec::new(), chain: account.chain, next: None, at };
    let Some(stored) = index_for(query.condition, page.chain.standing()) else { return Ok(page) };
    let (mut before, mut examined) = (query.before, 0);
    loop {
        // One row beyond the page tells whether there is a next one.
        let missing = query.limit - u16::try_from(page.keys.len()).unwrap_or(query.limit);
        // Where few rows match, the stretches grow, so that a page takes a handful of queries at the most.
        let wanted = if missing == 0 { 1 } else { (missing + 1).max(examined) };
        let rows = wanted.min(MOST_EXAMINED - examined);
        let window = manage.reads.keys(&reach, account.account.id, KeyWindow { before, stored, rows }).await?;
        let read = u16::try_from(window.len()).unwrap_or(rows);
        for listed in window {
            if page.keys.len() == usize::from(query.limit) {
                page.next = before;
                return Ok(page);
            }
            before = Some(listed.key.id());
            if matches(query, &listed, &page.chain, at) {
                page.keys.push(listed);
            }
        }
        examined += read;
        if read < rows {
            return Ok(page);
        }
        if examined >= MOST_EXAMINED {
            page.next = before;
            return Ok(page);
        }
    }
}

/// Which index holds every key of the condition; none if no key can have it. In a closed account all keys read revoked.
fn index_for(condition: Option<KeyStatus>, standing: Standing) -> Option<StoredState> {
    match (condition, standing) {
        (None, _) | (Some(KeyStatus::Revoked), Standing::Closed) => Some(StoredState::Any),
        (Some(KeyStatus::Active | KeyStatus::Expired), Standing::Closed) => None,
        (Some(KeyStatus::Active | KeyStatus::Expired), Standing::Active | Standing::Suspended) => {
            Some(StoredState::Active)
        }
        (Some(KeyStatus::Revoked), Standing::Active | Standing::Suspended) => Some(StoredState::Revoked),
    }
}

fn matches(query: &ListKeys, listed: &ListedKey, chain: &Chain, at: Timestamp) -> bool {
    query.condition.is_none_or(|condition| listed.key.condition(chain, at) == condition)
        && query.key_type.is_none_or(|key_type| listed.key.facts().key_type == key_type)
}
