//! What the last readings of the database's and of this machine's clocks showed. Reads no clock and logs nothing.

use std::{
    fmt,
    sync::{Mutex, atomic::AtomicI64},
    time::Duration,
};

use keyward_domain::Timestamp;
use keyward_storage::CLOCKS_AGREE;

use crate::protocol::DatabaseClockEstimate;

/// The state of both clocks.
#[derive(Default)]
pub(crate) struct Clocks {
    pub(super) database: Mutex<DatabaseClockEstimate>,
    /// How far this machine's wall clock was ahead of the database's at the last reading, in microseconds.
    pub(super) difference: AtomicI64,
}

/// This machine's wall clock differs from the database's by more than [`CLOCKS_AGREE`]. One of them is wrong, so this
/// node neither advances nor deletes shared state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockDifference {
    /// This machine's clock is ahead by this much.
    Ahead(Duration),
    /// This machine's clock is behind by this much.
    Behind(Duration),
}

impl ClockDifference {
    /// Compares readings of this machine's and the database's wall clocks. None if they agree.
    #[must_use]
    pub fn between(machine: Timestamp, database: Timestamp) -> Option<Self> {
        Self::of_micros(machine.as_micros().saturating_sub(database.as_micros()))
    }

    /// As [`Self::between`], of the difference in microseconds.
    pub(super) fn of_micros(ahead: i64) -> Option<Self> {
        let by = Duration::from_micros(ahead.unsigned_abs());
        match by > CLOCKS_AGREE {
            true if ahead > 0 => Some(Self::Ahead(by)),
            true => Some(Self::Behind(by)),
            false => None,
        }
    }
}

impl fmt::Display for ClockDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (by, which) = match self {
            Self::Ahead(by) => (by, "ahead of"),
            Self::Behind(by) => (by, "behind"),
        };
        let seconds = by.saturating_add(Duration::from_millis(500)).as_secs();
        write!(f, "the wall clock of this machine is {seconds} s {which} the database's")
    }
}
