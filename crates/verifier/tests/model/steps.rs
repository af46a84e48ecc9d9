//! The steps of the whole model: which are possible in a state, and their effects.

use crate::{
    call::{Call, CallStep},
    names::{Change, boot},
    node::NodeStep,
    request::{Lookup, RequestStep},
    scope::{Happening, Scope},
    world::{Other, World},
};

/// One step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Tick,
    DatabaseClockJumps,
    /// A step of the node at this index.
    Node(usize, NodeStep),
    Call(CallStep),
    OtherDraws,
    OtherCommits,
    ReaperLooks,
    ReaperTakesAway,
    /// A request arrives at the node at this index.
    Arrive(usize),
    Request(RequestStep),
}

/// The possible steps; none after a broken promise.
pub(crate) fn possible(scope: &Scope, world: &World, actions: &mut Vec<Action>) {
    if world.broken {
        return;
    }
    if world.now < scope.ticks {
        actions.push(Action::Tick);
    }
    if scope.may(Happening::ClockJump) && world.database.ahead == 0 {
        actions.push(Action::DatabaseClockJumps);
    }
    for (at, node) in world.nodes.iter().enumerate() {
        node.each_possible(scope, &world.database, |step| actions.push(Action::Node(at, step)));
    }
    actions.extend(world.call.possible(scope, world.repeated).map(Action::Call));
    if scope.may(Happening::SecondChange) || scope.may(Happening::Lifting) {
        match world.other {
            Other::ToCome if !scope.rules.numbers_in_commit_order => actions.push(Action::OtherDraws),
            Other::ToCome | Other::Drawn(_) => actions.push(Action::OtherCommits),
            Other::Committed => {}
        }
    }
    if scope.may(Happening::Reaping) {
        actions.push(if world.stale.is_empty() { Action::ReaperLooks } else { Action::ReaperTakesAway });
    }
    match &world.request {
        Some(request) => actions.extend(request.possible(&world.nodes).map(Action::Request)),
        None if world.call == Call::Answered => actions.extend((0..world.nodes.len()).map(Action::Arrive)),
        None => {}
    }
}

/// The state after a step; none if it is unchanged.
pub(crate) fn after(scope: &Scope, before: &World, action: Action) -> Option<World> {
    let mut world = before.clone();
    world.take(scope, action);
    (world != *before).then_some(world)
}

impl World {
    fn take(&mut self, scope: &Scope, action: Action) {
        let Self { now, database, .. } = self;
        let now = *now;
        match action {
            Action::Tick => self.now += 1,
            Action::DatabaseClockJumps => database.ahead = 2 * scope.ttl,
            Action::Node(at, step) => {
                self.nodes[at].take(step, database, scope, now);
                if step == NodeStep::Crash {
                    self.request.take_if(|request| request.at == at);
                }
            }
            Action::Call(step) => {
                self.repeated |= step == CallStep::Repeat;
                self.call.take(step, database, scope, now);
            }
            Action::OtherDraws => self.other = Other::Drawn(database.draw()),
            Action::OtherCommits => {
                let seq = if let Other::Drawn(seq) = self.other { seq } else { database.draw() };
                let lifts = scope.may(Happening::Lifting);
                database.commit(seq, if lifts { Change::Lifts } else { Change::Elsewhere });
                self.other = Other::Committed;
            }
            Action::ReaperLooks => self.stale = self.reaper.look(&database.members(scope, now), boot(now)),
            Action::ReaperTakesAway => {
                if let Some(row) = self.stale.pop() {
                    database.reap(row);
                }
            }
            Action::Arrive(at) => self.request = Some(Lookup::arrived(scope.rules, at)),
            Action::Request(step) => {
                if let Some(request) = &mut self.request
                    && let Some(valid) = request.take(step, &self.nodes, database, scope, now)
                {
                    // A request that runs while the restriction is lifted may get either answer.
                    self.broken = valid && !database.key_is_valid;
                    self.request = None;
                }
            }
        }
    }
}
