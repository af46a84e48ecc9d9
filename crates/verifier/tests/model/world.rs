//! The state of a search: everything that can change.

use std::time::Duration;

use keyward_storage::Seq;
use keyward_verifier::protocol::{Reaper, StaleRow};

use crate::{call::Call, database::Database, names::Name, node::Node, request::Lookup, scope::Scope};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct World {
    /// Ticks.
    pub(crate) now: u8,
    pub(crate) database: Database,
    pub(crate) nodes: Vec<Node>,
    pub(crate) call: Call,
    pub(crate) repeated: bool,
    pub(crate) other: Other,
    pub(crate) reaper: Reaper,
    /// The row that the reaper is about to remove.
    pub(crate) stale: Vec<StaleRow>,
    pub(crate) request: Option<Lookup>,
    /// Whether a request that arrived after the answer got "valid".
    pub(crate) broken: bool,
}

/// The change of another client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Other {
    ToCome,
    /// Without R1: it has a number and is not committed.
    Drawn(Seq),
    Committed,
}

impl World {
    pub(crate) fn new(scope: &Scope) -> Self {
        Self {
            now: 0,
            database: Database::new(),
            nodes: (0..scope.nodes).map(|process| Node::started(scope, Name { process, life: 0 })).collect(),
            call: Call::begun(scope),
            repeated: false,
            other: Other::ToCome,
            reaper: Reaper::new(scope.rules, Duration::ZERO),
            stale: Vec::new(),
            request: None,
            broken: false,
        }
    }
}
