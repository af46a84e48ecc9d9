//! What a node believes of the database's wall clock, from the readings that its renewals bring (2.5, "Expiry by time").
//!
//! A clock may be set wrongly for a moment, ahead or back; neither counts before it has held for a minute of readings,
//! and nothing that all nodes share is dated or deleted by a time that has not held for [ten](steady). It reads no
//! clock, and never looks at the node's own wall clock: that one may be the wrong one, or wrong together with the
//! database's.

use std::{collections::VecDeque, time::Duration};

use keyward_domain::Timestamp;

use super::BootInstant;

mod steady;

pub use steady::ClockJump;
use steady::Steady;

/// How far two clocks may differ before one of them counts as wrong, and how long a new time has to hold to be believed.
const MINUTE: Duration = Duration::from_mins(1);
/// Readings within so much time count as one.
const ONE_READING: Duration = Duration::from_secs(1);

/// How far the database's wall clock is ahead of the node's boot clock, in microseconds: what stays the same while both
/// run evenly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offset(i64);

impl Offset {
    /// From a reply that shows this time of the database. Counted from the moment at which the request for it was sent, it
    /// is an upper bound: the database read its clock at that moment or later.
    #[must_use]
    pub fn at_most(database: Timestamp, sent_at: BootInstant) -> Self {
        Self(database.as_micros().saturating_sub(micros(sent_at)))
    }

    /// In microseconds.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// The database's time when the boot clock shows this; none where that is no moment of the calendar.
    #[must_use]
    pub fn time_at(micros_ahead: i64, now: BootInstant) -> Option<Timestamp> {
        Timestamp::from_micros(micros_ahead.saturating_add(micros(now))).ok()
    }

    /// How far the two are apart.
    fn apart(self, other: Self) -> Duration {
        self.beyond(other).max(other.beyond(self))
    }

    /// How far this one is beyond another; nothing if it is not.
    fn beyond(self, other: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(other.0)).unwrap_or(0))
    }
}

fn micros(at: BootInstant) -> i64 {
    i64::try_from(at.as_nanos() / 1_000).unwrap_or(i64::MAX)
}

/// What a reading changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockNews {
    /// The database's clock ran ahead by so much more than time has passed. It is not used yet.
    RanAhead(Duration),
    /// It has been that far ahead for a minute: it is used from now on.
    HeldAhead(Duration),
    /// It is where it was before it ran ahead: what it showed in between was never used.
    CameBack,
    /// For a minute it has been behind what was believed, by so much: the later time is dropped.
    FellBack(Duration),
}

/// The readings that count, and those that do not count yet.
#[derive(Debug, Default)]
pub struct DatabaseClock {
    /// Those of the last minute, oldest first.
    readings: VecDeque<(BootInstant, Offset)>,
    /// Since when the clock has been ahead, and how far at the most.
    ahead: Option<(BootInstant, Offset)>,
    /// How long the clock has gone evenly.
    steady: Steady,
}

impl DatabaseClock {
    /// The bound by which expiry is judged: the latest time that the readings of the last minute allow. None before the
    /// first reading.
    #[must_use]
    pub fn bound(&self) -> Option<Offset> {
        self.readings.iter().map(|(_, offset)| *offset).max()
    }

    /// The offset at the last reading, where the clock has gone evenly for ten minutes: by it shared state may be dated
    /// and deleted. None in the first ten minutes of a process: there is nothing yet to compare the clock with.
    #[must_use]
    pub fn settled(&self) -> Option<Offset> {
        self.steady.settled()
    }

    /// How far the clock is from where it went evenly before; none where it is there.
    #[must_use]
    pub fn jump(&self) -> Option<ClockJump> {
        self.steady.jump()
    }

    /// The database answered a request that was sent at this moment.
    pub fn read(&mut self, database: Timestamp, sent_at: BootInstant) -> Option<ClockNews> {
        let offset = Offset::at_most(database, sent_at);
        self.steady.read(offset, sent_at);
        let Some(bound) = self.bound() else {
            self.readings.push_back((sent_at, offset));
            return None;
        };
        let by = offset.beyond(bound);
        if by > MINUTE {
            return self.ran_ahead(offset, sent_at, by);
        }
        let came_back = self.ahead.take().map(|_| ClockNews::CameBack);
        self.keep(offset, sent_at);
        let fell = self.bound().map_or(Duration::ZERO, |now| bound.beyond(now));
        if fell > MINUTE { Some(ClockNews::FellBack(fell)) } else { came_back }
    }

    fn ran_ahead(&mut self, offset: Offset, sent_at: BootInstant, by: Duration) -> Option<ClockNews> {
        match &mut self.ahead {
            Some((since, most)) if offset.apart(*most) <= MINUTE => {
                *most = offset.max(*most);
                if sent_at.since(*since) < MINUTE {
                    return None;
                }
                self.readings.clear();
                self.readings.push_back((sent_at, *most));
                self.ahead = None;
                Some(ClockNews::HeldAhead(by))
            }
            // The first, or it moved once more.
            ahead => {
                *ahead = Some((sent_at, offset));
                Some(ClockNews::RanAhead(by))
            }
        }
    }

    /// Keeps a reading, and drops those that others have contradicted for a minute.
    fn keep(&mut self, offset: Offset, sent_at: BootInstant) {
        match self.readings.back_mut() {
            Some((at, last)) if sent_at.since(*at) < ONE_READING => *last = offset.max(*last),
            Some(_) | None => self.readings.push_back((sent_at, offset)),
        }
        // Whatever came after it began a minute ago: a pause between two readings contradicts nothing.
        while self.readings.get(1).is_some_and(|(next, _)| sent_at.since(*next) >= MINUTE) {
            self.readings.pop_front();
        }
    }
}

#[cfg(test)]
#[path = "database_clock/tests.rs"]
mod tests;
