//! Revoke an API key (contract, section 6).

use keyward_domain::{Ask, Decision, KeyId, OtherWriters, Reason, Refusal};
use keyward_storage::StorageError;

use super::{App, Caller, Fault};

/// Revoke this key for this reason.
#[derive(Clone, Copy, Debug)]
pub struct RevokeKey {
    /// The key.
    pub id: KeyId,
    /// Why.
    pub reason: Reason,
}

/// Why a key was not revoked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such key within the caller's reach.
    #[error("no such key")]
    NoSuchKey,
    /// Rule 7.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Not the caller's fault.
    #[error(transparent)]
    Fault(#[from] Fault),
}

super::faults!(Error: StorageError);

/// Revokes a key for good. Repeating it changes nothing and is no error.
///
/// # Errors
/// [`Error`]; nothing was written then, unless the outcome of the commit is unknown: repeating is safe.
pub async fn revoke_key(app: &App, caller: &Caller, command: RevokeKey) -> Result<(), Error> {
    let reach = caller.reach();
    let ask = Ask { at: app.now(), by: caller.actor(), reason: command.reason, reach };
    let found = app.store.key(&reach, command.id).await?.ok_or(Error::NoSuchKey)?;
    let account = found.key.facts().account;
    // The account is held still where others count, so that of two racing revokes the second one sees the first.
    let turn = if ask.depends_on_other_writers(&found.key) {
        Some(app.turns.take(account).await.map_err(Fault::from)?)
    } else {
        None
    };
    let mut work = app.store.begin().await?;
    let (found, others) = if turn.is_some() {
        work.lock_account(&reach, account).await?.ok_or(Error::NoSuchKey)?;
        let found = work.current_key(&reach, command.id).await?.ok_or(Error::NoSuchKey)?;
        let left = work.longest_lived_writer(&reach, account, &[command.id]).await?;
        let others = OtherWriters::among(&left, &found.chain, ask.at);
        (found, others)
    } else {
        (found, OtherWriters::Some)
    };
    match found.key.revoke(&found.chain, &ask, others)? {
        Decision::AlreadyRevoked(_) => Ok(()),
        Decision::Revoke(revocation) => {
            // Stale: somebody else revoked it a moment ago, and the first one stays (rule 2).
            let _ = work.record_revocation(&reach, command.id, &revocation).await?;
            Ok(work.commit().await?)
        }
    }
}
