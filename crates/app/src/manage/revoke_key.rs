//! Revokes an API key (contract, section 6).

use std::{ops::ControlFlow, sync::Arc};

use keyward_domain::{Change, Decision, KeyId, OtherManagerKeys, Permission, Reason, Refusal, RevocationRequest};
use keyward_storage::{Seq, StorageError, Target, Write};

use super::Manage;
use crate::{
    Failure,
    access::{Caller, Refused},
    account_queue::Lane,
    acting::{self, Acting},
    commit::CommittedChange,
};

/// Command: revoke a key.
#[derive(Clone, Copy, Debug)]
pub struct RevokeKey {
    /// Id of the key.
    pub id: KeyId,
    /// Reason to record.
    pub reason: Reason,
    /// Whether to return after the commit, before every node enforces it.
    pub respond_async: bool,
}

/// Proof that a key is revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revoked {
    /// The event of the revocation.
    pub seq: Option<Seq>,
}

/// Why a key was not revoked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The caller may no longer make changes.
    #[error(transparent)]
    Caller(#[from] Refused),
    /// No such key within the caller's reach.
    #[error("no such key")]
    NoSuchKey,
    /// Refused by rule 7.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Not the caller's fault.
    #[error(transparent)]
    Failure(#[from] Failure),
}

crate::impl_from_failure!(Error: StorageError);

acting::may_be_failure!(Error);

/// Revokes a key permanently, and waits until no node accepts it. A repeated call changes nothing, is no error, and
/// waits until the first one is enforced (R9).
///
/// # Errors
/// [`Error`]; nothing was written then, with two exceptions: the outcome of the commit is unknown, or the revocation is
/// committed but not known to be enforced. Repeating is safe.
pub async fn revoke_key(manage: &Arc<Manage>, caller: &Caller, command: RevokeKey) -> Result<Revoked, Error> {
    let mut acting = Acting::begin(&manage.access, caller, Permission::WriteKeys).await?;
    let committed = loop {
        let tried = decide_and_commit(manage, &acting, command).await;
        if let ControlFlow::Break(committed) = acting.again(&manage.access, tried).await? {
            break committed;
        }
    };
    let seq = committed.seq;
    if !command.respond_async {
        committed.enforced().await?;
    }
    Ok(Revoked { seq })
}

async fn decide_and_commit(
    manage: &Arc<Manage>,
    acting: &Acting,
    command: RevokeKey,
) -> Result<CommittedChange, Error> {
    let reach = acting.caller.reach();
    let request =
        RevocationRequest { now: manage.access.now(), by: acting.caller.actor(), reason: command.reason, reach };
    let found = manage.reads.key(&reach, command.id).await?.ok_or(Error::NoSuchKey)?;
    let target = Target::Key(command.id);
    // A revocation is final, so a repeated call needs neither a permit nor a connection that writes.
    if found.key.revocation().is_some() {
        return Ok(manage.door.again(found.enforcement, target));
    }
    let account = found.key.facts().account;
    // The account is locked where other keys count, so that the second of two concurrent revokes sees the first.
    let depends_on_others = request.depends_on_other_manager_keys(&found.key);
    let lane = if depends_on_others { Lane::Stop } else { Lane::Revoke };
    let permit = manage.account_queue.take(account, lane, acting.caller.actor()).await.map_err(Failure::from)?;
    let mut unit = manage.door.begin(acting).await?;
    let (found, others) = if depends_on_others {
        unit.lock_account(account).await?.ok_or(Error::NoSuchKey)?;
        let found = unit.current_key(command.id).await?.ok_or(Error::NoSuchKey)?;
        let left = unit.longest_lived_manager_key(account, &[command.id], request.now, &found.chain.policy()).await?;
        let others = OtherManagerKeys::among(&left, &found.chain, request.now);
        (found, others)
    } else {
        (found, OtherManagerKeys::Some)
    };
    match found.key.revoke(&found.chain, &request, others)? {
        Decision::AlreadyRevoked(_) => Ok(manage.door.again(found.enforcement, target)),
        Decision::Revoke(revocation) => {
            match unit.record(&Change::KeyRevoked { key: command.id, revocation }).await? {
                Write::Applied => {
                    acting.is_in_time(&manage.access)?;
                    Ok(unit.commit(Some(permit)).await?)
                }
                // Another call has just revoked it. The first revocation stays (rule 2); this call waits for it.
                Write::Stale => {
                    drop(unit);
                    let found = manage.reads.key(&reach, command.id).await?.ok_or(Error::NoSuchKey)?;
                    Ok(manage.door.again(found.enforcement, target))
                }
            }
        }
    }
}
