//! Suspends keys that a policy calls idle (contract, section 16). A job: no request leads here.

use std::{collections::HashMap, sync::Arc};

use keyward_domain::{AccountId, Chain, IdleAction, KeyId, KeyStatus, Reach};
use keyward_storage::{AreaKeys, AreaWindow, KeyArea, ListedKey, StorageError, StoredState};

use super::{
    IfMatch, Manage,
    change_key::{ChangeKey, Error, KeyCommand, change_key},
};
use crate::{Failure, access::Caller, jobs::Progress};

/// Maximum number of keys that one turn examines.
const MOST_EXAMINED: usize = 10_000;
/// Maximum number of keys that one turn suspends: each is an event, which every node applies.
const MOST_SUSPENDED: u64 = 200;
/// Number of keys that it reads at once.
const ROWS: u16 = 1_000;

/// Goes on after this key, newest first, through all keys. Returns where the next turn goes on.
///
/// # Errors
/// [`Failure`] if the database cannot answer. What was suspended before stays so.
pub(crate) async fn suspend_idle_keys(manage: &Arc<Manage>, after: Option<KeyId>) -> Result<Progress, Failure> {
    let reach = Caller::service().reach();
    let (mut before, mut examined, mut suspended) = (after, 0, 0);
    if !manage.reads.any_policy_suspends(&reach).await? {
        return Ok(Progress { rows: 0, cursor: None });
    }
    while examined < MOST_EXAMINED {
        let window = AreaWindow { area: KeyArea::All, keys: AreaKeys::Stored(StoredState::Active), before, rows: ROWS };
        let rows = manage.reads.keys_of_area(&reach, window).await?;
        for id in idle(manage, &reach, &rows).await? {
            suspended += u64::from(suspend(manage, id).await?);
            if suspended == MOST_SUSPENDED {
                return Ok(Progress { rows: suspended, cursor: Some(id.to_string()) });
            }
        }
        examined += rows.len();
        before = rows.last().map(|listed| listed.key.id());
        if rows.len() < usize::from(ROWS) {
            return Ok(Progress { rows: suspended, cursor: None });
        }
    }
    Ok(Progress { rows: suspended, cursor: before.map(|id| id.to_string()) })
}

/// Those of these keys that a policy suspends.
async fn idle(manage: &Manage, reach: &Reach, rows: &[ListedKey]) -> Result<Vec<KeyId>, StorageError> {
    let now = manage.access.now();
    let mut accounts: Vec<_> = rows.iter().map(|listed| listed.key.facts().account).collect();
    accounts.sort_unstable_by_key(|id| id.uuid());
    accounts.dedup();
    let chains = if accounts.is_empty() { Vec::new() } else { manage.reads.chains(reach, &accounts).await? };
    let chains: HashMap<AccountId, Chain> = chains.into_iter().map(|chain| (chain.own().id, chain)).collect();
    let is_idle = |listed: &&ListedKey| {
        chains.get(&listed.key.facts().account).is_some_and(|chain| {
            listed.key.idle_action(&chain.policy(), listed.last_used, now) == Some(IdleAction::Suspend)
                && listed.key.status(chain, now) == KeyStatus::Active
        })
    };
    Ok(rows.iter().filter(is_idle).map(|listed| listed.key.id()).collect())
}

/// Suspends the key, if it is still idle and not the last one that can manage its account's keys.
async fn suspend(manage: &Arc<Manage>, id: KeyId) -> Result<bool, Failure> {
    let command = ChangeKey { id, command: KeyCommand::SuspendIdle, if_match: IfMatch::Any };
    match change_key(manage, &Caller::service(), command).await {
        Ok(changed) => Ok(changed.record.key.facts().suspension.is_some()),
        // Revoked meanwhile, or the last one.
        Err(Error::NoSuchKey | Error::Refused(_)) => Ok(false),
        Err(Error::Failure(failure)) => Err(failure),
        Err(Error::Caller(_) | Error::ScopeNotHeld(_) | Error::PreconditionFailed(_)) => {
            Err(Failure::Defect("the service may suspend any key"))
        }
    }
}
