//! Creates an account of any role: used by the command line and by registering a merchant.

use std::{ops::ControlFlow, sync::Arc};

use keyward_domain::{Account, AccountNotActive, Change, Mid, Name, Parent, Permission, Role, Standing, Status};
use keyward_storage::{AccountRecord, Constraint, StorageError, Write};

use super::Manage;
use crate::{
    Failure, NoEntropy,
    access::{Caller, Refused},
    account_queue::Lane,
    acting::{self, Acting},
};

/// Command: create an account.
#[derive(Clone, Debug)]
pub struct CreateAccount {
    /// Platform, partner or merchant.
    pub role: Role,
    /// Mid chosen by the caller; the service makes one if absent.
    pub mid: Option<Mid>,
    /// Display name.
    pub name: Name,
    /// The account directly above the new one; `None` for the platform only.
    pub parent: Option<Mid>,
}

/// Why no account was created.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The caller may no longer make changes.
    #[error(transparent)]
    Caller(#[from] Refused),
    /// No such parent within the caller's reach.
    #[error("no such parent account")]
    NoSuchParent,
    /// The parent cannot have an account of this role below it.
    #[error("a platform stands at the root, a partner below the platform, a merchant below either")]
    WrongPlace,
    /// The parent, or an account above it, is suspended or closed.
    #[error(transparent)]
    ParentNotActive(#[from] AccountNotActive),
    /// Another account has the mid.
    #[error("the mid is taken")]
    MidTaken,
    /// The database already has its only platform account.
    #[error("there is a platform account already")]
    PlatformExists,
    /// Not the caller's fault.
    #[error(transparent)]
    Failure(#[from] Failure),
}

impl From<StorageError> for Error {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Conflict(Constraint::AccountMid) => Self::MidTaken,
            StorageError::Conflict(Constraint::OnePlatform) => Self::PlatformExists,
            StorageError::Conflict(Constraint::PairUniqueName)
            | StorageError::Unavailable(_)
            | StorageError::OutcomeUnknown(_)
            | StorageError::CallerChanged
            | StorageError::Corrupt { .. }
            | StorageError::Unexpected(_) => Self::Failure(error.into()),
        }
    }
}

crate::impl_from_failure!(Error: NoEntropy);

acting::may_be_failure!(Error);

/// Creates an account.
///
/// # Errors
/// [`Error`]; nothing was written then, unless the outcome of the commit is unknown.
pub async fn create_account(manage: &Arc<Manage>, caller: &Caller, command: CreateAccount) -> Result<Account, Error> {
    let mut acting = Acting::begin(&manage.access, caller, Permission::WriteMerchants).await?;
    let reach = acting.caller.reach();
    let parent = match &command.parent {
        Some(mid) => Some(manage.reads.account(&reach, mid).await?.ok_or(Error::NoSuchParent)?),
        None => None,
    };
    let account = new_account(manage, command, parent.as_ref())?;
    let _permit = match &account.parent {
        Some(parent) => {
            Some(manage.account_queue.take(parent.id, Lane::Make, caller.actor()).await.map_err(Failure::from)?)
        }
        None => None,
    };
    loop {
        let tried = insert(manage, &acting, &account).await;
        if let ControlFlow::Break(()) = acting.again(&manage.access, tried).await? {
            return Ok(account);
        }
    }
}

/// Decides what the account is, and writes nothing.
pub(crate) fn new_account(
    manage: &Manage,
    command: CreateAccount,
    parent: Option<&AccountRecord>,
) -> Result<Account, Error> {
    let CreateAccount { role, mid, name, parent: _ } = command;
    let place = parent.map(|parent| parent.account.role);
    if place.map_or(role != Role::Platform, |place| !role.may_stand_below(place)) {
        return Err(Error::WrongPlace);
    }
    if parent.is_some_and(|parent| parent.chain.standing() != Standing::Active) {
        return Err(AccountNotActive.into());
    }
    let now = manage.access.now();
    let id = manage.fresh_account_id(now)?;
    Ok(Account {
        id,
        mid: mid.unwrap_or_else(|| Mid::made_for(id)),
        role,
        name,
        status: Status::Active,
        suspended_by: None,
        parent: parent.map(|parent| Parent { id: parent.account.id, mid: parent.account.mid.clone() }),
        created_at: now.recorded(),
    })
}

async fn insert(manage: &Arc<Manage>, acting: &Acting, account: &Account) -> Result<(), Error> {
    let mut unit = manage.door.begin(acting).await?;
    if unit.record(&Change::AccountRegistered(Box::new(account.clone()))).await? == Write::Stale {
        return Err(AccountNotActive.into());
    }
    acting.is_in_time(&manage.access)?;
    unit.commit(None).await?;
    Ok(())
}
