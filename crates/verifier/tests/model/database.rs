//! The database: the log of events, the state of the key, the rows of the nodes, its own wall clock.
//!
//! It acts like the statements of the storage crates, one snapshot and one commit at a time. There are two targets of
//! changes: the key under test, and something else.

use keyward_domain::Timestamp;
use keyward_storage::{Event, Member, Members, Position, Seq, Snapshot};
use keyward_verifier::protocol::StaleRow;

use crate::{
    names::{Change, KEY, Name, OTHER},
    scope::Scope,
};

/// A row of `node_lease`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Row {
    name: Name,
    counter: u8,
    applied: Seq,
    /// By the database's wall clock.
    renewed_at: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Database {
    /// The committed changes, by number.
    log: Vec<Event>,
    last_drawn: Seq,
    pub(crate) key_is_valid: bool,
    rows: Vec<Row>,
    /// How far the wall clock has jumped ahead.
    pub(crate) ahead: u8,
}

impl Database {
    pub(crate) fn new() -> Self {
        Self { log: Vec::new(), last_drawn: Seq::ZERO, key_is_valid: true, rows: Vec::new(), ahead: 0 }
    }

    /// The last committed event.
    pub(crate) fn head(&self) -> Seq {
        self.log.last().map_or(Seq::ZERO, |event| event.position.seq)
    }

    /// Takes a number for an event. With R1 in the commit, otherwise before it.
    pub(crate) fn draw(&mut self) -> Seq {
        self.last_drawn = self.last_drawn.next();
        self.last_drawn
    }

    /// Makes a change visible together with its event.
    pub(crate) fn commit(&mut self, seq: Seq, change: Change) {
        let (target, key_is_valid) = match change {
            Change::Restricts => (KEY, false),
            Change::Lifts => (KEY, true),
            Change::Elsewhere => (OTHER, self.key_is_valid),
        };
        self.key_is_valid = key_is_valid;
        self.log.push(Event { position: Position::unnamed(seq), target });
        self.log.sort_by_key(|event| event.position.seq);
    }

    /// The event that restricted the key, if that was not lifted since.
    pub(crate) fn restricted_by(&self) -> Option<Seq> {
        let last = self.log.iter().rfind(|event| event.target == KEY && !self.key_is_valid);
        last.map(|event| event.position.seq)
    }

    /// The first event after this one. Reading one at a time covers reading any number of them earlier.
    pub(crate) fn event_after(&self, seq: Seq) -> Option<Event> {
        self.log.iter().find(|event| event.position.seq > seq).copied()
    }

    /// Commits a join whose snapshot showed `head`.
    pub(crate) fn join(&mut self, name: Name, previous: Option<Name>, head: Seq, now: u8) {
        let renewed_at = now + self.ahead;
        self.rows.retain(|row| Some(row.name) != previous);
        self.rows.push(Row { name, counter: 0, applied: head, renewed_at });
        self.rows.sort_by_key(|row| (row.name.process, row.name.life));
    }

    /// Commits a renewal. Returns false if there is no row.
    pub(crate) fn renew(&mut self, name: Name, applied: Seq, now: u8, counted: bool) -> bool {
        let renewed_at = now + self.ahead;
        let Some(row) = self.rows.iter_mut().find(|row| row.name == name) else { return false };
        row.counter += u8::from(counted);
        row.applied = row.applied.max(applied);
        row.renewed_at = renewed_at;
        true
    }

    pub(crate) fn remove(&mut self, name: Name) {
        self.rows.retain(|row| row.name != name);
    }

    /// Removes a row if its counter is unchanged.
    pub(crate) fn reap(&mut self, stale: StaleRow) {
        self.rows.retain(|row| row.name.id() != stale.node || u64::from(row.counter) != stale.counter);
    }

    /// Number of renewals of this node id, if it has a row.
    pub(crate) fn renewals(&self, name: Name) -> Option<u8> {
        self.rows.iter().find(|row| row.name == name).map(|row| row.counter)
    }

    /// The event that this node id has acknowledged, if it has a row.
    pub(crate) fn acknowledged(&self, name: Name) -> Option<Seq> {
        self.rows.iter().find(|row| row.name == name).map(|row| row.applied)
    }

    /// Whether there is a row of an earlier node id of this process.
    pub(crate) fn has_older(&self, name: Name) -> bool {
        self.rows.iter().any(|row| row.name.process == name.process && row.name.life < name.life)
    }

    /// All rows, as the port returns them.
    pub(crate) fn members(&self, scope: &Scope, now: u8) -> Members {
        let ttl = scope.lease_time();
        let row = |row: &Row| Member {
            node: row.name.id(),
            counter: row.counter.into(),
            applied: row.applied,
            ttl,
            started_at: wall(0),
            renewed_at: wall(row.renewed_at),
            version: String::new(),
        };
        Members {
            rows: self.rows.iter().map(row).collect(),
            head: Snapshot::embedded(self.head()),
            is_marked: true,
            absent: Vec::new(),
            database_time: wall(now + self.ahead),
        }
    }
}

fn wall(ticks: u8) -> Timestamp {
    Timestamp::from_micros(ticks.into()).unwrap()
}
