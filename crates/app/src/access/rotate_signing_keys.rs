//! Keeping the keys that sign access tokens: there is always one that signs, and the next one is published in time.
//!
//! Several nodes do this at once; a generation exists once, so whoever is second takes over what the first one made. The
//! database's clock decides what is due, and dates it. A node's own clock decides nothing: where the two differ, the node
//! leaves this work to others, except that it makes a key where none signs. Neither does a time that was never seen to
//! hold: a machine's clock may be wrong together with that of the database on it.

use std::time::Duration;

use keyward_domain::Timestamp;
use keyward_storage::{StorageError, Write};
use zeroize::Zeroizing;

use super::{
    Access,
    tokens::{ACCESS_TOKEN_LIFE, PUBLISHED_BEFORE_USE},
};
use crate::Failure;

/// Reads the keys and, if it is time, adds the next generation and drops those whose last token has ended. To be called
/// at the start and every minute or so.
///
/// # Errors
/// [`Failure`] if the keys are not to be had; those known so far stay in use.
pub async fn keep_signing_keys(access: &Access) -> Result<(), Failure> {
    let expected = access.upkeep_time();
    let now = reload_or_make(access).await?;
    let Some(expected) = expected else { return Ok(()) };
    if access.tokens.access.keys().is_next_due(now) {
        // Either way it is read again: another node may have been faster.
        let _ = rotate_at(access, expected).await?;
    }
    let retired = access.tokens.access.keys().has_retired(now);
    if retired && access.token_store.drop_signing_keys(ACCESS_TOKEN_LIFE, expected).await? > 0 {
        reload(access).await?;
    }
    Ok(())
}

/// Adds the next generation now: it is published at once and signs after ten minutes (at once where none signs). Returns
/// `Stale` if nothing was added: another node was faster, or the clocks of this node and of the database differ.
///
/// # Errors
/// [`Failure`] if the key could not be made or written down.
pub async fn rotate_signing_keys(access: &Access) -> Result<Write, Failure> {
    rotate_at(access, access.runtime.clock.now()).await
}

/// The same; where a key signs, only if the database's clock shows about this time.
async fn rotate_at(access: &Access, expected: Timestamp) -> Result<Write, Failure> {
    let generation = access.tokens.access.keys().newest_generation() + 1;
    let seed = Zeroizing::new(access.runtime.random()?);
    let key = access.tokens.access.fresh_key(generation, &seed, access.runtime.random()?)?;
    let added = access.token_store.add_signing_key(&key, PUBLISHED_BEFORE_USE, expected).await?;
    match added {
        Write::Applied => tracing::info!(generation, kid = %key.kid, "published signing key {}", key.kid),
        Write::Stale => {
            tracing::debug!(generation, "another node was faster with this generation, or the clocks differ");
        }
    }
    reload(access).await?;
    Ok(added)
}

/// Takes over what the database holds, and makes a key where none signs. Returns the time as [`reload`] does.
///
/// # Errors
/// [`Failure`] if the keys could not be read, or a key was needed and could not be made.
pub(crate) async fn reload_or_make(access: &Access) -> Result<Timestamp, Failure> {
    let now = reload(access).await?;
    if access.tokens.access.keys().signer(now).is_none() {
        // Either way it is read again: another node may have been faster.
        let _ = rotate_signing_keys(access).await?;
    }
    Ok(now)
}

/// Takes over what the database holds. Returns the database's time; where it has no clock of its own, this machine's.
async fn reload(access: &Access) -> Result<Timestamp, Failure> {
    let history = access.verifier.histories();
    let read = access.token_store.signing_keys().await?;
    access.tokens.access.take_keys(&read.keys, history)?;
    Ok(read.database_time.unwrap_or_else(|| access.runtime.clock.now()))
}

/// Drops what is kept of refresh families that are over; nothing while the time is in doubt. To be called every few
/// minutes.
///
/// # Errors
/// [`StorageError`] if the database does not answer.
pub async fn forget_families(access: &Access) -> Result<(), StorageError> {
    const AT_ONCE: u32 = 1_000;
    // Not at the very end: a node that has not heard from the database for long may be behind.
    const KEPT_FOR: Duration = Duration::from_hours(1);
    while let Some(expected) = access.upkeep_time() {
        if access.token_store.forget_families(KEPT_FOR, expected, AT_ONCE).await? < u64::from(AT_ONCE) {
            break;
        }
    }
    Ok(())
}
