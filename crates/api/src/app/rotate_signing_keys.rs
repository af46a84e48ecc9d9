//! Keeping the keys that sign access tokens: there is always one that signs, and the next one is published in time.
//!
//! Several nodes do this at once; a generation exists once, so whoever is second takes over what the first one made.

use std::time::Duration;

use keyward_storage::{StorageError, Write};
use zeroize::Zeroizing;

use super::{App, Fault};

/// Reads the keys and, if it is time, adds the next generation and drops those whose last token has ended. To be called
/// at the start and every minute or so.
///
/// # Errors
/// [`Fault`] if the keys are not to be had; those known so far stay in use.
pub async fn keep_signing_keys(app: &App) -> Result<(), Fault> {
    reload(app).await?;
    let due = app.access_tokens.keys().next_due_at().is_none_or(|due| due <= app.now());
    if due {
        rotate_signing_keys(app).await?;
    }
    let retired_below = app.access_tokens.keys().retired_below(app.now());
    if retired_below > 1 && app.store.drop_signing_keys_below(retired_below).await? > 0 {
        reload(app).await?;
    }
    Ok(())
}

/// Adds the next generation now: it is published at once and signs after ten minutes (the first one at once).
///
/// # Errors
/// [`Fault`] if the key could not be made or written down.
pub async fn rotate_signing_keys(app: &App) -> Result<(), Fault> {
    let generation = app.access_tokens.keys().newest_generation() + 1;
    let seed = Zeroizing::new(app.random()?);
    let key = app.access_tokens.fresh_key(generation, app.now(), &seed, app.random()?)?;
    match app.store.add_signing_key(&key).await? {
        Write::Applied => tracing::info!(generation, kid = %key.kid, "published signing key {}", key.kid),
        Write::Stale => tracing::debug!(generation, "another node was faster with this generation"),
    }
    reload(app).await
}

/// Takes over what the database holds.
pub(super) async fn reload(app: &App) -> Result<(), Fault> {
    let rows = app.store.signing_keys().await?;
    Ok(app.access_tokens.take_keys(&rows)?)
}

/// Drops what is kept of refresh families that are over. To be called every few minutes.
///
/// # Errors
/// [`StorageError`] if the database does not answer.
pub async fn forget_families(app: &App) -> Result<(), StorageError> {
    const AT_ONCE: u32 = 1_000;
    // Not at the very end: a node whose clock is behind still takes the family for alive, and must see its redemptions.
    const CLOCK_DIFFERENCE: Duration = Duration::from_hours(1);
    let ended_by = app.now().saturating_sub(CLOCK_DIFFERENCE);
    while app.store.forget_families(ended_by, AT_ONCE).await? >= u64::from(AT_ONCE) {}
    Ok(())
}
