//! What every request looks at first, without a lock: until when the node may answer from memory.
//!
//! Written by the one task that holds the lease, after the memory is as the lease says (R2); read by every request with a
//! clock value of its own (R3).

use keyward_domain::Timestamp;

use crate::{
    platform::{Platform, Std},
    protocol::{Boot, Rules, Term},
};

/// Offsets are kept as unsigned numbers, shifted so that they never wrap below the first.
const SHIFT: u64 = 1 << 63;

/// The lease as requests see it.
pub struct Gate<P: Platform = Std> {
    rules: Rules,
    until: P::Number,
    /// By how many microseconds the database's wall clock is ahead of this machine's boot clock, at the most; shifted.
    ahead: P::Number,
}

impl<P: Platform> Gate<P> {
    /// Closed.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        Self { rules, until: P::number(0), ahead: P::number(0) }
    }

    /// Shows requests this term from now on.
    pub fn show(&self, term: Term) {
        P::store(&self.until, term.end().as_nanos());
    }

    /// No request that arrives from now on finds a lease.
    pub fn close(&self) {
        self.show(Term::NONE);
    }

    /// Whether a request that reads the clock now may look into the memory.
    pub fn admits(&self, now: Boot) -> bool {
        self.term().holds(&self.rules, now)
    }

    /// The lease as it was last shown.
    pub fn term(&self) -> Term {
        match P::load(&self.until) {
            0 => Term::NONE,
            nanos => Term::until(Boot::from_nanos(nanos)),
        }
    }

    /// A reply brought the database's wall clock; the request for it was sent at this moment. Only the one task that
    /// holds the lease calls this.
    pub fn learn_time(&self, database: Timestamp, sent_at: Boot) {
        let micros = i128::from(database.as_micros()) - i128::from(sent_at.as_nanos() / 1_000);
        let shifted = u64::try_from(micros + i128::from(SHIFT)).unwrap_or(0);
        // Never back: a step of the database's clock must not make an expired key good again.
        P::store(&self.ahead, shifted.max(P::load(&self.ahead)));
    }

    /// The moment by which expiry is judged: the later one of this node's wall clock and the upper bound of the
    /// database's, so that a slow clock does not prolong a key (2.5).
    pub fn expiry_time(&self, wall: Timestamp, now: Boot) -> Timestamp {
        let shifted = P::load(&self.ahead);
        if shifted == 0 {
            return wall;
        }
        let micros = i128::from(now.as_nanos() / 1_000) + i128::from(shifted) - i128::from(SHIFT);
        let database = i64::try_from(micros).ok().and_then(|micros| Timestamp::from_micros(micros).ok());
        database.map_or(wall, |database| database.max(wall))
    }
}

#[cfg(test)]
mod tests {
    //! The gate is as good as what was shown last.
    use super::*;

    fn wall(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros).unwrap()
    }

    #[test]
    fn nobody_passes_before_a_term_is_shown_or_after_it_is_taken_back() {
        let gate = Gate::<Std>::new(Rules::ALL);
        assert!(!gate.admits(Boot::ZERO));
        gate.show(Term::until(Boot::from_nanos(7)));
        assert!(gate.admits(Boot::from_nanos(6)) && !gate.admits(Boot::from_nanos(7)));
        gate.close();
        assert!(!gate.admits(Boot::ZERO));
    }

    #[test]
    fn expiry_is_judged_by_the_later_clock_and_the_bound_never_goes_back() {
        let gate = Gate::<Std>::new(Rules::ALL);
        let at = |micros: u64| Boot::from_nanos(micros * 1_000);
        assert_eq!(gate.expiry_time(wall(5), at(100)), wall(5));
        gate.learn_time(wall(1_000), at(100));
        assert_eq!(gate.expiry_time(wall(5), at(150)), wall(1_050));
        assert_eq!(gate.expiry_time(wall(2_000), at(150)), wall(2_000));
        gate.learn_time(wall(500), at(200));
        assert_eq!(gate.expiry_time(wall(5), at(250)), wall(1_150), "the database's clock was set back");
    }
}
