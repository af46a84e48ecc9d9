//! The context of a verification: the facts about its request.
//!
//! Reads no clock: the caller passes the times.

use crate::Timestamp;

/// The time of one request, by the clock of this machine and that of the database. The earlier one decides whether
/// something has begun, the later one whether something has ended (contract, section 16). So a wrong clock starts
/// nothing early and prolongs nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    recorded: Timestamp,
    earliest: Timestamp,
    latest: Timestamp,
}

impl Now {
    /// The time by two clocks; all nodes agree on `shared`.
    #[must_use]
    pub fn by(shared: Timestamp, own: Timestamp) -> Self {
        Self { recorded: shared, earliest: shared.min(own), latest: shared.max(own) }
    }

    /// The time by a single clock.
    #[must_use]
    pub const fn exact(at: Timestamp) -> Self {
        Self { recorded: at, earliest: at, latest: at }
    }

    /// The time to record, on which all nodes agree.
    #[must_use]
    pub const fn recorded(self) -> Timestamp {
        self.recorded
    }

    /// The later of both clocks, which decides ends.
    #[must_use]
    pub const fn latest(self) -> Timestamp {
        self.latest
    }

    /// The earlier of both clocks, which decides beginnings.
    #[must_use]
    pub const fn earliest(self) -> Timestamp {
        self.earliest
    }

    /// Whether `start` has been reached. It has at that exact instant.
    #[must_use]
    pub fn has_reached(self, start: Timestamp) -> bool {
        start <= self.earliest
    }

    /// Whether `end` has passed. It has at that exact instant (rule 3).
    #[must_use]
    pub fn has_passed(self, end: Timestamp) -> bool {
        end <= self.latest
    }
}

/// The facts about a request by which the [restrictions](crate::Restrictions) of a key are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    /// The time of the request, the same for all decisions in it.
    pub now: Now,
}

impl Context {
    /// A context that consists only of a time.
    #[must_use]
    pub const fn at(now: Now) -> Self {
        Self { now }
    }
}

#[cfg(test)]
mod tests {
    //! The more restrictive clock decides.
    use super::*;
    use crate::fixture::at;

    #[test]
    fn the_earlier_clock_decides_beginnings_and_the_later_one_ends() {
        for now in [Now::by(at(10), at(20)), Now::by(at(20), at(10))] {
            let reached = [9, 10, 11, 20].map(|second| now.has_reached(at(second)));
            assert_eq!(reached, [true, true, false, false], "{now:?}");
            let passed = [10, 19, 20, 21].map(|second| now.has_passed(at(second)));
            assert_eq!(passed, [true, true, true, false], "{now:?}");
        }
        assert_eq!(Now::by(at(10), at(20)).recorded(), at(10));
        assert_eq!(Now::by(at(20), at(10)).recorded(), at(20));
    }

    #[test]
    fn one_clock_agrees_with_itself() {
        assert_eq!(Now::by(at(7), at(7)), Now::exact(at(7)));
    }
}
