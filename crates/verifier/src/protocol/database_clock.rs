//! Estimates the database's wall clock from the readings in renewal replies (2.5, "Expiry by time").
//!
//! A clock may be wrong for a short time, ahead or back. A new time counts only once it has held for a minute of
//! readings. Shared state is dated and deleted only by a time that has held for [ten minutes](steady). This module
//! reads no clock. It never uses the node's own wall clock, which may be wrong itself, or wrong together with the
//! database's.

use std::{collections::VecDeque, time::Duration};

use keyward_domain::Timestamp;

use super::BootInstant;

mod offset;
mod steady;

use offset::MINUTE;
pub use offset::Offset;
pub use steady::ClockJump;
use steady::Steady;

/// Readings within this time count as one.
const ONE_READING: Duration = Duration::from_secs(1);

/// The effect of a reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockNews {
    /// The database's clock jumped ahead by this much. The new time is not used yet.
    RanAhead(Duration),
    /// It has been ahead by this much for a minute. The new time is used from now on.
    HeldAhead(Duration),
    /// It returned to where it was before it jumped ahead. The time in between was never used.
    CameBack,
    /// It has been behind the trusted time by this much for a minute. The later time is dropped.
    FellBack(Duration),
}

/// Trusted readings, and a jump ahead that is not trusted yet.
#[derive(Debug, Default)]
pub struct DatabaseClockEstimate {
    /// Readings of the last minute, oldest first.
    readings: VecDeque<(BootInstant, Offset)>,
    /// Start of the current jump ahead, and its largest offset.
    ahead: Option<(BootInstant, Offset)>,
    /// How long the clock has run evenly.
    steady: Steady,
}

impl DatabaseClockEstimate {
    /// Upper bound by which expiry is judged: the latest time that the readings of the last minute allow. None before
    /// the first reading.
    #[must_use]
    pub fn bound(&self) -> Option<Offset> {
        self.readings.iter().map(|(_, offset)| *offset).max()
    }

    /// The offset at the last reading, if the clock has run evenly for ten minutes. Shared state may be dated and
    /// deleted by it. None in the first ten minutes of a process, which has nothing yet to compare the clock with.
    #[must_use]
    pub fn settled(&self) -> Option<Offset> {
        self.steady.settled()
    }

    /// How far the clock is from where it last ran evenly; none if it is there.
    #[must_use]
    pub fn jump(&self) -> Option<ClockJump> {
        self.steady.jump()
    }

    /// Adds a reading: the database's reply to a request sent at `sent_at`.
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
            // The first jump, or another one.
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
        // Compares with the next reading's time: a pause between two readings contradicts nothing.
        while self.readings.get(1).is_some_and(|(next, _)| sent_at.since(*next) >= MINUTE) {
            self.readings.pop_front();
        }
    }
}

#[cfg(test)]
#[path = "database_clock/tests.rs"]
mod tests;
