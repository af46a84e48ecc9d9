//! One part of the memory: its entries, and the event up to which it has been purged, under one lock.
//!
//! Code that has a shard holds its lock. A shard never accepts a read from before an event that it has applied (R4),
//! nor a read that began outside the current membership (R6).

use keyward_storage::{HistoryToken, Position, Snapshot, Target};

use super::Rules;

/// Counts the memberships of a process: joining and leaving both start a new generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(u32);

impl Generation {
    /// Before the first join.
    pub const FIRST: Self = Self(0);

    /// The next generation.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }
}

/// The entries of a shard.
pub trait Entries {
    /// Removes the entry for this target, if there is one.
    fn purge(&mut self, target: &Target);

    /// Removes all entries.
    fn clear(&mut self);
}

/// Shows that a read has begun, and in which membership. Obtain it before the read, never after.
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
    /// An empty, closed part.
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

    /// Opens the part after a join: it accepts reads of this history that show every event up to this one.
    pub fn open(&mut self, generation: Generation, joined: Snapshot) {
        if self.rules.joining_empties() {
            self.entries.clear();
            self.generation = generation;
        }
        self.open = true;
        self.floor = joined.position;
        self.token = joined.token;
    }

    /// Closes the part: the node is no longer a member.
    pub fn close(&mut self) {
        self.open = false;
        if self.rules.joining_empties() {
            self.entries.clear();
        }
    }

    /// Forgets everything, because the history up to `floor` is not available.
    pub fn forget(&mut self, floor: Position) {
        self.entries.clear();
        self.raise(floor);
    }

    /// Forgets what these events changed, and from now on accepts only reads that show all of them.
    pub fn apply<'a>(&mut self, targets: impl IntoIterator<Item = &'a Target>, up_to: Position) {
        for target in targets {
            self.entries.purge(target);
        }
        self.raise(up_to);
    }

    /// Starts a read.
    pub const fn begin_read(&self) -> Ticket {
        Ticket { generation: self.generation, open: self.open }
    }

    /// Whether a read under this ticket, which shows every event up to `as_of`, may be used to answer: by the request
    /// that read it, or by one that shares the read (`shared`; R4, R5). It must belong to the lease's history (R11).
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

    /// The entries, to keep what was read under this ticket; none if it may not be kept (R4, R6). A read that shows
    /// more than was applied here may answer its own request, and is not kept: nothing would compare the nonce of that
    /// event with that of the event applied under its number later (R18).
    pub fn admit(&mut self, ticket: Ticket, as_of: Snapshot) -> Option<&mut E> {
        let is_ahead = self.rules.history().reads_ahead_are_not_kept() && as_of.position.seq > self.floor.seq;
        if self.vouches_for(ticket, as_of, false) && !is_ahead { Some(&mut self.entries) } else { None }
    }

    /// The entries, for a look-up. Check the lease first (R3).
    pub const fn entries(&mut self) -> &mut E {
        &mut self.entries
    }

    /// What every entry shows: all events of the joined history up to the last one applied here.
    pub const fn shows(&self) -> Snapshot {
        Snapshot { position: self.floor, token: self.token }
    }

    /// The last event applied here.
    pub const fn floor(&self) -> Position {
        self.floor
    }

    fn raise(&mut self, floor: Position) {
        if floor.seq > self.floor.seq {
            self.floor = floor;
        }
    }

    /// Two events with the same number belong to two histories, even if the token is the same (rows restored by hand).
    fn shows_the_floor(&self, position: Position) -> bool {
        let is_it = position == self.floor || !self.rules.history().reads_name_their_event();
        position.seq > self.floor.seq || (position.seq == self.floor.seq && is_it)
    }
}

#[cfg(test)]
#[path = "shard/tests.rs"]
mod tests;
