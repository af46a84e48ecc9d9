//! A request that arrived at a node after the restricting change was answered, one step of the core's request at a
//! time.

use keyward_storage::Snapshot;
use keyward_verifier::protocol::{Request, Rules, Step};

use crate::{
    database::Database,
    names::boot,
    node::{Fill, Node},
    scope::Scope,
};

/// A step of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestStep {
    CheckLease,
    LookUp,
    /// It shares the read in progress. An own read would begin after its arrival; a shared read that began then is
    /// equivalent.
    Share,
    ReadAlone,
    Answer,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Lookup {
    /// The index of the node.
    pub(crate) at: usize,
    /// Its progress towards the answer whether the key is valid.
    request: Request<bool>,
}

impl Lookup {
    pub(crate) fn arrived(rules: Rules, at: usize) -> Self {
        Self { at, request: Request::arrived(rules) }
    }

    /// Whether the lease was found valid.
    pub(crate) fn may_look_up(&self) -> bool {
        self.request.next() == Step::LookUp
    }

    /// The possible step.
    pub(crate) fn possible(&self, nodes: &[Node]) -> Option<RequestStep> {
        match self.request.next() {
            Step::CheckLease => Some(RequestStep::CheckLease),
            Step::LookUp => Some(RequestStep::LookUp),
            Step::Read => matches!(nodes[self.at].fill, Fill::Read { .. }).then_some(RequestStep::Share),
            Step::ReadAlone => Some(RequestStep::ReadAlone),
            Step::Answer => Some(RequestStep::Answer),
        }
    }

    /// Takes a step. Returns the answer, once there is one.
    pub(crate) fn take(
        &mut self,
        step: RequestStep,
        nodes: &[Node],
        database: &Database,
        scope: &Scope,
        now: u8,
    ) -> Option<bool> {
        let (node, request) = (&nodes[self.at], &mut self.request);
        match step {
            RequestStep::CheckLease => request.lease(node.term().holds(&scope.rules, boot(now))),
            RequestStep::LookUp => request.looked_up(node.remembers().then_some(true)),
            RequestStep::Share => {
                if let Fill::Read { ticket, valid, as_of } = node.fill {
                    request.read(valid, node.shard.vouches_for(ticket, Snapshot::embedded(as_of), true));
                }
            }
            RequestStep::ReadAlone => request.read_alone(database.key_is_valid),
            RequestStep::Answer => return request.clone().into_answer(),
        }
        None
    }
}
