//! RevocationRequest whether a revocation is in force on every node (contract, section 6).

use std::sync::Arc;

use keyward_domain::{KeyId, KeyStatus, Status, Timestamp};
use keyward_storage::Target;

use super::Manage;
use crate::{Failure, access::Caller, commit};

/// How far the end of a key has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnforcementState {
    /// The key.
    pub key: KeyId,
    /// Where it stands.
    pub condition: KeyStatus,
    /// When its end was in force on every node; none if it has none, or not yet.
    pub enforced_at: Option<Timestamp>,
}

/// The key of this id, if the caller reaches it. A key that is at its end because an account was closed is as far as that
/// closing is, and as whatever brought the key under that account.
///
/// Where nobody noted that its end is in force (the process that waited for it ended, or an operator's own SQL made it), this
/// node begins to wait for it, so that it is known to whoever asks again.
///
/// # Errors
/// [`Failure`] if the answer is not to be had.
pub async fn read_enforcement(
    manage: &Arc<Manage>,
    caller: &Caller,
    id: KeyId,
) -> Result<Option<EnforcementState>, Failure> {
    let reach = caller.reach();
    let Some(found) = manage.reads.key(&reach, id).await? else { return Ok(None) };
    let condition = found.key.condition(&found.chain, manage.access.expiry_time());
    let own = found.enforcement.map(|it| (it, Target::Key(id)));
    let mut changes = Vec::new();
    if found.key.revocation().is_some() {
        changes.extend(own);
    } else if let Some(closed) = found.chain.links().position(|link| link.status == Status::Closed) {
        changes.extend(own);
        // Strictly below the caller, whose own line is in business: it reaches them.
        for link in found.chain.links().take(closed + 1) {
            let record = manage.reads.account(&reach, &link.mid).await?;
            changes.extend(record.and_then(|it| it.enforcement).map(|it| (it, Target::Account(link.id))));
        }
    }
    let unknown: Vec<_> = changes.iter().filter(|(it, _)| !manage.access.verifier.is_enforced(it)).collect();
    for (last, subject) in &unknown {
        commit::enforce_in_background(manage, *last, *subject);
    }
    let last = changes.iter().filter_map(|(it, _)| it.enforced_at).max();
    let enforced_at = if unknown.is_empty() { last } else { None };
    Ok(Some(EnforcementState { key: id, condition, enforced_at }))
}
