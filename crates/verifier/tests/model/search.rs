//! One search: the checker, and its result.

use std::collections::BTreeSet;

use stateright::{Checker, HasDiscoveries, Model, Property};

use crate::{
    milestones::{self, Seen},
    promises::{self, NO_REQUEST_ACCEPTS},
    scope::Scope,
    steps::{self, Action},
    world::World,
};

/// The protocol as a model.
pub(crate) struct Protocol {
    pub(crate) scope: Scope,
    pub(crate) seen: Seen,
    /// Whether to search only for a breach of guarantee N.
    breach_only: bool,
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
        steps::after(&self.scope, before, action)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = promises::all();
        if self.breach_only {
            properties.truncate(1);
        } else {
            properties.extend(milestones::expected(self));
        }
        properties
    }
}

/// The result of a search.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Number of distinct states visited.
    pub(crate) states: usize,
    /// The longest path to one of them, in steps.
    pub(crate) depth: usize,
    /// Broken promises, each with the steps that led to it.
    pub(crate) broken: Vec<(&'static str, Vec<Action>)>,
    /// Expected milestones that did not occur.
    pub(crate) unseen: Vec<&'static str>,
}

/// Searches for the shortest path to a breach of guarantee N.
pub(crate) fn breach(scope: &Scope) -> Outcome {
    let protocol = Protocol { scope: scope.clone(), seen: Seen::default(), breach_only: true };
    let found = HasDiscoveries::AnyOf(BTreeSet::from([NO_REQUEST_ACCEPTS]));
    outcome(&protocol.checker().finish_when(found).spawn_bfs().join())
}

/// Visits every state of the scope, until a promise is broken.
pub(crate) fn exhaust(scope: &Scope) -> Outcome {
    let protocol = Protocol { scope: scope.clone(), seen: Seen::default(), breach_only: false };
    outcome(&protocol.checker().threads(2).finish_when(HasDiscoveries::AnyFailures).spawn_dfs().join())
}

fn outcome(checker: &impl Checker<Protocol>) -> Outcome {
    let mut found = checker.discoveries();
    let (mut broken, mut unseen) = (Vec::new(), Vec::new());
    for property in checker.model().properties() {
        let path = found.remove(property.name);
        if property.expectation.discovery_is_failure() {
            broken.extend(path.map(|path| (property.name, path.into_actions())));
        } else if path.is_none() {
            unseen.push(property.name);
        }
    }
    Outcome { states: checker.unique_state_count(), depth: checker.max_depth(), broken, unseen }
}
