//! Ask whether a revocation is in force on every node (contract, section 6).

use std::sync::Arc;

use keyward_domain::{Condition, KeyId, Status, Timestamp};
use keyward_storage::Subject;

use super::{App, Caller, Fault, narrowing};

/// How far the end of a key has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InForce {
    /// The key.
    pub key: KeyId,
    /// Where it stands.
    pub condition: Condition,
    /// When its end was in force on every node; none if it has none, or not yet.
    pub enforced_at: Option<Timestamp>,
}

/// The key of this id, if the caller reaches it. A key that is at its end because an account was closed is as far as that
/// closing is.
///
/// Where nobody noted that its end is in force (the process that waited for it ended, or an operator's own SQL made it), this
/// node begins to wait for it, so that it is known to whoever asks again.
///
/// # Errors
/// [`Fault`] if the answer is not to be had.
pub async fn in_force(app: &Arc<App>, caller: &Caller, id: KeyId) -> Result<Option<InForce>, Fault> {
    let reach = caller.reach();
    let Some(found) = app.store.key(&reach, id).await? else { return Ok(None) };
    let condition = found.key.condition(&found.chain, app.now());
    let mut end = None;
    if found.key.revocation().is_some() {
        end = found.enforcement.map(|it| (it, Subject::Key(id)));
    } else if let Some(closed) = found.chain.links().find(|link| link.status == Status::Closed) {
        // Strictly below the caller, whose own line is in business: it reaches it.
        let record = app.store.account(&reach, &closed.mid).await?;
        end = record.and_then(|it| it.enforcement).map(|it| (it, Subject::Account(closed.id)));
    }
    if let Some((unknown, subject)) = end.filter(|(it, _)| it.enforced_at.is_none()) {
        narrowing::note_by_and_by(app, unknown, subject);
    }
    Ok(Some(InForce { key: id, condition, enforced_at: end.and_then(|(it, _)| it.enforced_at) }))
}
