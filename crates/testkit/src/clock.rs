//! The clock of a run. It is a single monotonic clock, so that clock skew cannot affect the check of a history.
//!
//! Measures and paces. No decision of the service depends on it.

use std::fmt;
use std::ops::Add;
use std::time::{Duration, Instant};

/// The beginning of a run. Moments count from it.
#[derive(Clone, Copy, Debug)]
pub struct RunClock(Instant);

impl RunClock {
    /// Starts at zero.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "one clock for all observations of clients; no lease depends on it")]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// The time since the start.
    #[must_use]
    pub fn now(self) -> Moment {
        Moment(self.0.elapsed())
    }

    /// Sleeps until this moment. Returns immediately if it has passed.
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
    /// Later than all others.
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

/// Paces a repeated action at an interval, regardless of the duration of each action. Missed times are skipped.
#[derive(Debug)]
pub struct Pace {
    interval: Duration,
    next: Moment,
}

impl Pace {
    /// Starts at this moment.
    #[must_use]
    pub const fn new(interval: Duration, first: Moment) -> Self {
        Self { interval, next: first }
    }

    /// Sleeps until the next time.
    pub fn wait(&mut self, clock: RunClock) {
        clock.sleep_until(self.next);
        self.next = clock.now().max(self.next + self.interval);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_printed_in_seconds() {
        assert_eq!(Moment::after(Duration::from_micros(12_034_056)).to_string(), "  12.034056");
    }

    #[test]
    fn a_difference_is_never_negative() {
        let (early, late) = (Moment::default(), Moment::default() + Duration::from_secs(1));
        assert_eq!(early.since(late), Duration::ZERO);
        assert_eq!(late.since(early), Duration::from_secs(1));
    }
}
