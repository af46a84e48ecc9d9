//! Counts what a closing would end, for a person who is about to close an account.

use keyward_domain::{Account, Mid};
use keyward_storage::Below;

use super::Manage;
use crate::{Failure, access::Caller};

/// The account with this mid, and what is active at it and below it; `None` if it does not exist for the caller.
///
/// # Errors
/// [`Failure`] if the database cannot answer.
pub async fn count_below(manage: &Manage, caller: &Caller, mid: &Mid) -> Result<Option<(Account, Below)>, Failure> {
    let reach = caller.reach();
    let Some(found) = manage.reads.account(&reach, mid).await? else { return Ok(None) };
    let below = manage.reads.count_below(&reach, found.account.id, manage.access.now().latest()).await?;
    Ok(Some((found.account, below)))
}
