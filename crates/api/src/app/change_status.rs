//! Suspend, resume and close an account (contract, section 8).

use std::sync::Arc;

use keyward_domain::{
    Account, Mid, Status,
    revocation::{StatusDecision, StatusRefusal},
};
use keyward_storage::{StorageError, Subject, Write};

use super::{App, Caller, Fault, narrowing, turns::Lane};

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

/// Gives an account below the caller this status, and waits until every node judges by it. Repeating it changes nothing,
/// is no error, and waits again for what the first one did (R9).
///
/// # Errors
/// [`Error`]; nothing was written then, unless the outcome of the commit is unknown, or it is committed and not known to
/// be in force: repeating is safe.
pub async fn change_status(app: &Arc<App>, caller: &Caller, mid: &Mid, wanted: Status) -> Result<Account, Error> {
    let reach = &caller.reach();
    let id = app.store.account(reach, mid).await?.ok_or(Error::NoSuchAccount)?.account.id;
    let turn = app.turns.take(id, Lane::Stop, caller.actor()).await.map_err(Fault::from)?;
    let mut work = app.store.begin().await?;
    let locked = work.lock_account(reach, id).await?.ok_or(Error::NoSuchAccount)?;
    let (mut account, subject) = (locked.account, Subject::Account(id));
    match account.change_status(wanted, reach)? {
        StatusDecision::Unchanged => {
            drop((work, turn));
            narrowing::again(app, locked.enforcement, subject).in_force().await?;
            Ok(account)
        }
        StatusDecision::Become(status) => {
            if work.record_status(reach, id, account.status, status).await? == Write::Stale {
                return Err(Error::NoSuchAccount);
            }
            narrowing::commit(app, work, vec![subject], Some(turn)).await?.in_force().await?;
            account.status = status;
            Ok(account)
        }
    }
}
