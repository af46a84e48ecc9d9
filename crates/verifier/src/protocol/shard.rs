//! One part of the memory: what is remembered, and up to which event it has been purged, under one lock.
//!
//! Whoever holds a shard holds its lock. A shard never believes what was read before an event that it has applied (R4), and
//! nothing that was begun to be read outside the present membership (R6).

use keyward_storage::{Seq, Subject};

use super::Rules;

/// The memberships of a process, counted: joining begins one, and so does leaving.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(u32);

impl Generation {
    /// Before the first join.
    pub const FIRST: Self = Self(0);

    /// The one after.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }
}

/// What a shard remembers.
pub trait Entries {
    /// Forgets what is known of this, if anything is.
    fn purge(&mut self, subject: &Subject);

    /// Forgets everything.
    fn clear(&mut self);
}

/// That a read was begun, and in which membership. To be had before the read, never after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket {
    generation: Generation,
    open: bool,
}

/// One part of the memory.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Shard<E> {
    rules: Rules,
    generation: Generation,
    open: bool,
    floor: Seq,
    entries: E,
}

impl<E: Entries> Shard<E> {
    /// An empty part, closed.
    pub const fn new(rules: Rules, entries: E) -> Self {
        Self { rules, generation: Generation::FIRST, open: false, floor: Seq::ZERO, entries }
    }

    /// The node has joined: from now on things may be remembered that show every event up to `floor`.
    pub fn open(&mut self, generation: Generation, floor: Seq) {
        if self.rules.joining_empties {
            self.entries.clear();
            self.generation = generation;
        }
        self.open = true;
        self.floor = floor;
    }

    /// The node is a member no more.
    pub fn close(&mut self) {
        self.open = false;
        if self.rules.joining_empties {
            self.entries.clear();
        }
    }

    /// Forgets everything, because history up to `floor` is not to be had.
    pub fn forget(&mut self, floor: Seq) {
        self.entries.clear();
        self.floor = self.floor.max(floor);
    }

    /// Forgets what these events changed, and from now on believes nothing that does not show all of them.
    pub fn apply<'a>(&mut self, subjects: impl IntoIterator<Item = &'a Subject>, up_to: Seq) {
        for subject in subjects {
            self.entries.purge(subject);
        }
        self.floor = self.floor.max(up_to);
    }

    /// A read is about to begin.
    pub const fn begin_read(&self) -> Ticket {
        Ticket { generation: self.generation, open: self.open }
    }

    /// Whether something read under this ticket, which shows every event up to `as_of`, may be used to answer: by the
    /// request that read it, or by one that shares the read (`shared`; R4, R5).
    pub fn vouches_for(&self, ticket: Ticket, as_of: Seq, shared: bool) -> bool {
        let guarded = if shared { self.rules.shared_reads_are_guarded } else { self.rules.fills_are_guarded };
        if shared && !guarded {
            return true;
        }
        let of_this_membership = self.open && ticket.open && ticket.generation == self.generation;
        (!guarded || as_of >= self.floor) && (!self.rules.fills_belong_to_a_membership || of_this_membership)
    }

    /// The entries, to keep what was read under this ticket; none if it may not be kept (R4, R6).
    pub fn admit(&mut self, ticket: Ticket, as_of: Seq) -> Option<&mut E> {
        if self.vouches_for(ticket, as_of, false) { Some(&mut self.entries) } else { None }
    }

    /// The entries, to look something up. The lease comes first (R3).
    pub const fn entries(&mut self) -> &mut E {
        &mut self.entries
    }

    /// The last event that was applied here.
    pub const fn floor(&self) -> Seq {
        self.floor
    }
}

#[cfg(test)]
mod tests {
    //! R4 and R6 at their boundaries.
    use std::collections::BTreeSet;

    use keyward_domain::KeyId;
    use uuid::Uuid;

    use super::*;

    type Kept = BTreeSet<Subject>;

    impl Entries for Kept {
        fn purge(&mut self, subject: &Subject) {
            self.remove(subject);
        }

        fn clear(&mut self) {
            self.clear();
        }
    }

    fn key(n: u128) -> Subject {
        Subject::Key(KeyId::from_uuid(Uuid::from_u128(n)))
    }

    fn open_at(floor: u64) -> Shard<Kept> {
        let mut shard = Shard::new(Rules::ALL, Kept::new());
        shard.open(Generation::FIRST.next(), Seq::new(floor));
        shard
    }

    fn keep(shard: &mut Shard<Kept>, ticket: Ticket, as_of: u64, subject: Subject) -> bool {
        shard.admit(ticket, Seq::new(as_of)).is_some_and(|entries| entries.insert(subject))
    }

    #[test]
    fn what_does_not_show_an_applied_event_is_neither_kept_nor_used() {
        let mut shard = open_at(7);
        let ticket = shard.begin_read();
        assert!(!keep(&mut shard, ticket, 6, key(1)));
        assert!(!shard.vouches_for(ticket, Seq::new(6), true));
        assert!(keep(&mut shard, ticket, 7, key(1)));
        assert!(shard.vouches_for(ticket, Seq::new(7), true));
    }

    #[test]
    fn an_event_purges_its_subject_and_raises_the_floor() {
        let mut shard = open_at(0);
        let ticket = shard.begin_read();
        assert!(keep(&mut shard, ticket, 0, key(1)) && keep(&mut shard, ticket, 0, key(2)));
        shard.apply(&[key(1)], Seq::new(3));
        assert_eq!(*shard.entries(), Kept::from([key(2)]));
        assert_eq!(shard.floor(), Seq::new(3));
        assert!(!keep(&mut shard, ticket, 2, key(1)), "read before the event");
        shard.apply([], Seq::new(1));
        assert_eq!(shard.floor(), Seq::new(3), "a floor never sinks");
    }

    #[test]
    fn reads_begun_in_another_membership_or_in_none_are_dropped() {
        let mut shard = Shard::new(Rules::ALL, Kept::new());
        let outside = shard.begin_read();
        assert!(!keep(&mut shard, outside, 9, key(1)));
        let first = Generation::FIRST.next();
        shard.open(first, Seq::ZERO);
        assert!(!keep(&mut shard, outside, 9, key(1)));
        let inside = shard.begin_read();
        assert!(keep(&mut shard, inside, 9, key(1)));
        shard.close();
        assert!(!keep(&mut shard, inside, 9, key(2)) && shard.entries().is_empty());
        let between = shard.begin_read();
        shard.open(first.next().next(), Seq::ZERO);
        assert!(!keep(&mut shard, inside, 9, key(2)) && !keep(&mut shard, between, 9, key(2)));
    }

    #[test]
    fn a_gap_in_history_empties_the_memory() {
        let mut shard = open_at(2);
        let ticket = shard.begin_read();
        assert!(keep(&mut shard, ticket, 2, key(1)));
        shard.forget(Seq::new(9));
        assert!(shard.entries().is_empty() && !keep(&mut shard, ticket, 8, key(1)));
    }
}
