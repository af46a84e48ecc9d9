//! Changes an API key while it lives: its terms, or whether it is suspended (contract, section 14).

use std::{ops::ControlFlow, sync::Arc};

use keyward_domain::{
    Change, ChangeEffect, ChangeRefusal, ChangedKey, IdleAction, KeyChangeRequest, KeyId, KeyPatch, OtherManagerKeys,
    Permission, ScopeNotHeld,
};
use keyward_storage::{KeyRecord, Seq, StorageError, Target, Write};

use super::{IfMatch, Manage};
use crate::{
    Failure,
    access::{Caller, Refused},
    account_queue::Lane,
    acting::{self, Acting},
    commit::CommittedChange,
};

/// Maximum number of attempts while other callers change the key at the same time.
const TRIES: u32 = 16;

/// What to change.
#[derive(Clone, Debug)]
pub enum KeyCommand {
    /// The terms of the key.
    Patch(Box<KeyPatch>),
    /// Verification answers `SUSPENDED` from now on.
    Suspend,
    /// As `Suspend`, if the policy of its account suspends keys that are as idle as this one.
    SuspendIdle,
    /// Ends a suspension.
    Resume,
}

/// Command: change a key.
#[derive(Clone, Debug)]
pub struct ChangeKey {
    /// Id of the key.
    pub id: KeyId,
    /// What to change.
    pub command: KeyCommand,
    /// The versions that the key must have one of.
    pub if_match: IfMatch,
}

/// The key after a change that is enforced.
#[derive(Clone, Debug)]
pub struct KeyChanged {
    /// The key.
    pub record: KeyRecord,
    /// The last event of the key, if verification looks at what was changed.
    pub seq: Option<Seq>,
}

/// Why a key was not changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The caller may no longer make changes.
    #[error(transparent)]
    Caller(#[from] Refused),
    /// No such key within the caller's reach.
    #[error("no such key")]
    NoSuchKey,
    /// A rule of the domain.
    #[error(transparent)]
    Refused(#[from] ChangeRefusal),
    /// The caller lacks a scope that the key would gain.
    #[error(transparent)]
    ScopeNotHeld(#[from] ScopeNotHeld),
    /// The key has another version.
    #[error("the key has version {0}")]
    PreconditionFailed(u64),
    /// Not the caller's fault.
    #[error(transparent)]
    Failure(#[from] Failure),
}

crate::impl_from_failure!(Error: StorageError);

acting::may_be_failure!(Error);

/// Changes a key. If a verdict depends on what changed, waits until every node judges by it. A repeated call changes
/// nothing, is no error, and waits until the first one is enforced (R9).
///
/// # Errors
/// [`Error`]; nothing was written then, with two exceptions: the outcome of the commit is unknown, or the change is
/// committed but not known to be enforced. Repeating is safe.
pub async fn change_key(manage: &Arc<Manage>, caller: &Caller, command: ChangeKey) -> Result<KeyChanged, Error> {
    let mut acting = Acting::begin(&manage.access, caller, Permission::WriteKeys).await?;
    let mut left = TRIES;
    let (record, awaited) = loop {
        let tried = try_once(manage, &acting, &command).await;
        match acting.again(&manage.access, tried).await? {
            ControlFlow::Break(Some(done)) => break done,
            // Another call changed the key between the read and the write.
            ControlFlow::Break(None) if left > 1 => left -= 1,
            ControlFlow::Break(None) => {
                return Err(Failure::from(StorageError::Unavailable("the key keeps changing".into())).into());
            }
            ControlFlow::Continue(()) => {}
        }
    };
    let seq = awaited.seq;
    awaited.enforced().await?;
    Ok(KeyChanged { record, seq })
}

impl KeyCommand {
    /// Whether its answer promises something about verdicts, and not only about what is shown.
    const fn is_about_verdicts(&self) -> bool {
        match self {
            Self::Patch(patch) => patch.scopes.is_some() || patch.not_before.is_some() || patch.expires_at.is_some(),
            Self::Suspend | Self::SuspendIdle | Self::Resume => true,
        }
    }
}

/// The key after the change, and the change whose enforcement the answer waits for.
type Done = (KeyRecord, CommittedChange);

/// Decides on the key as it is, and commits. Returns `None` if another call changed the key meanwhile.
async fn try_once(manage: &Arc<Manage>, acting: &Acting, command: &ChangeKey) -> Result<Option<Done>, Error> {
    let reach = acting.caller.reach();
    let request = KeyChangeRequest { now: manage.access.now(), by: acting.caller.actor(), reach };
    let found = manage.reads.key(&reach, command.id).await?.ok_or(Error::NoSuchKey)?;
    // A refused or repeated call needs neither a permit nor a connection that writes.
    let changed = decide(command, acting, &request, &found, OtherManagerKeys::Some)?;
    if changed.effect == ChangeEffect::None {
        let committed = manage.door.again(found.enforcement, Target::Key(command.id));
        return Ok(Some((found, committed)));
    }
    let account = found.key.facts().account;
    let depends_on_others = request.depends_on_other_manager_keys(&found.key);
    let lane = match (&command.command, depends_on_others) {
        (KeyCommand::Suspend, true) => Lane::Stop,
        (KeyCommand::Suspend, false) => Lane::Revoke,
        (KeyCommand::Patch(_) | KeyCommand::SuspendIdle | KeyCommand::Resume, true) => Lane::Make,
        (KeyCommand::Patch(_) | KeyCommand::SuspendIdle | KeyCommand::Resume, false) => Lane::Change,
    };
    let permit = manage.account_queue.take(account, lane, request.by).await.map_err(Failure::from)?;
    let mut unit = manage.door.begin(acting).await?;
    // Account and key are locked, so that the second of two concurrent changes sees the first, and no flood of changes
    // keeps another one from being written.
    if depends_on_others {
        unit.lock_account(account).await?.ok_or(Error::NoSuchKey)?;
    }
    let found = unit.lock_key(command.id).await?.ok_or(Error::NoSuchKey)?;
    let others = if depends_on_others {
        let left = unit.longest_lived_manager_key(account, &[command.id], request.now, &found.chain.policy()).await?;
        OtherManagerKeys::among(&left, &found.chain, request.now)
    } else {
        OtherManagerKeys::Some
    };
    let ChangedKey { key, effect } = decide(command, acting, &request, &found, others)?;
    if effect == ChangeEffect::None {
        return Ok(None);
    }
    let (before, after) = (Box::new(found.key.clone()), Box::new(key.clone()));
    if unit.record(&Change::KeyChanged { before, after, effect }).await? == Write::Stale {
        return Ok(None);
    }
    // Expiry is final: a key that expired while this call waited does not revive.
    let has_ended = found.key.facts().restrictions.has_ended(manage.access.now());
    if effect == ChangeEffect::Verdict && has_ended {
        return Ok(None);
    }
    acting.is_in_time(&manage.access)?;
    let committed = unit.commit(Some(permit)).await?;
    let awaited = match effect {
        ChangeEffect::Verdict => committed,
        // An earlier change of the same terms may not be enforced yet.
        ChangeEffect::None | ChangeEffect::Record | ChangeEffect::Shown if command.command.is_about_verdicts() => {
            manage.door.again(found.enforcement, Target::Key(command.id))
        }
        ChangeEffect::None | ChangeEffect::Record | ChangeEffect::Shown => committed.in_background(),
    };
    Ok(Some((KeyRecord { key, ..found }, awaited)))
}

/// The change of this key, by the contract's order of checks: the request, the caller, the version, the key's state.
fn decide(
    command: &ChangeKey,
    acting: &Acting,
    request: &KeyChangeRequest,
    record: &KeyRecord,
    others: OtherManagerKeys,
) -> Result<ChangedKey, Error> {
    let KeyRecord { key, chain, last_used, .. } = record;
    let decided = match &command.command {
        KeyCommand::Patch(patch) => key.change(patch, chain, request, others),
        KeyCommand::Suspend => key.suspend(chain, request, others),
        KeyCommand::SuspendIdle => match key.idle_action(&chain.policy(), *last_used, request.now) {
            Some(IdleAction::Suspend) => key.suspend(chain, request, others),
            Some(IdleAction::Report) | None => Ok(ChangedKey { key: key.clone(), effect: ChangeEffect::None }),
        },
        KeyCommand::Resume => key.resume(chain, request),
    };
    let is_about_state =
        |refusal: &ChangeRefusal| matches!(refusal, ChangeRefusal::NotActive(_) | ChangeRefusal::WouldLockOut);
    let decided = match decided {
        Err(refusal) if !is_about_state(&refusal) => return Err(refusal.into()),
        decided => decided,
    };
    if let KeyCommand::Patch(patch) = &command.command {
        acting.caller.may_grant(&patch.granted(key))?;
    }
    let version = key.facts().version;
    if !command.if_match.holds(version) {
        return Err(Error::PreconditionFailed(version));
    }
    Ok(decided?)
}
