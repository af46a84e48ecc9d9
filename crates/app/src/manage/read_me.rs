//! Reads the calling key with its account (contract, section 15).

use keyward_domain::{Account, Actor, ScopeSet};
use keyward_storage::KeyRecord;

use super::Manage;
use crate::{Failure, access::Caller};

/// A calling key.
#[derive(Debug)]
pub struct Me {
    /// The key.
    pub key: KeyRecord,
    /// Its account.
    pub account: Account,
    /// What the credential may do: the scopes of the key, or of its token as far as the key still covers them.
    pub effective_scopes: ScopeSet,
}

/// The calling key; `None` for the operator, which has none.
///
/// # Errors
/// [`Failure`] if the database cannot answer.
pub async fn read_me(manage: &Manage, caller: &Caller) -> Result<Option<Me>, Failure> {
    let (Actor::Key(id), Some(account), Some(scopes)) = (caller.actor(), caller.account(), caller.scopes()) else {
        return Ok(None);
    };
    let reach = caller.reach();
    let Some(key) = manage.reads.key(&reach, id).await? else { return Ok(None) };
    let Some(found) = manage.reads.account(&reach, &account.mid).await? else { return Ok(None) };
    Ok(Some(Me { key, account: found.account, effective_scopes: scopes.intersection(scopes) }))
}
