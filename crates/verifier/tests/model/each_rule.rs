//! Each rule is needed: without it some order of steps breaks the promise, and the search finds one.

use std::collections::BTreeSet;

use keyward_verifier::protocol::Rules;

use crate::{
    scope::{
        Happening::{self, ClockJump, Reaping, Repeat, SecondChange},
        Scope,
    },
    search::breach,
    writers,
};

/// The protocol with something turned off.
struct Mutant {
    name: &'static str,
    rules: Rules,
    /// What must be possible for the breach to occur.
    may: &'static [Happening],
}

const fn mutant(name: &'static str, rules: Rules, may: &'static [Happening]) -> Mutant {
    Mutant { name, rules, may }
}

const ON: Rules = Rules::ALL;

const MUTANTS: &[Mutant] = &[
    mutant("control: memory without any lease", Rules { lease_is_checked: false, ..ON }, &[]),
    mutant(
        "R1: numbers are assigned before the commit",
        Rules { numbers_in_commit_order: false, ..ON },
        &[SecondChange],
    ),
    mutant("R2: a renewal counts before the node has caught up", Rules { caught_up_before_renewed: false, ..ON }, &[]),
    mutant("R2: events that were only seen are acknowledged", Rules { purged_before_acknowledged: false, ..ON }, &[]),
    mutant("R3: a lease counts from the reply", Rules { lease_from_sending: false, ..ON }, &[]),
    mutant("R3: a timer ends the lease", Rules { clock_in_each_request: false, ..ON }, &[]),
    mutant("R3: the lease is checked after the look-up", Rules { lease_before_look_up: false, ..ON }, &[]),
    mutant("R4: every read is kept", Rules { fills_are_guarded: false, ..ON }, &[]),
    mutant("R5: every read in progress is shared", Rules { shared_reads_are_guarded: false, ..ON }, &[]),
    mutant("R6: reads from before the join are kept", Rules { fills_belong_to_a_membership: false, ..ON }, &[]),
    mutant(
        "R6: reads from before the join are kept, and memory outlives it",
        Rules { fills_belong_to_a_membership: false, joining_empties: false, ..ON },
        &[],
    ),
    mutant("R6: memory outlives a membership", Rules { joining_empties: false, ..ON }, &[Reaping]),
    mutant("R7: the database's clock ends the wait", Rules { revoker_trusts_its_own_clock: false, ..ON }, &[ClockJump]),
    mutant("R8: the members are listed before the commit", Rules { members_after_commit: false, ..ON }, &[]),
    mutant("R9: a repeated call is answered immediately", Rules { repeated_call_waits: false, ..ON }, &[Repeat]),
    mutant(
        "R10: the database's clock decides which node is dead",
        Rules { reaper_trusts_its_own_clock: false, ..ON },
        &[ClockJump, Reaping],
    ),
];

/// One node, and time for one lease to end and another to begin.
fn scope(mutant: &Mutant) -> Scope {
    let renewals = mutant.may.contains(&Reaping).then_some(1);
    Scope { rules: mutant.rules, nodes: 1, ticks: 2, ttl: 2, names: 2, renewals, may: mutant.may }
}

#[test]
fn without_any_one_rule_the_promise_breaks() {
    let mut unbroken = Vec::new();
    for mutant in MUTANTS {
        let outcome = breach(&scope(mutant));
        match outcome.broken.first() {
            Some((_, steps)) => {
                println!("{}: {} steps, after {} states", mutant.name, steps.len(), outcome.states);
                println!("    {steps:?}");
            }
            None => unbroken.push(mutant.name),
        }
    }
    assert!(unbroken.is_empty(), "no breach was found without: {unbroken:#?}");
}

#[test]
fn every_rule_is_turned_off_by_some_mutant() {
    let all: BTreeSet<_> = ON.switches().into_iter().map(|(name, _)| name).collect();
    let mutants = MUTANTS.iter().map(|mutant| &mutant.rules).chain(writers::MUTANTS.iter().map(|(_, rules, _)| rules));
    // The target `restore` searches the rules for a database that goes back.
    let switched = mutants.flat_map(Rules::switches);
    let off: BTreeSet<_> = switched.filter(|(_, on)| !on).map(|(name, _)| name).collect();
    assert_eq!(off, all);
}
