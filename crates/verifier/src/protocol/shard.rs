//! One part of the memory: what is remembered, and up to which event it has been purged, under one lock.
//!
//! Whoever holds a shard holds its lock. A shard never believes what was read before an event that it has applied (R4), and
//! nothing that was begun to be read outside the present membership (R6).

use keyward_storage::{HistoryToken, Position, Snapshot, Target};

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
    fn purge(&mut self, subject: &Target);

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
    floor: Position,
    /// The history that the node has joined.
    token: HistoryToken,
    entries: E,
}

impl<E: Entries> Shard<E> {
    /// An empty part, closed.
    pub const fn new(rules: Rules, entries: E) -> Self {
        Self {
            rules,
            generation: Generation::FIRST,
            open: false,
            floor: Position::START,
            token: HistoryToken::EMBEDDED,
            entries,
        }
    }

    /// The node has joined: from now on things may be remembered that are of this history and show every event up to here.
    pub fn open(&mut self, generation: Generation, joined: Snapshot) {
        if self.rules.joining_empties() {
            self.entries.clear();
            self.generation = generation;
        }
        self.open = true;
        self.floor = joined.position;
        self.token = joined.token;
    }

    /// The node is a member no more.
    pub fn close(&mut self) {
        self.open = false;
        if self.rules.joining_empties() {
            self.entries.clear();
        }
    }

    /// Forgets everything, because history up to `floor` is not to be had.
    pub fn forget(&mut self, floor: Position) {
        self.entries.clear();
        self.raise(floor);
    }

    /// Forgets what these events changed, and from now on believes nothing that does not show all of them.
    pub fn apply<'a>(&mut self, subjects: impl IntoIterator<Item = &'a Target>, up_to: Position) {
        for subject in subjects {
            self.entries.purge(subject);
        }
        self.raise(up_to);
    }

    /// A read is about to begin.
    pub const fn begin_read(&self) -> Ticket {
        Ticket { generation: self.generation, open: self.open }
    }

    /// Whether something read under this ticket, which shows every event up to `as_of`, may be used to answer: by the
    /// request that read it, or by one that shares the read (`shared`; R4, R5). It has to be of the history in which the
    /// lease stands (R11).
    pub fn vouches_for(&self, ticket: Ticket, as_of: Snapshot, shared: bool) -> bool {
        let guarded = if shared { self.rules.shared_reads_are_guarded() } else { self.rules.fills_are_guarded() };
        if shared && !guarded {
            return true;
        }
        let of_this_membership = self.open && ticket.open && ticket.generation == self.generation;
        let of_this_history = !self.rules.history().fills_are_of_one_history() || as_of.token == self.token;
        of_this_history
            && (!guarded || self.shows_the_floor(as_of.position))
            && (!self.rules.fills_belong_to_a_membership() || of_this_membership)
    }

    /// The entries, to keep what was read under this ticket; none if it may not be kept (R4, R6). What shows more than
    /// was applied here answers the request that read it, and is not kept: nothing would compare that event, by its
    /// nonce, with the one that is applied under this number later (R18).
    pub fn admit(&mut self, ticket: Ticket, as_of: Snapshot) -> Option<&mut E> {
        let is_ahead = self.rules.history().reads_ahead_are_not_kept() && as_of.position.seq > self.floor.seq;
        if self.vouches_for(ticket, as_of, false) && !is_ahead { Some(&mut self.entries) } else { None }
    }

    /// The entries, to look something up. The lease comes first (R3).
    pub const fn entries(&mut self) -> &mut E {
        &mut self.entries
    }

    /// What every entry shows: all events up to the last one that was applied here, of the history that the node has
    /// joined.
    pub const fn shows(&self) -> Snapshot {
        Snapshot { position: self.floor, token: self.token }
    }

    /// The last event that was applied here.
    pub const fn floor(&self) -> Position {
        self.floor
    }

    fn raise(&mut self, floor: Position) {
        if floor.seq > self.floor.seq {
            self.floor = floor;
        }
    }

    /// Two events of one number are of two histories, even where the token is the same (rows put back by hand).
    fn shows_the_floor(&self, position: Position) -> bool {
        let is_it = position == self.floor || !self.rules.history().reads_name_their_event();
        position.seq > self.floor.seq || (position.seq == self.floor.seq && is_it)
    }
}

#[cfg(test)]
#[path = "shard/tests.rs"]
mod tests;
