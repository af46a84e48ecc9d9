//! Reads whether a revocation is enforced on every node (contract, section 6).

use std::sync::Arc;

use keyward_domain::{KeyId, KeyStatus, Status, Timestamp};
use keyward_storage::Target;

use super::Manage;
use crate::{Failure, access::Caller};

/// How far the enforcement of a key's end has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnforcementState {
    /// Id of the key.
    pub key: KeyId,
    /// Its status now.
    pub status: KeyStatus,
    /// When every node enforced its end; `None` if it has not ended, or enforcement is not complete.
    pub enforced_at: Option<Timestamp>,
}

/// Reads the enforcement of a key, if the caller reaches it. For a key ended by closing an account, enforcement is
/// complete when both the closing and the key's own last change are enforced.
///
/// If enforcement was never recorded (the process that waited for it ended, or an operator's own SQL made the change),
/// this node begins to wait for it, so that a later call can report it.
///
/// # Errors
/// [`Failure`] if the database cannot answer.
pub async fn read_enforcement(
    manage: &Arc<Manage>,
    caller: &Caller,
    id: KeyId,
) -> Result<Option<EnforcementState>, Failure> {
    let reach = caller.reach();
    let Some(found) = manage.reads.key(&reach, id).await? else { return Ok(None) };
    let status = found.key.status(&found.chain, manage.access.now());
    let own = found.enforcement.map(|it| (it, Target::Key(id)));
    let mut changes = Vec::new();
    if found.key.revocation().is_some() {
        changes.extend(own);
    } else if let Some(closed) = found.chain.links().position(|link| link.status == Status::Closed) {
        changes.extend(own);
        // These links are strictly below the caller, whose own chain is active: it reaches them.
        for link in found.chain.links().take(closed + 1) {
            let record = manage.reads.account(&reach, &link.mid).await?;
            changes.extend(record.and_then(|it| it.enforcement).map(|it| (it, Target::Account(link.id))));
        }
    }
    let unknown: Vec<_> = changes.iter().filter(|(it, _)| !manage.access.verifier.is_enforced(it)).collect();
    for (last, target) in &unknown {
        manage.door.enforce_in_background(*last, *target);
    }
    let last = changes.iter().filter_map(|(it, _)| it.enforced_at).max();
    let enforced_at = if unknown.is_empty() { last } else { None };
    Ok(Some(EnforcementState { key: id, status, enforced_at }))
}
