//! Keeps the keys that sign access tokens: one can always sign, and the next one is published in time.
//!
//! Several nodes do this concurrently. A generation exists once, so the slower node takes over what the faster one
//! made. The database's clock decides what is due, and dates it; a node's own clock decides nothing. Where the two
//! differ, the node leaves this work to others, but still makes a key where none can sign. It also leaves it to others
//! while the shared time was never confirmed: a machine's clock may be wrong together with that of the database on it.

use std::time::Duration;

use keyward_domain::Timestamp;
use keyward_storage::{StorageError, Write};
use zeroize::Zeroizing;

use super::{
    Access,
    tokens::{ACCESS_TOKEN_LIFE, PUBLISHED_BEFORE_USE},
};
use crate::Failure;

/// Reads the keys. If due, adds the next generation and drops the keys whose last token has expired. Call it at the
/// start and about once a minute.
///
/// # Errors
/// [`Failure`] if the keys cannot be read; the known ones stay in use.
pub async fn keep_signing_keys(access: &Access) -> Result<(), Failure> {
    let expected = access.upkeep_time();
    let now = reload_or_make(access).await?;
    let Some(expected) = expected else { return Ok(()) };
    if access.tokens.access.keys().is_next_due(now) {
        // Read again in either case: another node may have been faster.
        let _ = rotate_at(access, expected).await?;
    }
    let retired = access.tokens.access.keys().has_retired(now);
    if retired && access.token_store.drop_signing_keys(ACCESS_TOKEN_LIFE, expected).await? > 0 {
        reload(access).await?;
    }
    Ok(())
}

/// Adds the next generation now. It is published immediately and signs after ten minutes, or immediately where no key
/// can sign. Returns `Stale` if nothing was added: another node was faster, or the clocks of this node and of the
/// database differ.
///
/// # Errors
/// [`Failure`] if the key could not be made or stored.
pub async fn rotate_signing_keys(access: &Access) -> Result<Write, Failure> {
    rotate_at(access, access.runtime.clock.wall()).await
}

/// As [`rotate_signing_keys`]; where a key can sign, only if the database's clock shows about this time.
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

/// Takes over the keys in the database, and makes one where none can sign. Returns the time as [`reload`] does.
///
/// # Errors
/// [`Failure`] if the keys could not be read, or a key was needed and could not be made.
pub(crate) async fn reload_or_make(access: &Access) -> Result<Timestamp, Failure> {
    let now = reload(access).await?;
    if access.tokens.access.keys().signer(now).is_none() {
        // Read again in either case: another node may have been faster.
        let _ = rotate_signing_keys(access).await?;
    }
    Ok(now)
}

/// Takes over the keys in the database. Returns the database's time, or this machine's where the database has no clock
/// of its own.
async fn reload(access: &Access) -> Result<Timestamp, Failure> {
    let history = access.verifier.histories();
    let read = access.token_store.signing_keys().await?;
    access.tokens.access.take_keys(&read.keys, history)?;
    Ok(read.database_time.unwrap_or_else(|| access.runtime.clock.wall()))
}

/// Drops the records of ended refresh families; drops nothing while the time is in doubt. Returns their number.
///
/// # Errors
/// [`StorageError`] if the database does not answer.
pub async fn forget_families(access: &Access) -> Result<u64, StorageError> {
    const AT_ONCE: u32 = 1_000;
    // Kept for a while after the end: a node that the database has not answered for long may be behind.
    const KEPT_FOR: Duration = Duration::from_hours(1);
    let mut rows = 0;
    while let Some(expected) = access.upkeep_time() {
        let forgotten = access.token_store.forget_families(KEPT_FOR, expected, AT_ONCE).await?;
        rows += forgotten;
        if forgotten < u64::from(AT_ONCE) {
            break;
        }
    }
    Ok(rows)
}
