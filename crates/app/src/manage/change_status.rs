//! Suspends, resumes and closes an account (contract, section 8).

use std::{ops::ControlFlow, sync::Arc};

use keyward_domain::{
    Account, Change, Mid, Permission, Status,
    revocation::{StatusDecision, StatusRefusal},
};
use keyward_storage::{StorageError, Target, Write};

use super::Manage;
use crate::{
    Failure,
    access::{Caller, Refused},
    account_queue::Lane,
    acting::{self, Acting},
};

/// Why an account kept its status.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The caller may no longer make changes.
    #[error(transparent)]
    Caller(#[from] Refused),
    /// No such account within the caller's reach.
    #[error("no such account")]
    NoSuchAccount,
    /// The caller's own account, one suspended from higher up, or a closed one.
    #[error(transparent)]
    Refused(#[from] StatusRefusal),
    /// Not the caller's fault.
    #[error(transparent)]
    Failure(#[from] Failure),
}

crate::impl_from_failure!(Error: StorageError);

acting::may_be_failure!(Error);

/// Sets the status of an account below the caller, and waits until every node enforces it. A repeated call changes
/// nothing, is no error, and waits until the first one is enforced (R9).
///
/// # Errors
/// [`Error`]; nothing was written then, with two exceptions: the outcome of the commit is unknown, or the change is
/// committed but not known to be enforced. Repeating is safe.
pub async fn change_status(manage: &Arc<Manage>, caller: &Caller, mid: &Mid, wanted: Status) -> Result<Account, Error> {
    let mut acting = Acting::begin(&manage.access, caller, Permission::WriteMerchants).await?;
    loop {
        let tried = try_once(manage, &acting, mid, wanted).await;
        if let ControlFlow::Break(account) = acting.again(&manage.access, tried).await? {
            return Ok(account);
        }
    }
}

async fn try_once(manage: &Arc<Manage>, acting: &Acting, mid: &Mid, wanted: Status) -> Result<Account, Error> {
    let reach = &acting.caller.reach();
    let found = manage.reads.account(reach, mid).await?.ok_or(Error::NoSuchAccount)?;
    let (id, target) = (found.account.id, Target::Account(found.account.id));
    // A refused or repeated call needs neither a permit nor a connection that writes.
    if found.account.change_status(wanted, reach)? == StatusDecision::Unchanged {
        manage.door.again(found.enforcement, target).enforced().await?;
        return Ok(found.account);
    }
    let permit = manage.account_queue.take(id, Lane::Stop, acting.caller.actor()).await.map_err(Failure::from)?;
    let mut unit = manage.door.begin(acting).await?;
    let locked = unit.lock_account(id).await?.ok_or(Error::NoSuchAccount)?;
    let mut account = locked.account;
    match account.change_status(wanted, reach)? {
        StatusDecision::Unchanged => {
            drop((unit, permit));
            manage.door.again(locked.enforcement, target).enforced().await?;
            Ok(account)
        }
        StatusDecision::Become(status) => {
            let change = Change::StatusChanged { account: id, from: account.status, to: status };
            if unit.record(&change).await? == Write::Stale {
                return Err(Error::NoSuchAccount);
            }
            acting.is_in_time(&manage.access)?;
            let committed = unit.commit(Some(permit)).await?;
            match committed.seq {
                Some(_) => committed.enforced().await?,
                // A suspension from higher up changes no verdict: it is enforced when the first one is.
                None => manage.door.again(locked.enforcement, target).enforced().await?,
            }
            account.status = status;
            Ok(account)
        }
    }
}
