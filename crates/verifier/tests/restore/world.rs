//! The state of a search: everything that can change.

use std::time::Duration;

use keyward_storage::{Position, Snapshot};
use keyward_verifier::protocol::{Reaper, StaleRow};

use crate::{
    call::Call,
    database::Database,
    log::{self, Log},
    names::Name,
    node::Node,
    scope::{Promise, Scope},
};

/// The server from before a restore, which was left running.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct OldServer {
    pub(crate) log: Log,
    token: u8,
}

impl OldServer {
    pub(crate) const fn of(database: &Database) -> Self {
        Self { log: database.log, token: database.token }
    }

    pub(crate) fn shows(&self) -> Snapshot {
        Snapshot { position: self.log.head(), token: log::token(self.token) }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct World {
    /// Ticks.
    pub(crate) now: u8,
    pub(crate) database: Database,
    /// The copy, and the history in which it was made.
    pub(crate) copy: Option<(u8, Database)>,
    /// Number of restores, which is the number of the current history.
    pub(crate) restores: u8,
    /// Time of the last restore, if it matters.
    pub(crate) restored_at: u8,
    pub(crate) restarted: bool,
    /// Number of earlier tokens.
    pub(crate) tokens: u8,
    pub(crate) old: Option<OldServer>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) calls: Vec<Call>,
    /// Remaining changes.
    pub(crate) others: u8,
    pub(crate) lifts: u8,
    pub(crate) restricts: u8,
    pub(crate) reaper: Reaper,
    /// The row that the reaper is about to remove.
    pub(crate) stale: Vec<StaleRow>,
    /// The change that an answered call reported as enforced, and that still exists: no node may accept the key.
    pub(crate) promised: Option<Position>,
    /// The node whose lease a later request found valid.
    pub(crate) request: Option<u8>,
    /// Whether that request got "valid".
    pub(crate) is_broken: bool,
    /// Whether a call was answered by a list that does not show its change.
    pub(crate) is_dishonest: bool,
}

impl World {
    pub(crate) fn new(scope: &Scope) -> Self {
        Self {
            now: 0,
            database: Database::new(),
            copy: None,
            restores: 0,
            restored_at: 0,
            restarted: false,
            tokens: 0,
            old: None,
            nodes: (0..scope.nodes).map(|process| Node::started(scope, Name { process, life: 0 })).collect(),
            calls: (0..scope.calls).map(|at| Call::of_a_process(scope, at == 1 && scope.second_is_fresh)).collect(),
            others: scope.others,
            lifts: scope.lifts,
            restricts: scope.restricts,
            reaper: Reaper::new(scope.rules, Duration::ZERO),
            stale: Vec::new(),
            promised: None,
            request: None,
            is_broken: false,
            is_dishonest: false,
        }
    }

    /// Whether a request that arrives at this node now finds a valid lease, and the promise applies to it.
    pub(crate) fn may_arrive(&self, scope: &Scope, node: &Node) -> bool {
        let is_exempt =
            scope.promise != Promise::AtOnce && self.restores > 0 && self.now < self.restored_at + scope.ttl;
        self.promised.is_some() && self.request.is_none() && !is_exempt && node.has_lease(scope, self.now)
    }

    /// Whether no promise can be broken any more: every call has ended, and no promised change exists.
    pub(crate) fn is_past_everything(&self, scope: &Scope) -> bool {
        let may_be_promised = scope.promise == Promise::LeaseLaterForTheCopy && self.restores < scope.restores;
        self.promised.is_none() && !may_be_promised && self.calls.iter().all(Call::is_over)
    }

    /// Ends the promise of earlier answers: the restriction was lifted, or their change is lost.
    pub(crate) fn release(&mut self) {
        (self.promised, self.request) = (None, None);
    }

    /// Records that a call reported this change as enforced.
    pub(crate) fn promise(&mut self, change: Position) {
        if self.database.log.stands(change) {
            self.promised = Some(change);
        }
    }
}
