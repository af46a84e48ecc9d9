//! Get one account (contract, section 8).

use keyward_domain::{Account, Mid};

use super::Manage;
use crate::{Failure, access::Caller};

/// The account of this mid, if it exists for the caller.
///
/// # Errors
/// [`Failure`] if the answer is not to be had.
pub async fn read_account(manage: &Manage, caller: &Caller, mid: &Mid) -> Result<Option<Account>, Failure> {
    Ok(manage.reads.account(&caller.reach(), mid).await?.map(|record| record.account))
}
