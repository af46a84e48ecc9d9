//! Reading the signing keys again for a token that names an unknown one, where none signs, and where the database went
//! on in another history: once a second and history at most, however many ask. Where none signs in the database either,
//! the reading makes one.
//!
//! It never depends on a caller: a task of its own reads, so a client that hangs up leaves no mark behind. What a reading
//! brought is all that is remembered of it.

use std::sync::{Arc, Mutex, PoisonError};

use keyward_storage::StorageError;
use tokio::sync::watch;

use super::{Access, rotate_signing_keys::reload_or_make};
use crate::Failure;

/// The last reading that a token began.
#[derive(Default)]
pub(crate) struct KeyReload(Mutex<Option<Reading>>);

/// A reading, under way or over.
#[derive(Clone)]
struct Reading {
    /// When it began.
    began: Moment,
    /// Whether the keys were read; none while it is under way.
    outcome: watch::Receiver<Option<bool>>,
}

/// How many histories of the database had been seen, and the second of the monotonic clock.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Moment {
    history: u64,
    second: u64,
}

impl Moment {
    fn of(access: &Access) -> Self {
        Self { history: access.verifier.histories(), second: access.monotonic().as_secs() }
    }

    /// Whether what was read at this moment or later shows what there was at the other one.
    const fn covers(self, other: Self) -> bool {
        self.second >= other.second && self.history >= other.history
    }
}

impl KeyReload {
    /// Returns once there is a key that signs in the present history, as far as this node can see to it: at once where
    /// it knows one.
    ///
    /// # Errors
    /// [`Failure::Storage`] if none is known and the keys could not be read or made.
    pub(crate) async fn see_to_a_signer(access: &Arc<Access>) -> Result<(), Failure> {
        Self::in_this_history(access).await?;
        if access.tokens.access.keys().signer(access.times().shared).is_some() {
            return Ok(());
        }
        Self::read_again(access).await
    }

    /// Returns when the keys are of the present history: a database that went back may not have those that were read
    /// before, and what they signed is good nowhere else (R18).
    ///
    /// # Errors
    /// [`Failure::Storage`] if they could not be read.
    pub(crate) async fn in_this_history(access: &Arc<Access>) -> Result<(), Failure> {
        while !access.tokens.access.are_of(access.verifier.histories()) {
            Self::read_again(access).await?;
        }
        Ok(())
    }

    /// Returns when the keys were read by a reading that began in this second and history or later.
    ///
    /// # Errors
    /// [`Failure::Storage`] if they could not be read: which keys there are is not known then.
    pub(crate) async fn read_again(access: &Arc<Access>) -> Result<(), Failure> {
        let now = Moment::of(access);
        loop {
            let Reading { began, mut outcome } = access.tokens.reload.join_or_begin(access);
            // The sender is gone without a word only when the process stops.
            let is_read = outcome.wait_for(Option::is_some).await.ok().and_then(|outcome| *outcome);
            if is_read != Some(true) {
                return Err(StorageError::Unavailable("the signing keys could not be read".into()).into());
            }
            // One that was under way before may have missed a key that was made since.
            if began.covers(now) {
                return Ok(());
            }
        }
    }

    /// The reading of this moment or one that is under way; else a new one.
    fn join_or_begin(&self, access: &Arc<Access>) -> Reading {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let began = Moment::of(access);
        if let Some(reading) = &*last
            && (reading.began.covers(began)
                || reading.outcome.borrow().is_none() && reading.outcome.has_changed().is_ok())
        {
            return reading.clone();
        }
        let (sender, outcome) = watch::channel(None);
        let reading = Reading { began, outcome };
        *last = Some(reading.clone());
        drop(last);
        let within = Arc::clone(access);
        access.runtime.background.spawn(async move {
            let read = reload_or_make(&within).await;
            if let Err(error) = &read {
                tracing::warn!(
                    error = error as &dyn std::error::Error,
                    "the signing keys could not be read or made: {error}"
                );
            }
            // Everybody who asked may have gone.
            let _ = sender.send(Some(read.is_ok()));
        });
        reading
    }
}
