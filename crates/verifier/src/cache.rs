//! The memory: keys and accounts, in parts with one lock each, bounded in bytes.
//!
//! A part holds the keys whose ids map to it, and the accounts above those keys. So one lock yields a complete answer,
//! and keys of different parts share no lock. Keys and accounts are separate entries, so that suspending an account
//! purges one entry per part and writes no key. Keys that do not exist are not cached. [`Shard`] decides under the same
//! lock whether an entry may be kept; this module never does.

use keyward_domain::KeyId;
use keyward_storage::{Event, Position, Read, Snapshot, Target};

use crate::{
    platform::{Platform, Std},
    protocol::{Generation, Rules, Shard, Ticket},
};

mod credential;
mod packed;
mod part;
mod size;

pub use credential::{Credential, Known};
pub use packed::PackedKey;
use part::Part;
pub use size::Size;

/// Number of parts: many more than cores, so that two requests rarely contend; a power of two.
const PARTS: usize = 64;

/// The memory of one node.
pub struct Cache<P: Platform = Std> {
    parts: Box<[P::Lock<Shard<Part>>]>,
}

impl<P: Platform> Cache<P> {
    /// An empty memory of at most `capacity_bytes`, closed until the node has joined.
    #[must_use]
    pub fn new(rules: Rules, capacity_bytes: u64) -> Self {
        let each = capacity_bytes.div_ceil(PARTS as u64);
        Self { parts: (0..PARTS).map(|_| P::lock(Shard::new(rules, Part::new(each)))).collect() }
    }

    /// The key with its chain, if both are in memory. Call it after checking the lease (R3).
    #[must_use]
    pub fn look_up(&self, id: KeyId) -> Option<Credential> {
        self.on(id, |part| part.entries().credential(id))
    }

    /// Like [`Self::look_up`], with the last event that it shows: it reflects every event up to that one.
    pub(crate) fn known(&self, id: KeyId) -> Option<Known> {
        self.on(id, |part| {
            let as_of = part.shows();
            part.entries().credential(id).map(|credential| Known { credential, as_of })
        })
    }

    /// Starts a read of this key.
    #[must_use]
    pub fn begin_read(&self, id: KeyId) -> Ticket {
        self.on(id, |part| part.begin_read())
    }

    /// Keeps a read if it may be kept. Returns whether it may be used to answer (R4).
    #[must_use]
    pub fn keep(&self, ticket: Ticket, read: &Read<Credential>) -> bool {
        self.on(read.value.key.id(), |part| {
            if let Some(entries) = part.admit(ticket, read.as_of) {
                entries.insert(&read.value);
            }
            part.vouches_for(ticket, read.as_of, false)
        })
    }

    /// Whether a request that shares this read may use it to answer (R5).
    #[must_use]
    pub fn vouches_for(&self, ticket: Ticket, read: &Read<Credential>) -> bool {
        self.on(read.value.key.id(), |part| part.vouches_for(ticket, read.as_of, true))
    }

    /// Replaces the remembered form of a key by another, if the remembered form is still `known`.
    pub fn exchange(&self, known: &PackedKey, by: PackedKey) {
        self.on(known.id(), |part| part.entries().exchange(known, by));
    }

    /// Forgets one key, for a reason that is not an event.
    pub fn forget_key(&self, id: KeyId) {
        self.on(id, |part| part.entries().forget_key(id));
    }

    /// Opens the memory with what the node's join showed.
    pub fn open(&self, generation: Generation, joined: Snapshot) {
        self.each(|part| part.open(generation, joined));
    }

    /// Closes the memory: the node is no longer a member.
    pub fn close(&self) {
        self.each(Shard::close);
    }

    /// Forgets what these events changed and raises each part's floor. The events may be acknowledged only once this
    /// returns (R2).
    pub fn apply(&self, events: &[Event], up_to: Position) {
        for (place, part) in self.parts.iter().enumerate() {
            let here = |target: &&Target| match target {
                Target::Key(id) => place_of(*id) == place,
                // Every part may hold an entry of the account.
                Target::Account(_) => true,
            };
            let targets = events.iter().map(|event| &event.target).filter(here);
            P::with(part, |part| part.apply(targets, up_to));
        }
    }

    /// Forgets everything, because the history up to this event is not available.
    pub fn forget(&self, floor: Position) {
        self.each(|part| part.forget(floor));
    }

    /// Bytes and keys in memory.
    #[must_use]
    pub fn size(&self) -> Size {
        let mut size = Size::default();
        self.each(|part| {
            let here = part.entries().size();
            size.bytes += here.bytes;
            size.keys += here.keys;
        });
        size
    }

    fn each(&self, mut change: impl FnMut(&mut Shard<Part>)) {
        for part in &self.parts {
            P::with(part, &mut change);
        }
    }

    fn on<R>(&self, id: KeyId, work: impl FnOnce(&mut Shard<Part>) -> R) -> R {
        P::with(&self.parts[place_of(id)], work)
    }
}

/// The part of this key. The last byte of a version 7 UUID is random.
fn place_of(id: KeyId) -> usize {
    usize::from(id.uuid().as_bytes()[15]) % PARTS
}

#[cfg(test)]
#[path = "cache/tests.rs"]
mod tests;
