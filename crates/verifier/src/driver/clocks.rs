//! Compares the clocks of the database and of this machine at each renewal, and logs differences. The protocol core
//! decides which readings count.

use std::sync::{PoisonError, atomic::Ordering};

use keyward_domain::Timestamp;

use super::clock_readings::ClockDifference;
use crate::{
    node_state::NodeState,
    protocol::{BootInstant, ClockJump, ClockNews, Offset},
};

impl NodeState {
    /// Records the database's wall clock from the reply to a request sent at `sent_at`.
    pub(crate) fn record_time(&self, database: Timestamp, sent_at: BootInstant) {
        // The database read its clock at an unknown time between the two: smaller differences cannot be measured.
        let (received_at, wall) = (self.clock.boot(), self.clock.wall());
        let wall_when_sent = wall.saturating_sub(received_at.since(sent_at));
        self.compare(database.clamp(wall_when_sent, wall), database);
        let (news, bound) = self.read_clock(database, sent_at);
        if let Some(bound) = bound {
            self.published_lease.publish_time(bound);
        }
        match news {
            Some(ClockNews::RanAhead(by)) => tracing::warn!(
                ?by,
                "the database's clock ran ahead by {} s: not used until it has held for a minute; correct it",
                by.as_secs()
            ),
            Some(ClockNews::HeldAhead(by)) => tracing::warn!(
                ?by,
                "the database's clock has been {} s ahead for a minute: keys and tokens expire by it from now on",
                by.as_secs()
            ),
            Some(ClockNews::CameBack) => tracing::info!("the database's clock is where it was before it ran ahead"),
            Some(ClockNews::FellBack(by)) => tracing::warn!(
                ?by,
                "the database's clock has been {} s behind its earlier time for a minute: keys and tokens expire by it \
                 from now on",
                by.as_secs()
            ),
            None => {}
        }
    }

    /// Records this machine's wall clock, the only one on an embedded database. It is compared only with the boot
    /// clock.
    pub(crate) fn record_own_time(&self) {
        let (boot, wall) = (self.clock.boot(), self.clock.wall());
        // Ignores news about expiry: keys expire by the wall clock itself here.
        let _ = self.read_clock(wall, boot);
    }

    /// Adds a reading, and logs the start and end of a jump.
    fn read_clock(&self, shown: Timestamp, sent_at: BootInstant) -> (Option<ClockNews>, Option<Offset>) {
        let (before, news, bound, jump) = {
            let mut clock = self.clocks.database.lock().unwrap_or_else(PoisonError::into_inner);
            (clock.jump(), clock.read(shown, sent_at), clock.bound(), clock.jump())
        };
        self.metrics.clock_jump.set(jump.map_or(0.0, ClockJump::as_secs_f64));
        match (before, jump) {
            (None, Some(jump)) => tracing::warn!(
                "{jump}: correct it; until it has held for ten minutes this node rotates no signing key and deletes \
                 nothing by it"
            ),
            (Some(_), None) => tracing::info!(
                "the clock that dates what is stored is where it was before it jumped, or has held for ten minutes"
            ),
            (None, None) | (Some(_), Some(_)) => {}
        }
        (news, bound)
    }

    /// Jump of the clock that dates stored data.
    pub(crate) fn clock_jump(&self) -> Option<ClockJump> {
        self.clocks.database.lock().unwrap_or_else(PoisonError::into_inner).jump()
    }

    /// The time for dating and deleting shared state. None if the clocks differ, or if the deciding clock has not run
    /// evenly for long enough. It continues the last reading with the boot clock. The statement that uses it detects if
    /// the clock has jumped since.
    pub(crate) fn upkeep_time(&self) -> Option<Timestamp> {
        let (boot, wall) = (self.clock.boot(), self.clock.wall());
        if self.clock_difference().is_some() {
            return None;
        }
        let settled = self.clocks.database.lock().unwrap_or_else(PoisonError::into_inner).settled()?;
        let now = Offset::time_at(settled.as_micros(), boot)?;
        ClockDifference::between(wall, now).is_none().then_some(now)
    }

    /// Compares the wall clocks, and logs once when they begin to differ and once when they agree again.
    fn compare(&self, machine: Timestamp, database: Timestamp) {
        let ahead = machine.as_micros().saturating_sub(database.as_micros());
        let before = ClockDifference::of_micros(self.clocks.difference.swap(ahead, Ordering::Relaxed));
        #[expect(clippy::cast_precision_loss, reason = "a gauge need not be exact beyond 2^53 microseconds")]
        self.metrics.clock_difference.set(ahead as f64 / 1e6);
        match (before, ClockDifference::of_micros(ahead)) {
            (None, Some(difference)) => tracing::warn!(
                "{difference}: one of them is wrong; correct it; until then this node rotates no signing key and \
                 deletes nothing that all nodes share"
            ),
            (Some(_), None) => tracing::info!("the wall clock of this machine agrees with the database's again"),
            (None, None) | (Some(_), Some(_)) => {}
        }
    }

    /// Difference of the wall clocks at the last reading; none if they agreed, or before the first reading.
    pub(crate) fn clock_difference(&self) -> Option<ClockDifference> {
        ClockDifference::of_micros(self.clocks.difference.load(Ordering::Relaxed))
    }
}
