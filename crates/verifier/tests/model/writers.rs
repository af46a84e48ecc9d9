//! Model checking of R19: a key's authority is checked at the commit. No order of steps commits a change of the key
//! after the event that ended it, nor delays that event for a node or for later transactions.
//!
//! Two writers with one key repeat changes, and one call ends the key, at one database, which acts like the statements
//! of the storage crates: a snapshot, a lock and a commit at a time. Each writer was judged by its node before. Its
//! node may stall for any time wherever the database waits for it. Leases and the memory of nodes do not matter here.

use std::collections::BTreeSet;

use keyward_verifier::protocol::Rules;
use stateright::{Checker, HasDiscoveries, Model, Property};

/// Lease time in ticks.
const LEASE: u8 = 2;
/// Maximum time in ticks.
const TICKS: u8 = 5;

/// A change by the key's authority that is not visible yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Writer {
    /// Judged by its node, at some time before the key was ended.
    Judged,
    /// Its statement ran; the database waits for the node.
    Written,
    /// The key was checked: whether it is unchanged since it was judged.
    Looked { stands: bool },
    /// It waits for the key's lock.
    Waiting { stands: Option<bool> },
    /// It has the lock, since this tick.
    Locked { stands: Option<bool>, since: u8 },
}

/// The call that ends the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Ending {
    Begun,
    /// It waits for the key's lock.
    Waiting,
    Locked,
    Committed,
    /// From now on no further change may become visible.
    Answered,
}

/// A step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Tick,
    Write(usize),
    Look(usize),
    AskForLock(usize),
    Lock(usize),
    Commit(usize),
    EndAsksForLock,
    EndLocks,
    EndCommits,
    Answer,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "each is a condition that a search checks")]
struct World {
    now: u8,
    writers: [Writer; 2],
    ending: Ending,
    /// A change became visible after the answer.
    late: bool,
    /// The call waited for a lock that a node held for a lease time.
    held_up: bool,
    /// A transaction that requested the lock after the call got it first.
    overtaken: bool,
    /// A change was committed, and a change was refused: a search must reach both.
    committed: bool,
    refused: bool,
}

const NOTHING_LATER: &str = "nothing that the key authorised becomes visible after the answer";
const NOT_HELD_UP: &str = "no stalled node delays the call for a lease time";
const NOT_OVERTAKEN: &str = "no later transaction delays the call";

struct Database(Rules);

impl Database {
    /// The writer's next action after its statement.
    fn after_writing(&self, at: usize) -> Step {
        if self.0.callers_are_locked_before_looked_at { Step::AskForLock(at) } else { Step::Look(at) }
    }

    fn of_writer(&self, world: &World, at: usize) -> Option<Step> {
        let looks = self.0.callers_are_looked_at_where_committed;
        match world.writers[at] {
            Writer::Judged => Some(Step::Write(at)),
            Writer::Written => Some(self.after_writing(at)),
            Writer::Looked { .. } => Some(Step::AskForLock(at)),
            Writer::Waiting { .. } => {
                let is_free = !matches!(world.ending, Ending::Locked);
                let is_behind = self.0.callers_locks_queue && world.ending == Ending::Waiting;
                (is_free && !is_behind).then_some(Step::Lock(at))
            }
            Writer::Locked { stands: None, .. } if looks => Some(Step::Look(at)),
            Writer::Locked { .. } => Some(Step::Commit(at)),
        }
    }

    fn of_ending(world: &World) -> Option<Step> {
        let is_free = !world.writers.iter().any(|writer| matches!(writer, Writer::Locked { .. }));
        match world.ending {
            Ending::Begun => Some(Step::EndAsksForLock),
            Ending::Waiting => is_free.then_some(Step::EndLocks),
            Ending::Locked => Some(Step::EndCommits),
            Ending::Committed => Some(Step::Answer),
            Ending::Answered => None,
        }
    }
}

impl World {
    /// Whether a statement that begins now finds the key unchanged since it was judged.
    fn stands(&self) -> bool {
        !matches!(self.ending, Ending::Committed | Ending::Answered)
    }

    fn take(&mut self, rules: &Rules, step: Step) {
        match step {
            Step::Tick => self.tick(rules),
            Step::Write(at) => self.writers[at] = Writer::Written,
            Step::Look(at) => {
                let stands = self.stands();
                self.writers[at] = if let Writer::Locked { since, .. } = self.writers[at] {
                    Writer::Locked { stands: Some(stands), since }
                } else {
                    Writer::Looked { stands }
                };
            }
            Step::AskForLock(at) => {
                let stands = if let Writer::Looked { stands } = self.writers[at] { Some(stands) } else { None };
                self.writers[at] = Writer::Waiting { stands };
            }
            Step::Lock(at) => {
                let Writer::Waiting { stands } = self.writers[at] else { unreachable!("it waits") };
                self.overtaken |= self.ending == Ending::Waiting;
                self.writers[at] = Writer::Locked { stands, since: self.now };
            }
            Step::Commit(at) => {
                let Writer::Locked { stands, .. } = self.writers[at] else { unreachable!("it has the lock") };
                if stands == Some(false) && rules.callers_are_looked_at_where_committed {
                    self.refused = true;
                } else {
                    self.late |= self.ending == Ending::Answered;
                    self.committed = true;
                }
                // The next change of a flood, by a node that does not know of the end yet.
                self.writers[at] = Writer::Judged;
            }
            Step::EndAsksForLock => self.ending = Ending::Waiting,
            Step::EndLocks => self.ending = Ending::Locked,
            Step::EndCommits => self.ending = Ending::Committed,
            Step::Answer => self.ending = Ending::Answered,
        }
    }

    /// Time passes. Lock, check and commit are one message, which the server completes or aborts in less than a lease
    /// time; otherwise they wait for the node as long as it stalls.
    fn tick(&mut self, rules: &Rules) {
        self.now += 1;
        for writer in &mut self.writers {
            let Writer::Locked { since, .. } = *writer else { continue };
            if rules.callers_locks_end_before_the_lease {
                *writer = Writer::Judged;
            } else {
                self.held_up |= self.ending == Ending::Waiting && self.now - since >= LEASE;
            }
        }
    }
}

impl Model for Database {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        vec![World {
            now: 0,
            writers: [Writer::Judged; 2],
            ending: Ending::Begun,
            late: false,
            held_up: false,
            overtaken: false,
            committed: false,
            refused: false,
        }]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Step>) {
        if world.now < TICKS {
            actions.push(Step::Tick);
        }
        actions.extend((0..world.writers.len()).filter_map(|at| self.of_writer(world, at)));
        actions.extend(Self::of_ending(world));
    }

    fn next_state(&self, before: &World, step: Step) -> Option<World> {
        let mut world = before.clone();
        world.take(&self.0, step);
        Some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(NOTHING_LATER, |_, world: &World| !world.late),
            Property::always(NOT_HELD_UP, |_, world: &World| !world.held_up),
            Property::always(NOT_OVERTAKEN, |_, world: &World| !world.overtaken),
            Property::sometimes("a change is committed before the key is ended", |_, world: &World| {
                world.committed && world.ending != Ending::Answered
            }),
            Property::sometimes("a change is refused", |_, world: &World| world.refused),
            Property::sometimes("the call waits for a commit under way", |_, world: &World| {
                world.ending == Ending::Waiting
                    && world.writers.iter().any(|writer| matches!(writer, Writer::Locked { .. }))
            }),
            Property::sometimes("the call is answered", |_, world: &World| world.ending == Ending::Answered),
        ]
    }
}

#[test]
fn a_change_by_a_key_is_committed_before_its_end_or_not_at_all() {
    let checker = Database(Rules::ALL).checker().finish_when(HasDiscoveries::AnyFailures).spawn_dfs().join();
    let found = checker.discoveries();
    for property in checker.model().properties() {
        let is_failure = property.expectation.discovery_is_failure();
        let path = found.get(property.name).cloned();
        assert_eq!(path.is_none(), is_failure, "{}: {path:#?}", property.name);
    }
    println!("{} states", checker.unique_state_count());
    assert!(checker.unique_state_count() > 500, "the search became smaller");
}

/// Each part of R19 turned off, and the promise that is broken without it.
pub(crate) static MUTANTS: [(&str, Rules, &str); 4] = [
    (
        "R19: only its node checks a caller",
        Rules { callers_are_looked_at_where_committed: false, ..Rules::ALL },
        NOTHING_LATER,
    ),
    (
        "R19: the statement that checks a caller may begin before the lock",
        Rules { callers_are_locked_before_looked_at: false, ..Rules::ALL },
        NOTHING_LATER,
    ),
    (
        "R19: a lock waits for a stalled node",
        Rules { callers_locks_end_before_the_lease: false, ..Rules::ALL },
        NOT_HELD_UP,
    ),
    (
        "R19: later transactions may get the lock first, as with row locks",
        Rules { callers_locks_queue: false, ..Rules::ALL },
        NOT_OVERTAKEN,
    ),
];

#[test]
fn without_any_part_of_the_rule_a_promise_breaks() {
    for (name, rules, promise) in MUTANTS {
        let found = HasDiscoveries::AnyOf(BTreeSet::from([promise]));
        let checker = Database(rules).checker().finish_when(found).spawn_bfs().join();
        let steps = checker.discoveries().remove(promise).map(stateright::Path::into_actions);
        println!("{name}: {:?} steps, after {} states", steps.as_ref().map(Vec::len), checker.unique_state_count());
        println!("    {steps:?}");
        assert!(steps.is_some(), "no breach was found: {name}");
    }
}
