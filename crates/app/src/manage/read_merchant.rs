//! Get one account (contract, section 8).

use keyward_domain::{Account, Mid};

use super::Manage;
use crate::{Fault, access::Caller};

/// The account of this mid, if it exists for the caller.
///
/// # Errors
/// [`Fault`] if the answer is not to be had.
pub async fn read_merchant(manage: &Manage, caller: &Caller, mid: &Mid) -> Result<Option<Account>, Fault> {
    Ok(manage.store.account(&caller.reach(), mid).await?.map(|record| record.account))
}
