//! Suspend, resume and close an account (contract, section 8).

use keyward_domain::{
    Account, Mid, Status,
    revocation::{StatusDecision, StatusRefusal},
};
use keyward_storage::{StorageError, Write};

use super::{App, Caller, Fault};

/// Why an account kept its status.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such account within the caller's reach.
    #[error("no such account")]
    NoSuchAccount,
    /// Its own account, or a closed one.
    #[error(transparent)]
    Refused(#[from] StatusRefusal),
    /// Not the caller's fault.
    #[error(transparent)]
    Fault(#[from] Fault),
}

super::faults!(Error: StorageError);

/// Gives an account below the caller this status. Repeating it changes nothing and is no error.
///
/// # Errors
/// [`Error`]; nothing was written then, unless the outcome of the commit is unknown: repeating is safe.
pub async fn change_status(app: &App, caller: &Caller, mid: &Mid, wanted: Status) -> Result<Account, Error> {
    let reach = &caller.reach();
    let id = app.store.account(reach, mid).await?.ok_or(Error::NoSuchAccount)?.account.id;
    let _turn = app.turns.take(id).await.map_err(Fault::from)?;
    let mut work = app.store.begin().await?;
    let mut account = work.lock_account(reach, id).await?.ok_or(Error::NoSuchAccount)?.account;
    match account.change_status(wanted, reach)? {
        StatusDecision::Unchanged => Ok(account),
        StatusDecision::Become(status) => {
            if work.record_status(reach, id, account.status, status).await? == Write::Stale {
                return Err(Error::NoSuchAccount);
            }
            work.commit().await?;
            account.status = status;
            Ok(account)
        }
    }
}
