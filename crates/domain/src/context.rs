//! What a verification knows about its request.
//!
//! Reads no clock: the caller passes what the clocks read.

use crate::Timestamp;

/// The time of one request. Two clocks may disagree about it, that of this machine and that of the database: what
/// begins is judged by the earlier one, what ends by the later one (contract, section 16). So a wrong clock opens
/// nothing early and prolongs nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    recorded: Timestamp,
    earliest: Timestamp,
    latest: Timestamp,
}

impl Now {
    /// The time by two clocks; `shared` is the one that all nodes agree on.
    #[must_use]
    pub fn by(shared: Timestamp, own: Timestamp) -> Self {
        Self { recorded: shared, earliest: shared.min(own), latest: shared.max(own) }
    }

    /// The time where there is one clock.
    #[must_use]
    pub const fn exact(at: Timestamp) -> Self {
        Self { recorded: at, earliest: at, latest: at }
    }

    /// The time to record: the one that all nodes agree on.
    #[must_use]
    pub const fn recorded(self) -> Timestamp {
        self.recorded
    }

    /// The later of both clocks, which judges ends.
    #[must_use]
    pub const fn latest(self) -> Timestamp {
        self.latest
    }

    /// The earlier of both clocks, which judges beginnings.
    #[must_use]
    pub const fn earliest(self) -> Timestamp {
        self.earliest
    }

    /// Whether what begins at `start` has begun. It has at that exact instant.
    #[must_use]
    pub fn has_reached(self, start: Timestamp) -> bool {
        start <= self.earliest
    }

    /// Whether what ends at `end` has ended. It has at that exact instant (rule 3).
    #[must_use]
    pub fn has_passed(self, end: Timestamp) -> bool {
        end <= self.latest
    }
}

/// What a verification knows about its request: what the [restrictions](crate::Restrictions) of a key are judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    /// The time of the request, the same for all that is judged in it.
    pub now: Now,
}

impl Context {
    /// A request of which only the time matters.
    #[must_use]
    pub const fn at(now: Now) -> Self {
        Self { now }
    }
}

#[cfg(test)]
mod tests {
    //! The clock that opens less decides.
    use super::*;
    use crate::fixture::at;

    #[test]
    fn beginnings_go_by_the_earlier_clock_and_ends_by_the_later() {
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
