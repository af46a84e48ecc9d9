//! What one verification has to do next: arrive, check the lease, look up, read what is missing, answer, in this order
//! (R3). Whoever drives it does what it says and tells what came of it.

use super::Rules;

/// What a request has to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// Read the clock now, and look whether the lease holds.
    CheckLease,
    /// Look into the memory.
    LookUp,
    /// Read from the database, alone or by sharing a read that is under way; then ask the shard whether it vouches for it.
    Read,
    /// Read from the database by a statement that begins from now on; share no read that is under way, and keep nothing.
    /// Without a lease this is the only way to answer, on a database with a single primary.
    ReadAlone,
    /// Answer.
    Answer,
}

/// One verification, on its way to content `T`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Request<T> {
    rules: Rules,
    stage: Stage<T>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Stage<T> {
    Arrived,
    MayLookUp,
    MustRead,
    /// Something is at hand, and the lease was not looked at yet: where the rule that forbids it is off.
    Unchecked(T),
    WithoutLease,
    Ready(T),
}

impl<T> Request<T> {
    /// A request that has just arrived.
    #[must_use]
    pub const fn arrived(rules: Rules) -> Self {
        Self { rules, stage: Self::first(rules) }
    }

    const fn first(rules: Rules) -> Stage<T> {
        if rules.lease_before_look_up() { Stage::Arrived } else { Stage::MayLookUp }
    }

    /// What to do next.
    pub const fn next(&self) -> Step {
        match &self.stage {
            Stage::Arrived | Stage::Unchecked(_) => Step::CheckLease,
            Stage::MayLookUp => Step::LookUp,
            Stage::MustRead => Step::Read,
            Stage::WithoutLease => Step::ReadAlone,
            Stage::Ready(_) => Step::Answer,
        }
    }

    /// Whether the lease held at a moment that was read for this request, just now.
    pub fn lease(&mut self, holds: bool) {
        self.stage = match (std::mem::replace(&mut self.stage, Stage::WithoutLease), holds) {
            (Stage::Arrived, true) => Stage::MayLookUp,
            (Stage::Unchecked(found), true) => Stage::Ready(found),
            (Stage::Arrived | Stage::Unchecked(_), false) => Stage::WithoutLease,
            (stage @ (Stage::MayLookUp | Stage::MustRead | Stage::WithoutLease | Stage::Ready(_)), _) => stage,
        };
    }

    /// What the memory held.
    pub fn looked_up(&mut self, found: Option<T>) {
        self.stage = match found {
            Some(found) => self.at_hand(found),
            None => Stage::MustRead,
        };
    }

    /// What was read, and whether the shard vouches for it. If not, all begins anew, with the lease: it may have ended.
    pub fn read(&mut self, found: T, vouched_for: bool) {
        self.stage = if vouched_for { self.at_hand(found) } else { Self::first(self.rules) };
    }

    /// What was read alone.
    pub fn read_alone(&mut self, found: T) {
        self.stage = Stage::Ready(found);
    }

    /// The answer's content, once it is time to answer.
    pub fn into_answer(self) -> Option<T> {
        match self.stage {
            Stage::Ready(found) => Some(found),
            Stage::Arrived | Stage::MayLookUp | Stage::MustRead | Stage::Unchecked(_) | Stage::WithoutLease => None,
        }
    }

    fn at_hand(&self, found: T) -> Stage<T> {
        if self.rules.lease_before_look_up() { Stage::Ready(found) } else { Stage::Unchecked(found) }
    }
}

#[cfg(test)]
mod tests {
    //! The order of the steps.
    use super::*;

    #[test]
    fn the_lease_is_checked_before_anything_is_looked_up() {
        let mut request = Request::arrived(Rules::ALL);
        assert_eq!(request.next(), Step::CheckLease);
        request.lease(true);
        assert_eq!(request.next(), Step::LookUp);
        request.looked_up(Some("memory"));
        assert_eq!((request.next(), request.into_answer()), (Step::Answer, Some("memory")));
    }

    #[test]
    fn what_nobody_vouches_for_is_read_anew_under_a_lease_that_is_looked_at_anew() {
        let mut request = Request::arrived(Rules::ALL);
        request.lease(true);
        request.looked_up(None);
        assert_eq!(request.next(), Step::Read);
        request.read("old", false);
        assert_eq!(request.next(), Step::CheckLease);
        request.lease(true);
        request.looked_up(None);
        request.read("new", true);
        assert_eq!(request.into_answer(), Some("new"));
    }

    #[test]
    fn without_a_lease_memory_is_never_looked_at() {
        let mut request = Request::arrived(Rules::ALL);
        request.lease(false);
        assert_eq!(request.next(), Step::ReadAlone);
        request.lease(true);
        assert_eq!(request.next(), Step::ReadAlone, "a lease that came later is of no use to it");
        request.read_alone("read");
        assert_eq!(request.into_answer(), Some("read"));
    }

    #[test]
    fn with_the_order_off_the_lease_is_checked_last() {
        let mut request = Request::arrived(Rules { lease_before_look_up: false, ..Rules::ALL });
        assert_eq!(request.next(), Step::LookUp);
        request.looked_up(Some("memory"));
        assert_eq!(request.next(), Step::CheckLease);
        request.lease(true);
        assert_eq!(request.next(), Step::Answer);
    }
}
