//! One search: the checker, and its result.

use std::collections::BTreeSet;

use stateright::{Checker, HasDiscoveries, Model, Property};

use crate::{
    milestones::{Milestone, Seen},
    scope::Scope,
    steps::{self, Action},
    world::World,
};

/// The promise (guarantee N).
pub(crate) const NO_REQUEST_ACCEPTS: &str = "no request that arrives after the answer gets \"valid\"";
/// Rule R18c.
pub(crate) const HONEST: &str = "no call is answered by a list that does not show its change";

/// The other purpose of rule R18a: a node that waits for events of a lost history never settles in the new one.
pub(crate) const SETTLES: &str = "a node waits only for events that the history of its lease has";

/// The protocol on a database that goes back, as a model.
pub(crate) struct Protocol {
    pub(crate) scope: Scope,
    pub(crate) seen: Seen,
}

impl Model for Protocol {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(&self.scope)]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        steps::possible(&self.scope, world, actions);
    }

    fn next_state(&self, before: &World, action: Action) -> Option<World> {
        steps::after(&self.scope, &self.seen, before, action)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(NO_REQUEST_ACCEPTS, |_, world: &World| !world.is_broken),
            Property::always(HONEST, |_, world: &World| !world.is_dishonest),
            Property::always(SETTLES, |protocol: &Self, world: &World| {
                protocol.scope.token_stays || world.nodes.iter().all(|node| node.settles(&world.database))
            }),
        ]
    }
}

/// The result of a search.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Number of distinct states visited.
    pub(crate) states: usize,
    /// The longest path to one of them, in steps.
    pub(crate) depth: usize,
    /// Broken promises, with the steps that led to them.
    pub(crate) broken: Vec<(&'static str, Vec<Action>)>,
    /// The milestones that occurred.
    pub(crate) seen: Vec<Milestone>,
}

/// Searches for a short path to a breach of this promise, breadth first.
pub(crate) fn breach(scope: &Scope, promise: &'static str) -> Outcome {
    let found = HasDiscoveries::AnyOf(BTreeSet::from([promise]));
    outcome(&protocol(scope).checker().threads(2).finish_when(found).spawn_bfs().join())
}

/// Visits every state of the scope, until a promise is broken.
pub(crate) fn exhaust(scope: &Scope) -> Outcome {
    outcome(&protocol(scope).checker().threads(2).finish_when(HasDiscoveries::AnyFailures).spawn_dfs().join())
}

fn protocol(scope: &Scope) -> Protocol {
    Protocol { scope: scope.clone(), seen: Seen::default() }
}

fn outcome(checker: &impl Checker<Protocol>) -> Outcome {
    let found = checker.discoveries().into_iter().map(|(promise, path)| (promise, path.into_actions()));
    Outcome {
        states: checker.unique_state_count(),
        depth: checker.max_depth(),
        broken: found.collect(),
        seen: checker.model().seen.all(),
    }
}
