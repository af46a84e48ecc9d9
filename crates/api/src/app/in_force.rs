//! Ask whether a revocation is in force on every node (contract, section 6).

use keyward_domain::{Condition, KeyId, Status, Timestamp};
use keyward_storage::Enforcement;

use super::{App, Caller, Fault};

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
/// # Errors
/// [`Fault`] if the answer is not to be had.
pub async fn in_force(app: &App, caller: &Caller, id: KeyId) -> Result<Option<InForce>, Fault> {
    let reach = caller.reach();
    let Some(found) = app.store.key(&reach, id).await? else { return Ok(None) };
    let condition = found.key.condition(&found.chain, app.now());
    let of = |enforcement: Option<Enforcement>| enforcement.and_then(|it| it.enforced_at);
    let mut enforced_at = None;
    if found.key.revocation().is_some() {
        enforced_at = of(found.enforcement);
    } else if let Some(closed) = found.chain.links().find(|link| link.status == Status::Closed) {
        // Strictly below the caller, whose own line is in business: it reaches it.
        enforced_at = app.store.account(&reach, &closed.mid).await?.and_then(|record| of(record.enforcement));
    }
    Ok(Some(InForce { key: id, condition, enforced_at }))
}
