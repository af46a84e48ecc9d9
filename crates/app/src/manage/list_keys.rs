//! Lists the keys of one account, newest first, in pages (contract, section 5).
//!
//! A page examines at most [`MOST_EXAMINED`] rows, however many keys there are. So a page that is not the last may hold
//! fewer keys than `limit`, or none.

use keyward_domain::{Chain, KeyId, KeyStatus, KeyType, Mid, Now, Standing};
use keyward_storage::{KeyWindow, ListedKey, StorageError, StoredState};

use super::Manage;
use crate::{Failure, access::Caller};

/// Maximum number of rows that one page examines.
pub const MOST_EXAMINED: u16 = 1_000;

/// Which keys to list.
#[derive(Clone, Debug)]
pub struct ListKeys {
    /// The account that holds the keys.
    pub mid: Mid,
    /// Only keys with this status; keys of any status if absent.
    pub status: Option<KeyStatus>,
    /// Only keys of this type; both types if absent.
    pub key_type: Option<KeyType>,
    /// Maximum number of keys: 1 to 1000.
    pub limit: u16,
    /// Only keys older than this one.
    pub before: Option<KeyId>,
}

/// One page of keys.
#[derive(Debug)]
pub struct Page {
    /// Newest first.
    pub keys: Vec<ListedKey>,
    /// The account of the keys, and those above.
    pub chain: Chain,
    /// Where the next page starts; `None` on the last page.
    pub next: Option<KeyId>,
    /// The instant at which their status was judged.
    pub at: Now,
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

/// Reads a page.
///
/// # Errors
/// [`Error`] if the account does not exist for the caller, or the database cannot answer.
pub async fn list_keys(manage: &Manage, caller: &Caller, query: &ListKeys) -> Result<Page, Error> {
    let reach = caller.reach();
    let account = manage.reads.account(&reach, &query.mid).await?.ok_or(Error::NoSuchAccount)?;
    let at = manage.access.now();
    let mut page = Page { keys: Vec::new(), chain: account.chain, next: None, at };
    let Some(stored) = index_for(query.status, page.chain.standing()) else { return Ok(page) };
    let (mut before, mut examined) = (query.before, 0);
    loop {
        // One row beyond the page shows whether there is a next page.
        let missing = query.limit - u16::try_from(page.keys.len()).unwrap_or(query.limit);
        // Where few rows match, the stretches grow, so that a page takes at most a few queries.
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

/// The index that holds every key with this status; `None` if no key can have it. In a closed account every key is
/// revoked.
fn index_for(status: Option<KeyStatus>, standing: Standing) -> Option<StoredState> {
    let is_closed = standing == Standing::Closed;
    let Some(status) = status else { return Some(StoredState::Any) };
    match (status == KeyStatus::Revoked, is_closed) {
        (true, true) => Some(StoredState::Any),
        (true, false) => Some(StoredState::Revoked),
        (false, true) => None,
        (false, false) => Some(StoredState::Active),
    }
}

fn matches(query: &ListKeys, listed: &ListedKey, chain: &Chain, at: Now) -> bool {
    query.status.is_none_or(|status| listed.key.status(chain, at) == status)
        && query.key_type.is_none_or(|key_type| listed.key.facts().key_type == key_type)
}
