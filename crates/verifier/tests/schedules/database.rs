//! The database as one process sees it: the change, the events, its own row. Each call is one statement.

use keyward_storage::{Event, Position, Read, Seq, Snapshot};
use keyward_verifier::Credential;
use shuttle::sync::{Mutex, MutexGuard};

use crate::content::{Key, Restriction, credential};

/// The process's row; its node id changes with every join.
#[derive(Clone, Copy, Debug)]
struct Row {
    name: u32,
    applied: Seq,
}

#[derive(Debug, Default)]
struct State {
    restricted: Option<Restriction>,
    log: Vec<Event>,
    row: Option<Row>,
}

#[derive(Debug, Default)]
pub(crate) struct Database(Mutex<State>);

impl Database {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// The number of the last event.
    pub(crate) fn head(&self) -> Seq {
        self.state().head()
    }

    /// Makes the change and writes the event, in one commit.
    pub(crate) fn restrict(&self, restriction: Restriction) -> Seq {
        let mut state = self.state();
        let seq = state.head().next();
        state.restricted = Some(restriction);
        state.log.push(Event { position: Position::unnamed(seq), target: restriction.target() });
        seq
    }

    pub(crate) fn read(&self, key: Key) -> Read<Credential> {
        let state = self.state();
        Read { value: credential(key, state.restricted), as_of: Snapshot::embedded(state.head()) }
    }

    pub(crate) fn events_after(&self, seq: Seq) -> Vec<Event> {
        self.state().log.iter().filter(|event| event.position.seq > seq).copied().collect()
    }

    /// Commits a join whose snapshot showed `head`, and removes the earlier row.
    pub(crate) fn join(&self, name: u32, head: Seq) {
        self.state().row = Some(Row { name, applied: head });
    }

    /// Renews; none if there is no row with this node id.
    pub(crate) fn renew(&self, name: u32, applied: Seq) -> Option<Seq> {
        let mut state = self.state();
        let head = state.head();
        let row = state.row.as_mut().filter(|row| row.name == name)?;
        row.applied = row.applied.max(applied);
        Some(head)
    }

    pub(crate) fn remove_row(&self) {
        self.state().row = None;
    }

    /// The node id of the only row, if there is one.
    pub(crate) fn member(&self) -> Option<u32> {
        self.state().row.map(|row| row.name)
    }

    /// Whether a call that listed this node id no longer waits for it.
    pub(crate) fn is_acknowledged(&self, name: u32, seq: Seq) -> bool {
        self.state().row.is_none_or(|row| row.name != name || row.applied >= seq)
    }
}

impl State {
    fn head(&self) -> Seq {
        self.log.last().map_or(Seq::ZERO, |event| event.position.seq)
    }
}
