//! The steps of one node, and their preconditions.

use keyward_storage::Seq;

use super::{Control, Fill, Node};
use crate::{
    database::Database,
    names::boot,
    scope::{Happening, Scope},
};

/// More events than ever exist.
const NOT_THERE: Seq = Seq::new(9);

/// A step of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NodeStep {
    /// A join or a renewal is sent.
    Ask,
    /// Its statement takes its snapshot.
    Snapshot,
    Commit,
    /// The reply is received.
    Reply,
    /// The message or its reply is lost.
    GiveUp,
    /// An aborted message takes effect.
    CarryOutLate,
    /// A notification names the last event.
    Hint,
    /// A notification names an event that does not exist here.
    FalseHint,
    CatchUp,
    /// The timer at the end of the lease fires, if there is one.
    Ring,
    BeginRead,
    Read,
    Keep,
    Leave,
    Crash,
}

impl Node {
    /// Adds the possible steps, without most of those that change nothing.
    pub(crate) fn each_possible(&self, scope: &Scope, database: &Database, mut push: impl FnMut(NodeStep)) {
        let mut push_if = |possible: bool, step| {
            if possible {
                push(step);
            }
        };
        let within = |message: super::Message| message.is_within(scope, database);
        match self.control {
            Control::Idle => push_if(self.lease.is_member() || self.name.life < scope.names, NodeStep::Ask),
            Control::Sent(_) => push_if(true, NodeStep::Snapshot),
            Control::Seen(message, _) => push_if(within(message), NodeStep::Commit),
            Control::Done(..) => push_if(true, NodeStep::Reply),
        }
        push_if(scope.may(Happening::Loss) && self.control != Control::Idle, NodeStep::GiveUp);
        push_if(self.abandoned.is_some_and(within), NodeStep::CarryOutLate);
        push_if(scope.may(Happening::Hint) && self.lease.seen() < database.head(), NodeStep::Hint);
        push_if(scope.may(Happening::FalseHint) && self.lease.seen() < NOT_THERE, NodeStep::FalseHint);
        if self.lease.is_member() {
            push_if(self.lease.applied().seq < database.head(), NodeStep::CatchUp);
            push_if(!scope.rules.clock_in_each_request, NodeStep::Ring);
            push_if(scope.may(Happening::Leave), NodeStep::Leave);
        }
        match self.fill {
            Fill::None => push_if(!self.remembers(), NodeStep::BeginRead),
            Fill::Begun(_) => push_if(true, NodeStep::Read),
            Fill::Read { .. } => push_if(true, NodeStep::Keep),
        }
        push_if(scope.may(Happening::Crash) && self.name.life + 1 < scope.names, NodeStep::Crash);
    }

    /// Takes a step.
    pub(crate) fn take(&mut self, step: NodeStep, database: &mut Database, scope: &Scope, now: u8) {
        match step {
            NodeStep::Ask => self.ask(now),
            NodeStep::Snapshot => self.take_snapshot(database),
            NodeStep::Commit => self.commit(database, scope, now),
            NodeStep::Reply => self.hear_reply(now),
            NodeStep::GiveUp => self.give_up(scope),
            NodeStep::CarryOutLate => self.carry_out_late(database, scope, now),
            NodeStep::Hint => self.lease.see(database.head()),
            NodeStep::FalseHint => self.lease.see(NOT_THERE),
            NodeStep::CatchUp => self.catch_up(database),
            NodeStep::Ring => self.lease.ring(boot(now)),
            NodeStep::BeginRead => self.begin_read(),
            NodeStep::Read => self.read(database),
            NodeStep::Keep => self.keep(),
            NodeStep::Leave => self.leave(scope, now),
            NodeStep::Crash => self.crash(scope),
        }
    }
}
