//! The accounts strictly below the caller, newest first, a page at a time (contract, section 8).

use keyward_domain::{Account, AccountId};
use keyward_storage::AccountWindow;

use super::Manage;
use crate::{Failure, access::Caller};

/// One page.
#[derive(Debug)]
pub struct Page {
    /// The accounts.
    pub accounts: Vec<Account>,
    /// Where the next page starts; none at the end.
    pub next: Option<AccountId>,
}

/// Reads one page of at most `limit` accounts, 1 to 1000.
///
/// # Errors
/// [`Failure`] if the answer is not to be had.
pub async fn list_accounts(
    manage: &Manage,
    caller: &Caller,
    limit: u16,
    before: Option<AccountId>,
) -> Result<Page, Failure> {
    // One row beyond the page tells whether there is a next one.
    let window = AccountWindow { before, rows: limit.saturating_add(1) };
    let mut accounts = manage.reads.accounts(&caller.reach(), window).await?;
    let more = accounts.len() > usize::from(limit);
    accounts.truncate(usize::from(limit));
    let next = accounts.last().filter(|_| more).map(|account| account.id);
    Ok(Page { accounts, next })
}
