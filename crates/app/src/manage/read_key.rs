//! Reads one API key (contract, section 4).

use keyward_domain::KeyId;
use keyward_storage::KeyRecord;

use super::Manage;
use crate::{Failure, access::Caller};

/// The key with this id, if it exists for the caller.
///
/// # Errors
/// [`Failure`] if the database cannot answer.
pub async fn read_key(manage: &Manage, caller: &Caller, id: KeyId) -> Result<Option<KeyRecord>, Failure> {
    Ok(manage.reads.key(&caller.reach(), id).await?)
}
