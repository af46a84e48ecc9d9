//! How far one clock is ahead of another. Reads no clock, and decides nothing.

use std::time::Duration;

use keyward_domain::Timestamp;

use crate::protocol::BootInstant;

/// Maximum difference between two clocks before one counts as wrong, and how long a new time must hold to be trusted.
pub(super) const MINUTE: Duration = Duration::from_mins(1);

/// How far the database's wall clock is ahead of the node's boot clock, in microseconds. It stays constant while both
/// run evenly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offset(i64);

impl Offset {
    /// Computes the offset from a reply with this database time. It is an upper bound: the offset counts from the time
    /// at which the request was sent, and the database read its clock at that time or later.
    #[must_use]
    pub fn at_most(database: Timestamp, sent_at: BootInstant) -> Self {
        Self(database.as_micros().saturating_sub(micros(sent_at)))
    }

    /// The offset in microseconds.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// The database's time at this boot time; none if it is out of range.
    #[must_use]
    pub fn time_at(micros_ahead: i64, now: BootInstant) -> Option<Timestamp> {
        Timestamp::from_micros(micros_ahead.saturating_add(micros(now))).ok()
    }

    /// Difference between two offsets.
    pub(super) fn apart(self, other: Self) -> Duration {
        self.beyond(other).max(other.beyond(self))
    }

    /// How far this offset exceeds the other; zero if it does not.
    pub(super) fn beyond(self, other: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(other.0)).unwrap_or(0))
    }
}

fn micros(at: BootInstant) -> i64 {
    i64::try_from(at.as_nanos() / 1_000).unwrap_or(i64::MAX)
}
