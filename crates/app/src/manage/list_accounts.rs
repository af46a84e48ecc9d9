//! Lists the accounts strictly below the caller, newest first, in pages (contract, section 8).

use keyward_domain::{Account, AccountId};
use keyward_storage::AccountWindow;

use super::Manage;
use crate::{Failure, access::Caller};

/// One page of accounts.
#[derive(Debug)]
pub struct Page {
    /// Newest first.
    pub accounts: Vec<Account>,
    /// Where the next page starts; `None` on the last page.
    pub next: Option<AccountId>,
}

/// Reads a page of at most `limit` accounts, 1 to 1000.
///
/// # Errors
/// [`Failure`] if the database cannot answer.
pub async fn list_accounts(
    manage: &Manage,
    caller: &Caller,
    limit: u16,
    before: Option<AccountId>,
) -> Result<Page, Failure> {
    // One row beyond the page shows whether there is a next page.
    let window = AccountWindow { before, rows: limit.saturating_add(1) };
    let mut accounts = manage.reads.accounts(&caller.reach(), window).await?;
    let more = accounts.len() > usize::from(limit);
    accounts.truncate(usize::from(limit));
    let next = accounts.last().filter(|_| more).map(|account| account.id);
    Ok(Page { accounts, next })
}
