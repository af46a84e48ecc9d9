//! The steps of one node, and their preconditions.

use super::{Control, Fill, Node};
use crate::{
    database::Database,
    scope::{Happening, Scope},
    world::OldServer,
};

/// A step of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NodeStep {
    /// A join or a renewal is sent.
    Ask,
    /// The database executes it.
    CarryOut,
    /// The old server confirms a renewal.
    OldConfirms,
    /// The reply is received.
    Reply,
    /// The message or its reply is lost.
    GiveUp,
    /// An aborted message takes effect.
    CarryOutLate,
    /// The next event is read and applied.
    CatchUp,
    /// The next event is read, and applied when the reply is received.
    ReadEvents,
    /// The key is read; the result arrives when it is kept or shared.
    Read,
    /// The key is read from the old server.
    OldIsRead,
    Keep,
    Crash,
}

impl Node {
    /// Adds the possible steps, without most of those that change nothing.
    pub(crate) fn each_possible(&self, scope: &Scope, old: Option<OldServer>, mut push: impl FnMut(NodeStep)) {
        let mut push_if = |possible: bool, step| {
            if possible {
                push(step);
            }
        };
        let is_member = self.lease.is_member();
        let has_numbers = scope.renewals.is_none_or(|most| !is_member || self.drawn < most);
        match self.control {
            Control::Idle => push_if((is_member || self.name.life < scope.names) && has_numbers, NodeStep::Ask),
            Control::Joining { .. } => push_if(true, NodeStep::CarryOut),
            Control::Renewing(_) => {
                push_if(true, NodeStep::CarryOut);
                push_if(scope.may(Happening::OldRenewals) && old.is_some(), NodeStep::OldConfirms);
            }
            Control::Joined { .. } | Control::Renewed { .. } | Control::Events(_) => push_if(true, NodeStep::Reply),
        }
        let (is_idle, delayed) = (self.control == Control::Idle, scope.may(Happening::DelayedEvents));
        let is_lossy = scope.may(Happening::Loss) && !is_idle;
        push_if(is_lossy && (is_member || self.name.life + 1 < scope.names), NodeStep::GiveUp);
        push_if(self.abandoned.is_some(), NodeStep::CarryOutLate);
        push_if(is_member && !delayed && is_idle, NodeStep::CatchUp);
        push_if(is_member && delayed && is_idle, NodeStep::ReadEvents);
        match self.fill {
            // A read outside a membership is neither kept nor shared (R6; covered by the target `model`).
            Fill::None => {
                let may_read = is_member && !self.remembers();
                push_if(may_read, NodeStep::Read);
                push_if(may_read && scope.may(Happening::OldReads) && old.is_some(), NodeStep::OldIsRead);
            }
            Fill::Read { .. } => push_if(true, NodeStep::Keep),
        }
        push_if(scope.may(Happening::Crash) && self.name.life + 1 < scope.names, NodeStep::Crash);
    }

    /// Takes a step.
    pub(crate) fn take(
        &mut self,
        step: NodeStep,
        database: &mut Database,
        old: Option<OldServer>,
        scope: &Scope,
        now: u8,
    ) {
        match step {
            NodeStep::Ask => self.ask(scope, now),
            NodeStep::CarryOut => self.carry_out(database, scope),
            NodeStep::OldConfirms => self.is_confirmed_by(old.unwrap().shows()),
            NodeStep::Reply => self.hear_reply(scope, now),
            NodeStep::GiveUp => self.give_up(scope),
            NodeStep::CarryOutLate => self.carry_out_late(database, scope),
            NodeStep::CatchUp => self.apply(&self.read_events(database), scope),
            NodeStep::ReadEvents => self.control = Control::Events(self.read_events(database)),
            NodeStep::Read => self.read(&database.log, database.history(), scope, now),
            NodeStep::OldIsRead => {
                let old = old.unwrap();
                self.read(&old.log, old.shows().token, scope, now);
            }
            NodeStep::Keep => self.keep(),
            NodeStep::Crash => self.crash(scope),
        }
    }
}
