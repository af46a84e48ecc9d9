//! The clocks of the database and of this machine, side by side: what each renewal shows of them, and what is said of
//! it. Which readings count is decided in the protocol core.

use std::{
    fmt,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use keyward_domain::Timestamp;
use keyward_storage::CLOCKS_AGREE;

use crate::{
    protocol::{Boot, ClockNews, DatabaseClock},
    verifier::Shared,
};

/// What is known of them.
#[derive(Default)]
pub(crate) struct Clocks {
    database: Mutex<DatabaseClock>,
    /// By how many microseconds the wall clock of this machine was ahead of the database's at the last reading.
    difference: AtomicI64,
}

/// The wall clock of this machine differs from the database's by more than [`CLOCKS_AGREE`]. One of them is wrong, so
/// this node neither advances nor deletes what all nodes share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockDifference {
    /// The machine's is ahead by so much.
    Ahead(Duration),
    /// It is behind by so much.
    Behind(Duration),
}

impl ClockDifference {
    /// Compares a reading of the machine's wall clock with one of the database's. None if they agree.
    #[must_use]
    pub fn between(machine: Timestamp, database: Timestamp) -> Option<Self> {
        Self::of_micros(machine.as_micros().saturating_sub(database.as_micros()))
    }

    fn of_micros(ahead: i64) -> Option<Self> {
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

impl Shared {
    /// A reply brought the database's wall clock; the request for it was sent at this moment.
    pub(crate) fn learn_time(&self, database: Timestamp, sent_at: Boot) {
        // The answer was made at some moment between the two: within that time the clocks cannot be compared.
        let (received_at, wall) = (self.clock.boot(), self.clock.wall());
        let wall_when_sent = wall.saturating_sub(received_at.since(sent_at));
        self.compare(database.clamp(wall_when_sent, wall), database);
        let (news, bound) = {
            let mut clock = self.clocks.database.lock().unwrap_or_else(PoisonError::into_inner);
            (clock.read(database, sent_at), clock.bound())
        };
        if let Some(bound) = bound {
            self.gate.show_time(bound);
        }
        match news {
            Some(ClockNews::RanAhead(by)) => tracing::warn!(
                ?by,
                "the database's clock ran ahead by {} s: not used until it has held for a minute; set it right",
                by.as_secs()
            ),
            Some(ClockNews::HeldAhead(by)) => tracing::warn!(
                ?by,
                "the database's clock has been {} s ahead for a minute: keys and tokens end by it from now on",
                by.as_secs()
            ),
            Some(ClockNews::CameBack) => tracing::info!("the database's clock is where it was before it ran ahead"),
            Some(ClockNews::FellBack(by)) => tracing::warn!(
                ?by,
                "the database's clock has been {} s behind what it showed before for a minute: keys and tokens end by \
                 it from now on",
                by.as_secs()
            ),
            None => {}
        }
    }

    /// Compares the wall clocks, and says once where they begin to differ and where they agree again.
    fn compare(&self, machine: Timestamp, database: Timestamp) {
        let ahead = machine.as_micros().saturating_sub(database.as_micros());
        let before = ClockDifference::of_micros(self.clocks.difference.swap(ahead, Ordering::Relaxed));
        #[expect(clippy::cast_precision_loss, reason = "a gauge need not be exact beyond 2^53 microseconds")]
        self.meters.clock_difference.set(ahead as f64 / 1e6);
        match (before, ClockDifference::of_micros(ahead)) {
            (None, Some(difference)) => tracing::warn!(
                "{difference}: one of them is wrong, set it right; until then this node rotates no signing key and \
                 deletes nothing that all nodes share"
            ),
            (Some(_), None) => tracing::info!("the wall clock of this machine agrees with the database's again"),
            (None, None) | (Some(_), Some(_)) => {}
        }
    }

    /// How the wall clocks differed at the last reading; none if they agreed, or if there was none.
    pub(crate) fn clock_difference(&self) -> Option<ClockDifference> {
        ClockDifference::of_micros(self.clocks.difference.load(Ordering::Relaxed))
    }
}
