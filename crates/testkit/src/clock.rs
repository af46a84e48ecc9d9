//! The clock of a run: a single monotonic one, so that no skew enters the check of its history.
//!
//! It measures and paces. No decision of the service depends on it.

use std::fmt;
use std::ops::Add;
use std::time::{Duration, Instant};

/// The beginning of a run, from which every moment counts.
#[derive(Clone, Copy, Debug)]
pub struct Clock(Instant);

impl Clock {
    /// Starts at zero.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "one clock for all that clients see; no lease depends on it")]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// The time that has passed.
    #[must_use]
    pub fn now(self) -> Moment {
        Moment(self.0.elapsed())
    }

    /// Returns at that moment, at once if it has passed.
    pub fn sleep_until(self, moment: Moment) {
        std::thread::sleep(moment.since(self.now()));
    }
}

/// A time after the beginning of the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(Duration);

impl Moment {
    /// The beginning of the run.
    pub const START: Self = Self(Duration::ZERO);
    /// After everything.
    pub const END: Self = Self(Duration::MAX);

    /// This long after the beginning.
    #[must_use]
    pub const fn after(beginning: Duration) -> Self {
        Self(beginning)
    }

    /// How much later than `earlier`; zero if it is not later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// The time since the beginning.
    #[must_use]
    pub const fn offset(self) -> Duration {
        self.0
    }
}

impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, more: Duration) -> Self {
        Self(self.0.saturating_add(more))
    }
}

impl fmt::Display for Moment {
    /// In seconds, to the microsecond.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>4}.{:06}", self.0.as_secs(), self.0.subsec_micros())
    }
}

/// Repeats something at an interval, however long each time takes; what was missed is not made up for.
#[derive(Debug)]
pub struct Pace {
    interval: Duration,
    next: Moment,
}

impl Pace {
    /// From this moment on.
    #[must_use]
    pub const fn new(interval: Duration, first: Moment) -> Self {
        Self { interval, next: first }
    }

    /// Sleeps until the next time.
    pub fn wait(&mut self, clock: Clock) {
        clock.sleep_until(self.next);
        self.next = clock.now().max(self.next + self.interval);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_reads_as_seconds() {
        assert_eq!(Moment::after(Duration::from_micros(12_034_056)).to_string(), "  12.034056");
    }

    #[test]
    fn a_difference_is_never_negative() {
        let (early, late) = (Moment::default(), Moment::default() + Duration::from_secs(1));
        assert_eq!(early.since(late), Duration::ZERO);
        assert_eq!(late.since(early), Duration::from_secs(1));
    }
}
