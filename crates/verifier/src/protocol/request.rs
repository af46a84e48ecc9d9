//! The steps of one verification, in this order: arrive, check the lease, look up, read what is missing, answer (R3).
//! The caller performs each step and reports its outcome.

use super::Rules;

/// Next step of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// Read the clock now, and check whether the lease holds.
    CheckLease,
    /// Look the key up in memory.
    LookUp,
    /// Read from the database, alone or by sharing a read in progress; then check that the shard vouches for the
    /// result.
    Read,
    /// Read from the database by a statement that begins now; share no read in progress, and keep nothing. Without a
    /// lease this is the only way to answer, on a database with a single primary.
    ReadAlone,
    /// Return the content found.
    Answer,
}

/// The progress of one verification towards content `T`.
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
    /// Content was found before the lease was checked; only if the rule against it is off.
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

    /// Next step.
    pub const fn next(&self) -> Step {
        match &self.stage {
            Stage::Arrived | Stage::Unchecked(_) => Step::CheckLease,
            Stage::MayLookUp => Step::LookUp,
            Stage::MustRead => Step::Read,
            Stage::WithoutLease => Step::ReadAlone,
            Stage::Ready(_) => Step::Answer,
        }
    }

    /// Reports whether the lease holds at a time just read for this request.
    pub fn lease(&mut self, holds: bool) {
        self.stage = match (std::mem::replace(&mut self.stage, Stage::WithoutLease), holds) {
            (Stage::Arrived, true) => Stage::MayLookUp,
            (Stage::Unchecked(found), true) => Stage::Ready(found),
            (Stage::Arrived | Stage::Unchecked(_), false) => Stage::WithoutLease,
            (stage @ (Stage::MayLookUp | Stage::MustRead | Stage::WithoutLease | Stage::Ready(_)), _) => stage,
        };
    }

    /// Reports what the memory holds.
    pub fn looked_up(&mut self, found: Option<T>) {
        self.stage = match found {
            Some(found) => self.at_hand(found),
            None => Stage::MustRead,
        };
    }

    /// Reports what was read. If the shard does not vouch for it, the request restarts, because the lease may have
    /// ended.
    pub fn read(&mut self, found: T, vouched_for: bool) {
        self.stage = if vouched_for { self.at_hand(found) } else { Self::first(self.rules) };
    }

    /// Reports what was read without a lease.
    pub fn read_alone(&mut self, found: T) {
        self.stage = Stage::Ready(found);
    }

    /// The content to answer with; none before [`Step::Answer`].
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
    //! The order of steps.
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
    fn a_read_not_vouched_for_is_repeated_after_another_check_of_the_lease() {
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
    fn without_a_lease_memory_is_never_used() {
        let mut request = Request::arrived(Rules::ALL);
        request.lease(false);
        assert_eq!(request.next(), Step::ReadAlone);
        request.lease(true);
        assert_eq!(request.next(), Step::ReadAlone, "a later lease does not count");
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
