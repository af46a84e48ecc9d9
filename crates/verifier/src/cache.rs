//! The memory: keys and accounts, in parts of one lock each, bounded in bytes.
//!
//! A part holds the keys whose ids fall to it and, beside them, the accounts that those keys stand under: one lock gives a
//! whole answer, and keys of different parts share none. Keys and accounts are entries of their own, so that suspending an
//! account is one purge and no write per key. Nothing is remembered of keys that do not exist. Whether an entry may be kept
//! is decided by [`Shard`] under that same lock; this module never decides it.

use keyward_domain::{AuthKey, KeyId};
use keyward_storage::{Credential, Event, Position, Read, Snapshot, Target};

use crate::{
    known::Known,
    platform::{Platform, Std},
    protocol::{Generation, Rules, Shard, Ticket},
};

mod part;

use part::Part;

/// How many parts: many more than cores, so that two requests rarely meet; a power of two.
const PARTS: usize = 64;

/// The memory of one node.
pub struct Cache<P: Platform = Std> {
    parts: Box<[P::Lock<Shard<Part>>]>,
}

impl<P: Platform> Cache<P> {
    /// An empty memory of so many bytes at the most, closed until the node has joined.
    #[must_use]
    pub fn new(rules: Rules, capacity_bytes: u64) -> Self {
        let each = capacity_bytes.div_ceil(PARTS as u64);
        Self { parts: (0..PARTS).map(|_| P::lock(Shard::new(rules, Part::new(each)))).collect() }
    }

    /// What is remembered of this key and of every account above it. To be called after the lease was checked (R3).
    #[must_use]
    pub fn look_up(&self, id: KeyId) -> Option<Credential> {
        self.on(id, |part| part.entries().credential(id))
    }

    /// The same with the last event that it shows: whatever an event up to there changed is not remembered as it was.
    pub(crate) fn known(&self, id: KeyId) -> Option<Known> {
        self.on(id, |part| {
            let as_of = part.shows();
            part.entries().credential(id).map(|credential| Known { credential, as_of })
        })
    }

    /// A read of this key is about to begin.
    #[must_use]
    pub fn begin_read(&self, id: KeyId) -> Ticket {
        self.on(id, |part| part.begin_read())
    }

    /// Keeps what was read, if it may be kept; tells whether it may be used to answer (R4).
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

    /// Puts another form of the same key in the place of the one that is remembered, if it still is that one.
    pub fn exchange(&self, known: &AuthKey, by: AuthKey) {
        self.on(known.id(), |part| part.entries().exchange(known, by));
    }

    /// Forgets one key, for reasons that are no event.
    pub fn forget_key(&self, id: KeyId) {
        self.on(id, |part| part.entries().forget_key(id));
    }

    /// The node has joined, and this is what its join showed.
    pub fn open(&self, generation: Generation, joined: Snapshot) {
        self.each(|part| part.open(generation, joined));
    }

    /// The node is a member no more.
    pub fn close(&self) {
        self.each(Shard::close);
    }

    /// Forgets what these events changed, part by part, raising each one's floor (R2: only when this returns may they be
    /// acknowledged).
    pub fn apply(&self, events: &[Event], up_to: Position) {
        for (place, part) in self.parts.iter().enumerate() {
            let here = |subject: &&Target| match subject {
                Target::Key(id) => place_of(*id) == place,
                // Its entry may stand in every part.
                Target::Account(_) => true,
            };
            let subjects = events.iter().map(|event| &event.subject).filter(here);
            P::with(part, |part| part.apply(subjects, up_to));
        }
    }

    /// Forgets everything, because history up to this event is not to be had.
    pub fn forget(&self, floor: Position) {
        self.each(|part| part.forget(floor));
    }

    /// How many bytes are remembered, and of how many keys.
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

/// How much is remembered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Bytes, as the capacity counts them.
    pub bytes: u64,
    /// Keys.
    pub keys: u64,
}

/// The last byte of a UUID of version 7 is random.
fn place_of(id: KeyId) -> usize {
    usize::from(id.uuid().as_bytes()[15]) % PARTS
}

#[cfg(test)]
#[path = "cache/tests.rs"]
mod tests;
