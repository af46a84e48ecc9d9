//! The steps of the whole model: which are possible in a state, and their effects.

use crate::{
    call::{CallStep, Outcome, Phase},
    log,
    milestones::{Milestone, Seen},
    names::{Change, boot},
    node::NodeStep,
    scope::{Happening, Promise, Scope},
    world::{OldServer, World},
};

/// One step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Tick,
    /// The database is copied.
    Copy,
    /// The copy replaces the database.
    Restore,
    /// The server restarts.
    Restart,
    /// Something else is changed.
    Elsewhere,
    /// The restriction is lifted.
    Lift,
    /// An operator restricts the key by a manual statement: no call waits for it.
    OperatorRestricts,
    /// A step of the node at this index.
    Node(usize, NodeStep),
    /// A step of the call at this index.
    Call(usize, CallStep),
    ReaperLooks,
    ReaperTakesAway,
    /// A request arrives at the node at this index, and finds a valid lease.
    Arrive(usize),
    /// It is answered from memory.
    LookUp,
    /// It shares the read in progress. An own read that begins after its arrival is equivalent.
    Share,
}

/// The possible steps; none after a breach.
pub(crate) fn possible(scope: &Scope, world: &World, actions: &mut Vec<Action>) {
    if world.is_broken || world.is_dishonest || world.is_past_everything(scope) {
        return;
    }
    let mut push_if = |possible: bool, action| {
        if possible {
            actions.push(action);
        }
    };
    let (log, has_room) = (&world.database.log, world.database.log.len() < scope.events);
    push_if(world.now < scope.ticks, Action::Tick);
    if world.restores < scope.restores {
        push_if(world.copy.as_ref().is_none_or(|(history, _)| *history < world.restores), Action::Copy);
        push_if(world.copy.is_some(), Action::Restore);
    }
    push_if(scope.may(Happening::Restart) && !world.restarted, Action::Restart);
    push_if(has_room && world.others > 0, Action::Elsewhere);
    push_if(has_room && world.lifts > 0 && !log.key_is_valid(), Action::Lift);
    push_if(has_room && world.restricts > 0 && log.key_is_valid(), Action::OperatorRestricts);
    if scope.may(Happening::Reaping) {
        push_if(true, if world.stale.is_empty() { Action::ReaperLooks } else { Action::ReaperTakesAway });
    }
    let mut before_is_begun = true;
    for (at, call) in world.calls.iter().enumerate() {
        call.each_possible(scope, &world.database, world.now, |step| {
            let may_begin = before_is_begun && (has_room || !log.key_is_valid());
            push_if(step != CallStep::Begin || may_begin, Action::Call(at, step));
        });
        before_is_begun = call.phase != Phase::ToCome;
    }
    for (at, node) in world.nodes.iter().enumerate() {
        node.each_possible(scope, world.old, |step| actions.push(Action::Node(at, step)));
        if world.may_arrive(scope, node) {
            actions.push(Action::Arrive(at));
        }
    }
    if let Some(at) = world.request {
        let node = &world.nodes[usize::from(at)];
        if node.remembers() {
            actions.push(Action::LookUp);
        } else if node.shares_valid(scope, world.now) {
            actions.push(Action::Share);
        }
    }
}

/// The state after a step; none if it is unchanged.
pub(crate) fn after(scope: &Scope, seen: &Seen, before: &World, action: Action) -> Option<World> {
    let mut world = before.clone();
    world.take(scope, seen, action);
    if world == *before {
        return None;
    }
    seen.look_at(scope, &world);
    Some(world)
}

impl World {
    fn take(&mut self, scope: &Scope, seen: &Seen, action: Action) {
        let (now, history) = (self.now, self.restores);
        match action {
            Action::Tick => self.now += 1,
            Action::Copy => self.copy = Some((history, self.database.clone())),
            Action::Restore => self.restore(scope),
            Action::Restart => {
                self.restarted = true;
                self.begin_token();
            }
            Action::Elsewhere => {
                self.others -= 1;
                self.database.commit(Change::Elsewhere, history);
            }
            Action::Lift => {
                self.lifts -= 1;
                self.database.commit(Change::Lifts, history);
                self.release();
            }
            Action::OperatorRestricts => {
                self.restricts -= 1;
                self.database.commit(Change::Restricts, history);
            }
            Action::Node(at, step) => {
                self.nodes[at].take(step, &mut self.database, self.old, scope, now);
                if step == NodeStep::Crash {
                    self.request.take_if(|request| usize::from(*request) == at);
                }
            }
            Action::Call(at, step) => {
                let call = &mut self.calls[at];
                let is_excused = call.is_excused && !scope.lost_liftings_count;
                match call.take(step, &mut self.database, history, scope, now) {
                    Outcome::None => {}
                    Outcome::Answered { change, by } => {
                        seen.look_at_answer(scope, self, change, by);
                        if !is_excused {
                            self.promise(change);
                        }
                    }
                    Outcome::Dishonest => self.is_dishonest = true,
                    Outcome::Unknown => seen.add(Milestone::Unknown),
                }
            }
            Action::ReaperLooks => self.stale = self.reaper.look(&self.database.members(scope, []), boot(now)),
            Action::ReaperTakesAway => {
                if let Some(row) = self.stale.pop() {
                    self.database.reap(row);
                }
            }
            Action::Arrive(at) => self.request = u8::try_from(at).ok(),
            Action::LookUp | Action::Share => self.is_broken = true,
        }
    }

    /// Replaces the database by the copy.
    fn restore(&mut self, scope: &Scope) {
        let Some((_, copy)) = &self.copy else { return };
        let lost = std::mem::replace(&mut self.database, copy.clone());
        for call in &mut self.calls {
            if let Some(change) = call.change() {
                let from = self.database.log.len().max(log::number(change.seq));
                call.is_excused |= self.database.log.holds(change) && lost.log.is_lifted_after(from);
            }
        }
        self.restores += 1;
        self.database.token = lost.token;
        if !scope.token_stays {
            self.begin_token();
        }
        if scope.promise != Promise::AtOnce {
            self.restored_at = self.now;
        }
        if scope.may(Happening::OldReads) || scope.may(Happening::OldRenewals) {
            self.old = Some(OldServer::of(&lost));
        }
        if self.promised.is_some_and(|change| !self.database.log.holds(change)) {
            self.release();
        }
        if scope.promise == Promise::LeaseLaterForTheCopy && !self.database.log.key_is_valid() {
            (self.promised, self.request) = (Some(self.database.log.last_of_the_key()), None);
        }
        if self.restores == scope.restores {
            self.copy = None;
        }
    }

    /// Gives the server a new token.
    fn begin_token(&mut self) {
        self.tokens += 1;
        self.database.token = self.tokens;
    }
}
