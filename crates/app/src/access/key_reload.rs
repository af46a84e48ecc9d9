//! Reads the signing keys again: for a token that names an unknown one, where none can sign, and after the database
//! continued in another history. Runs at most once per second and history, for any number of requests. Where no key in
//! the database can sign, it makes one.
//!
//! It never depends on a caller: a task of its own reads, so a client that hangs up leaves no trace. Only the outcome
//! of the last reading is remembered.

use std::sync::Arc;

use keyward_storage::StorageError;

use super::{
    Access,
    key_reading::{Moment, Reading},
    rotate_signing_keys::reload_or_make,
};
use crate::Failure;

impl Access {
    /// Reads the signing keys again if the database has continued in another history since they were read. The known
    /// keys stay if the database does not answer.
    pub async fn follow_history(self: &Arc<Self>) {
        // The reading logs its own failure.
        let _ = in_this_history(self).await;
    }
}

/// Returns once a key can sign in the present history, as far as this node can ensure it; immediately where this
/// node knows one.
///
/// # Errors
/// [`Failure::Storage`] if none is known, and the keys could not be read or made.
pub(crate) async fn ensure_signer(access: &Arc<Access>) -> Result<(), Failure> {
    in_this_history(access).await?;
    if access.tokens.access.keys().signer(access.now().recorded()).is_some() {
        return Ok(());
    }
    read_again(access).await
}

/// Returns once the keys belong to the present history. A database that went back may lack those that were read
/// before, and no other node accepts what they signed (R18).
///
/// # Errors
/// [`Failure::Storage`] if they could not be read.
pub(crate) async fn in_this_history(access: &Arc<Access>) -> Result<(), Failure> {
    while !access.tokens.access.are_of(access.verifier.histories()) {
        read_again(access).await?;
    }
    Ok(())
}

/// Returns once a reading that began in this second and history or later has read the keys.
///
/// # Errors
/// [`Failure::Storage`] if it could not read them: the set of keys is unknown then.
pub(crate) async fn read_again(access: &Arc<Access>) -> Result<(), Failure> {
    let now = moment(access);
    loop {
        let Reading { began, mut outcome } = join_or_begin(access);
        // The sender is dropped without a value only when the process stops.
        let is_read = outcome.wait_for(Option::is_some).await.ok().and_then(|outcome| *outcome);
        if is_read != Some(true) {
            return Err(StorageError::Unavailable("the signing keys could not be read".into()).into());
        }
        // A reading that was already running may have missed a key made since.
        if began.covers(now) {
            return Ok(());
        }
    }
}

/// Joins a reading that covers this moment or is running, or begins one.
fn join_or_begin(access: &Arc<Access>) -> Reading {
    let (reading, sender) = access.tokens.last_reading.join_or_begin(|| moment(access));
    let Some(sender) = sender else { return reading };
    let within = Arc::clone(access);
    access.runtime.background.spawn(async move {
        let read = reload_or_make(&within).await;
        if let Err(error) = &read {
            tracing::warn!(
                error = error as &dyn std::error::Error,
                "the signing keys could not be read or made: {error}"
            );
        }
        // All receivers may be gone.
        let _ = sender.send(Some(read.is_ok()));
    });
    reading
}

fn moment(access: &Access) -> Moment {
    Moment { history: access.verifier.histories(), second: access.monotonic().as_secs() }
}
