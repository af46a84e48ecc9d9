//! Until when the node may answer from memory: every request checks this first, without a lock.
//!
//! The one task that holds the lease writes it, after updating the memory accordingly (R2). Every request reads it with
//! its own clock reading (R3).

use keyward_domain::Timestamp;

use crate::{
    platform::{Platform, Std},
    protocol::{BootInstant, LeaseTerm, Offset, Rules},
};

/// Added to offsets, which are stored as unsigned numbers, so that negative ones do not wrap.
const SHIFT: u64 = 1 << 63;

/// The lease as requests see it.
pub struct PublishedLease<P: Platform = Std> {
    rules: Rules,
    until: P::Number,
    /// How far the database's wall clock is at most ahead of this machine's boot clock, in microseconds; shifted.
    ahead: P::Number,
}

impl<P: Platform> PublishedLease<P> {
    /// A lease that has not begun.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        Self { rules, until: P::number(0), ahead: P::number(0) }
    }

    /// Sets the term for all requests from now on.
    pub fn publish(&self, term: LeaseTerm) {
        P::store(&self.until, term.end().as_nanos());
    }

    /// Withdraws the term: no request that arrives from now on has a lease.
    pub fn close(&self) {
        self.publish(LeaseTerm::NONE);
    }

    /// Whether a request that reads the clock now may answer from memory.
    pub fn admits(&self, now: BootInstant) -> bool {
        self.term().holds(&self.rules, now)
    }

    /// The term that was last set.
    pub fn term(&self) -> LeaseTerm {
        match P::load(&self.until) {
            0 => LeaseTerm::NONE,
            nanos => LeaseTerm::until(BootInstant::from_nanos(nanos)),
        }
    }

    /// Sets how far the database's wall clock is at most ahead of this machine's boot clock. Only the task that holds
    /// the lease calls this.
    pub fn publish_time(&self, ahead: Offset) {
        let shifted = u64::try_from(i128::from(ahead.as_micros()) + i128::from(SHIFT)).unwrap_or(0);
        P::store(&self.ahead, shifted);
    }

    /// Upper bound of the database's time at this boot time; none before the first reading.
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
    //! The lease applies what was set last.
    use super::*;

    fn wall(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros).unwrap()
    }

    #[test]
    fn no_request_passes_before_a_term_is_set_or_after_it_is_withdrawn() {
        let lease = PublishedLease::<Std>::new(Rules::ALL);
        assert!(!lease.admits(BootInstant::ZERO));
        lease.publish(LeaseTerm::until(BootInstant::from_nanos(7)));
        assert!(lease.admits(BootInstant::from_nanos(6)) && !lease.admits(BootInstant::from_nanos(7)));
        lease.close();
        assert!(!lease.admits(BootInstant::ZERO));
    }

    #[test]
    fn the_time_that_was_set_last_continues_with_the_boot_clock() {
        let lease = PublishedLease::<Std>::new(Rules::ALL);
        let at = |micros: u64| BootInstant::from_nanos(micros * 1_000);
        assert_eq!(lease.database_time(at(100)), None);
        for (shown, later) in [(wall(1_000), wall(1_050)), (wall(500), wall(550)), (wall(-7), wall(43))] {
            lease.publish_time(Offset::at_most(shown, at(100)));
            assert_eq!(lease.database_time(at(150)), Some(later));
        }
    }
}
