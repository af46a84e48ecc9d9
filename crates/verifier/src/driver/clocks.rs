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
    protocol::{BootInstant, ClockJump, ClockNews, DatabaseClock, Offset},
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
    pub(crate) fn learn_time(&self, database: Timestamp, sent_at: BootInstant) {
        // The answer was made at some moment between the two: within that time the clocks cannot be compared.
        let (received_at, wall) = (self.clock.boot(), self.clock.wall());
        let wall_when_sent = wall.saturating_sub(received_at.since(sent_at));
        self.compare(database.clamp(wall_when_sent, wall), database);
        let (news, bound) = self.read_clock(database, sent_at);
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

    /// The wall clock of this machine is the only one there is: nothing is compared with it but the boot clock.
    pub(crate) fn learn_own_time(&self) {
        let (boot, wall) = (self.clock.boot(), self.clock.wall());
        // Expiry by a database's clock is no news here: keys end by the wall clock itself.
        let _ = self.read_clock(wall, boot);
    }

    /// One more reading, and what is said where the clock begins to be elsewhere than before.
    fn read_clock(&self, shown: Timestamp, sent_at: BootInstant) -> (Option<ClockNews>, Option<Offset>) {
        let (before, news, bound, jump) = {
            let mut clock = self.clocks.database.lock().unwrap_or_else(PoisonError::into_inner);
            (clock.jump(), clock.read(shown, sent_at), clock.bound(), clock.jump())
        };
        self.meters.clock_jump.set(jump.map_or(0.0, ClockJump::as_secs_f64));
        match (before, jump) {
            (None, Some(jump)) => tracing::warn!(
                "{jump}: set it right; until it has held for ten minutes this node rotates no signing key and deletes \
                 nothing by it"
            ),
            (Some(_), None) => tracing::info!(
                "the clock that dates what is stored is where it was before it jumped, or has held for ten minutes"
            ),
            (None, None) | (Some(_), Some(_)) => {}
        }
        (news, bound)
    }

    /// How far the clock that dates what is stored has jumped.
    pub(crate) fn clock_jump(&self) -> Option<ClockJump> {
        self.clocks.database.lock().unwrap_or_else(PoisonError::into_inner).jump()
    }

    /// The time by which shared state may be dated and deleted now. None where the clocks differ, and where the one
    /// that counts has not gone evenly for long enough. It goes on with the boot clock from the last reading: a clock
    /// that has jumped since does not agree with it, which the statement that goes by it finds out.
    pub(crate) fn upkeep_time(&self) -> Option<Timestamp> {
        let (boot, wall) = (self.clock.boot(), self.clock.wall());
        if self.clock_difference().is_some() {
            return None;
        }
        let settled = self.clocks.database.lock().unwrap_or_else(PoisonError::into_inner).settled()?;
        let now = Offset::time_at(settled.as_micros(), boot)?;
        ClockDifference::between(wall, now).is_none().then_some(now)
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
