//! The last reading of the signing keys, shared by the requests that need it. Reads nothing itself, and no clock.

use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

/// The last reading.
#[derive(Default)]
pub(crate) struct LastReading(Mutex<Option<Reading>>);

/// A reading, running or done.
#[derive(Clone)]
pub(crate) struct Reading {
    /// Second and history in which it began.
    pub(super) began: Moment,
    /// Whether the keys were read; `None` while it is running.
    pub(super) outcome: watch::Receiver<Option<bool>>,
}

/// Number of histories seen so far, and the second of the monotonic clock.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(super) history: u64,
    pub(super) second: u64,
}

impl Moment {
    /// Whether a reading at this moment shows everything that existed at the other one.
    pub(super) const fn covers(self, other: Self) -> bool {
        self.second >= other.second && self.history >= other.history
    }
}

impl LastReading {
    /// Joins a reading that covers this moment or is running, or begins one: then the caller must read, and send
    /// whether it could. `now` is called while no other request can begin one.
    pub(super) fn join_or_begin(&self, now: impl FnOnce() -> Moment) -> (Reading, Option<watch::Sender<Option<bool>>>) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let began = now();
        if let Some(reading) = &*last
            && (reading.began.covers(began)
                || reading.outcome.borrow().is_none() && reading.outcome.has_changed().is_ok())
        {
            return (reading.clone(), None);
        }
        let (sender, outcome) = watch::channel(None);
        let reading = Reading { began, outcome };
        *last = Some(reading.clone());
        (reading, Some(sender))
    }
}
