//! What every request looks at first, without a lock: until when the node may answer from memory.
//!
//! Written by the one task that holds the lease, after the memory is as the lease says (R2); read by every request with a
//! clock value of its own (R3).

use keyward_domain::Timestamp;

use crate::{
    platform::{Platform, Std},
    protocol::{BootInstant, LeaseTerm, Offset, Rules},
};

/// Offsets are kept as unsigned numbers, shifted so that they never wrap below the first.
const SHIFT: u64 = 1 << 63;

/// The lease as requests see it.
pub struct PublishedLease<P: Platform = Std> {
    rules: Rules,
    until: P::Number,
    /// By how many microseconds the database's wall clock is ahead of this machine's boot clock, at the most; shifted.
    ahead: P::Number,
}

impl<P: Platform> PublishedLease<P> {
    /// Closed.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        Self { rules, until: P::number(0), ahead: P::number(0) }
    }

    /// Shows requests this term from now on.
    pub fn show(&self, term: LeaseTerm) {
        P::store(&self.until, term.end().as_nanos());
    }

    /// No request that arrives from now on finds a lease.
    pub fn close(&self) {
        self.show(LeaseTerm::NONE);
    }

    /// Whether a request that reads the clock now may look into the memory.
    pub fn admits(&self, now: BootInstant) -> bool {
        self.term().holds(&self.rules, now)
    }

    /// The lease as it was last shown.
    pub fn term(&self) -> LeaseTerm {
        match P::load(&self.until) {
            0 => LeaseTerm::NONE,
            nanos => LeaseTerm::until(BootInstant::from_nanos(nanos)),
        }
    }

    /// Shows requests from now on how far the database's wall clock is ahead of this machine's boot clock, at the most.
    /// Only the one task that holds the lease calls this.
    pub fn show_time(&self, ahead: Offset) {
        let shifted = u64::try_from(i128::from(ahead.as_micros()) + i128::from(SHIFT)).unwrap_or(0);
        P::store(&self.ahead, shifted);
    }

    /// The upper bound of the database's time when the boot clock shows this; none before the first reading of it.
    pub fn database_time(&self, now: BootInstant) -> Option<Timestamp> {
        let shifted = P::load(&self.ahead);
        if shifted == 0 {
            return None;
        }
        Offset::time_at(i64::try_from(i128::from(shifted) - i128::from(SHIFT)).ok()?, now)
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
        let gate = PublishedLease::<Std>::new(Rules::ALL);
        assert!(!gate.admits(BootInstant::ZERO));
        gate.show(LeaseTerm::until(BootInstant::from_nanos(7)));
        assert!(gate.admits(BootInstant::from_nanos(6)) && !gate.admits(BootInstant::from_nanos(7)));
        gate.close();
        assert!(!gate.admits(BootInstant::ZERO));
    }

    #[test]
    fn the_time_that_was_shown_last_goes_on_with_the_boot_clock() {
        let gate = PublishedLease::<Std>::new(Rules::ALL);
        let at = |micros: u64| BootInstant::from_nanos(micros * 1_000);
        assert_eq!(gate.database_time(at(100)), None);
        for (shown, later) in [(wall(1_000), wall(1_050)), (wall(500), wall(550)), (wall(-7), wall(43))] {
            gate.show_time(Offset::at_most(shown, at(100)));
            assert_eq!(gate.database_time(at(150)), Some(later));
        }
    }
}
