//! Reads and sets the policy of an account (contract, section 16).

use std::{ops::ControlFlow, sync::Arc};

use keyward_domain::{Change, Mid, Permission, Policy, Reach, Status};
use keyward_storage::{AccountRecord, Seq, StorageError, Target, Write};

use super::{IfMatch, Manage};
use crate::{
    Failure,
    access::{Caller, Refused},
    account_queue::Lane,
    acting::{self, Acting},
};

/// The policy of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountPolicy {
    /// The account.
    pub mid: Mid,
    /// Its own policy.
    pub own: Policy,
    /// The strictest values from the account up to the platform.
    pub effective: Policy,
    /// Grows with each change of the account's own policy.
    pub version: u64,
    /// The event of the last change that affects the verification of its keys.
    pub seq: Option<Seq>,
}

impl From<&AccountRecord> for AccountPolicy {
    fn from(record: &AccountRecord) -> Self {
        Self {
            mid: record.account.mid.clone(),
            own: record.chain.own().policy.as_deref().copied().unwrap_or(Policy::NONE),
            effective: record.chain.policy(),
            version: record.policy_version,
            seq: record.enforcement.map(|last| last.seq),
        }
    }
}

/// Command: replace the policy of an account.
#[derive(Clone, Debug)]
pub struct SetPolicy {
    /// The account.
    pub mid: Mid,
    /// Its new policy.
    pub policy: Policy,
    /// The versions that its policy must have one of.
    pub if_match: IfMatch,
}

/// Why an account kept its policy.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The caller may no longer make changes.
    #[error(transparent)]
    Caller(#[from] Refused),
    /// No such account within the caller's reach.
    #[error("no such account")]
    NoSuchAccount,
    /// Callers set policies strictly below their own account.
    #[error("a caller cannot set the policy of its own account")]
    OwnAccount,
    /// The account is closed, which is final.
    #[error("the account is closed, which is final")]
    Closed,
    /// The policy has another version.
    #[error("the policy has version {0}")]
    PreconditionFailed(u64),
    /// Not the caller's fault.
    #[error(transparent)]
    Failure(#[from] Failure),
}

crate::impl_from_failure!(Error: StorageError);

acting::may_be_failure!(Error);

/// The policy of this account, if the account exists for the caller.
///
/// # Errors
/// [`Failure`] if the database cannot answer.
pub async fn read_policy(manage: &Manage, caller: &Caller, mid: &Mid) -> Result<Option<AccountPolicy>, Failure> {
    let found = manage.reads.account(&caller.reach(), mid).await?;
    Ok(found.as_ref().map(AccountPolicy::from))
}

/// Replaces the policy of an account below the caller, and waits until every node judges by it. A repeated call changes
/// nothing, is no error, and waits until the first one is enforced (R9).
///
/// # Errors
/// [`Error`]; nothing was written then, with two exceptions: the outcome of the commit is unknown, or the change is
/// committed but not known to be enforced. Repeating is safe.
pub async fn set_policy(manage: &Arc<Manage>, caller: &Caller, command: SetPolicy) -> Result<AccountPolicy, Error> {
    let mut acting = Acting::begin(&manage.access, caller, Permission::WriteMerchants).await?;
    loop {
        let tried = try_once(manage, &acting, &command).await;
        if let ControlFlow::Break(policy) = acting.again(&manage.access, tried).await? {
            return Ok(policy);
        }
    }
}

async fn try_once(manage: &Arc<Manage>, acting: &Acting, command: &SetPolicy) -> Result<AccountPolicy, Error> {
    let reach = acting.caller.reach();
    let found = manage.reads.account(&reach, &command.mid).await?.ok_or(Error::NoSuchAccount)?;
    let (id, target) = (found.account.id, Target::Account(found.account.id));
    settable(&reach, command, &found)?;
    // A repeated call needs neither a permit nor a connection that writes.
    if is_repeated(command, &found) {
        manage.door.again(found.enforcement, target).enforced().await?;
        return Ok((&found).into());
    }
    let permit = manage.account_queue.take(id, Lane::Stop, acting.caller.actor()).await.map_err(Failure::from)?;
    let mut unit = manage.door.begin(acting).await?;
    let mut locked = unit.lock_account(id).await?.ok_or(Error::NoSuchAccount)?;
    settable(&reach, command, &locked)?;
    if is_repeated(command, &locked) {
        drop((unit, permit));
        manage.door.again(locked.enforcement, target).enforced().await?;
        return Ok((&locked).into());
    }
    let change = Change::PolicySet { account: id, version: locked.policy_version, policy: command.policy };
    if unit.record(&change).await? == Write::Stale {
        return Err(Error::NoSuchAccount);
    }
    acting.is_in_time(&manage.access)?;
    let committed = unit.commit(Some(permit)).await?;
    let seq = committed.seq;
    committed.enforced().await?;
    locked.policy_version += 1;
    let above = locked.chain.links().skip(1).filter_map(|link| link.policy.as_deref());
    let effective = Policy::strictest(above.chain([&command.policy]));
    Ok(AccountPolicy { own: command.policy, effective, seq, ..AccountPolicy::from(&locked) })
}

/// Checks that the policy of this account may be set, in the contract's order.
pub(super) fn settable(reach: &Reach, command: &SetPolicy, record: &AccountRecord) -> Result<(), Error> {
    if reach.own_account() == Some(record.account.id) {
        return Err(Error::OwnAccount);
    }
    if !command.if_match.holds(record.policy_version) {
        return Err(Error::PreconditionFailed(record.policy_version));
    }
    if record.account.status == Status::Closed {
        return Err(Error::Closed);
    }
    Ok(())
}

/// Whether the account has this policy already.
fn is_repeated(command: &SetPolicy, record: &AccountRecord) -> bool {
    AccountPolicy::from(record).own == command.policy
}
