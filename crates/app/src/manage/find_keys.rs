//! Finds keys, newest first, in pages: those of an account, or all within reach (contract, sections 5 and 15).
//!
//! A page examines at most [`MOST_EXAMINED`] rows, however many keys there are. So a page that is not the last may hold
//! fewer keys than `limit`, or none.

use std::collections::HashMap;

use keyward_domain::{AccountId, Chain, KeyFilter, KeyId, Mid, Now};
use keyward_storage::{ListedKey, StorageError};

use super::Manage;
use crate::{Failure, access::Caller};

mod source;

use source::Source;

/// Maximum number of rows that one page examines.
pub const MOST_EXAMINED: u16 = 1_000;

/// Which keys to find.
#[derive(Clone, Debug)]
pub struct FindKeys {
    /// Whose keys.
    pub held_by: Holders,
    /// Which of them.
    pub filter: KeyFilter,
    /// Maximum number of keys: 1 to 1000.
    pub limit: u16,
    /// Only keys older than this one.
    pub before: Option<KeyId>,
}

/// The accounts whose keys are searched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holders {
    /// One account.
    Account(Mid),
    /// An account and all below it.
    Below(Mid),
    /// All accounts within the caller's reach.
    Reach,
}

/// One page of keys.
#[derive(Debug)]
pub struct Page {
    /// Newest first.
    pub keys: Vec<ListedKey>,
    /// The chains of their accounts.
    chains: HashMap<AccountId, Chain>,
    /// The account that the search names.
    pub account: Option<Mid>,
    /// Where the next page starts; `None` on the last page.
    pub next: Option<KeyId>,
    /// The instant at which their status was judged.
    pub at: Now,
}

impl Page {
    /// The keys, each with the chain of its account.
    pub fn with_chains(&self) -> impl Iterator<Item = (&ListedKey, &Chain)> {
        self.keys.iter().filter_map(|listed| Some((listed, self.chains.get(&listed.key.facts().account)?)))
    }
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
pub async fn find_keys(manage: &Manage, caller: &Caller, query: &FindKeys) -> Result<Page, Error> {
    let reach = caller.reach();
    let at = manage.access.now();
    let account = match &query.held_by {
        Holders::Reach => None,
        Holders::Account(mid) | Holders::Below(mid) => {
            Some(manage.reads.account(&reach, mid).await?.ok_or(Error::NoSuchAccount)?)
        }
    };
    let named = account.as_ref().map(|account| account.account.mid.clone());
    let mut page = Page { keys: Vec::new(), chains: HashMap::new(), account: named, next: None, at };
    let source = Source::of(&*manage.reads, &reach, account.as_ref(), query, at).await?;
    page.chains.extend(account.map(|account| (account.account.id, account.chain)));
    let Some(mut source) = source else { return Ok(page) };
    let (mut before, mut examined) = (query.before, 0);
    loop {
        // One row beyond the page shows whether there is a next page.
        let missing = query.limit - u16::try_from(page.keys.len()).unwrap_or(query.limit);
        // Where few rows match, the stretches grow, so that a page takes at most a few queries.
        let wanted = if missing == 0 { 1 } else { (missing + 1).max(examined) };
        let rows = source.rows(wanted, source.most_examined() - examined);
        let Some(window) = source.read(&*manage.reads, &reach, before, rows).await? else {
            source = source.instead();
            continue;
        };
        let read = u16::try_from(window.len()).unwrap_or(rows);
        let candidates = window.iter().filter(|listed| query.filter.admits(&listed.key, listed.last_used));
        let unknown = candidates.map(|listed| listed.key.facts().account).filter(|id| !page.chains.contains_key(id));
        page.learn_chains(manage, caller, unknown.collect()).await?;
        for listed in window {
            if page.keys.len() == usize::from(query.limit) {
                page.next = before;
                return Ok(page);
            }
            before = Some(listed.key.id());
            if page.includes(&query.filter, &listed) {
                page.keys.push(listed);
            }
        }
        examined += read;
        if read < rows {
            return Ok(page);
        }
        if examined >= source.most_examined() {
            page.next = before;
            return Ok(page);
        }
    }
}

impl Page {
    /// Reads the chains of more accounts.
    async fn learn_chains(
        &mut self,
        manage: &Manage,
        caller: &Caller,
        mut accounts: Vec<AccountId>,
    ) -> Result<(), Error> {
        accounts.sort_unstable_by_key(|id| id.uuid());
        accounts.dedup();
        if !accounts.is_empty() {
            let chains = manage.reads.chains(&caller.reach(), &accounts).await?;
            self.chains.extend(chains.into_iter().map(|chain| (chain.own().id, chain)));
        }
        Ok(())
    }

    /// Whether the search returns this key. The key of an account that is not within reach any more is not returned.
    fn includes(&self, filter: &KeyFilter, listed: &ListedKey) -> bool {
        let chain = self.chains.get(&listed.key.facts().account);
        chain.is_some_and(|chain| filter.matches(&listed.key, listed.last_used, chain, self.at))
    }
}
