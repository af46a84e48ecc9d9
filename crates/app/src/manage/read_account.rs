//! Reads one account (contract, section 8).

use keyward_domain::{Account, Mid};

use super::Manage;
use crate::{Failure, access::Caller};

/// The account with this mid, if it exists for the caller.
///
/// # Errors
/// [`Failure`] if the database cannot answer.
pub async fn read_account(manage: &Manage, caller: &Caller, mid: &Mid) -> Result<Option<Account>, Failure> {
    Ok(manage.reads.account(&caller.reach(), mid).await?.map(|record| record.account))
}
