//! Each rule is needed: without it some order of steps breaks what is promised, and the search finds one.

use std::collections::BTreeSet;

use keyward_verifier::protocol::HistoryRules;

use crate::{
    mutants::{BY_HAND, CONTROLS, GUARDED, Mutant, WITH_A_TOKEN},
    search::{breach, exhaust},
};

/// Finds the breach of each mutant.
fn are_found_out(mutants: &[Mutant]) {
    let mut unbroken = Vec::new();
    for Mutant { name, scope, breaks } in mutants {
        let outcome = breach(scope, breaks);
        match outcome.broken.iter().find(|(promise, _)| promise == breaks) {
            Some((_, steps)) => {
                println!("{name}: {} steps, after {} states", steps.len(), outcome.states);
                println!("    {steps:?}");
            }
            None => unbroken.push(*name),
        }
    }
    assert!(unbroken.is_empty(), "no breach was found without: {unbroken:#?}");
}

#[test]
fn without_any_one_rule_the_promise_breaks_if_the_token_changes() {
    are_found_out(WITH_A_TOKEN);
}

#[test]
fn without_any_one_rule_the_promise_breaks_if_the_token_does_not_change() {
    are_found_out(BY_HAND);
}

#[test]
fn the_search_finds_breaches_of_what_is_not_promised() {
    are_found_out(CONTROLS);
}

#[test]
fn a_rule_backed_by_a_second_one_breaks_nothing_alone() {
    for Mutant { name, scope, breaks: _ } in GUARDED {
        let outcome = exhaust(scope);
        println!("{name}: {} states", outcome.states);
        assert!(outcome.broken.is_empty(), "{name} is needed by itself: {:#?}", outcome.broken);
    }
}

#[test]
fn every_rule_is_turned_off_by_some_mutant() {
    let all: BTreeSet<_> = HistoryRules::ALL.switches().into_iter().map(|(name, _)| name).collect();
    let mutants = WITH_A_TOKEN.iter().chain(BY_HAND);
    let switched = mutants.flat_map(|mutant| mutant.scope.rules.history.switches());
    let off: BTreeSet<_> = switched.filter(|(_, on)| !on).map(|(name, _)| name).collect();
    assert_eq!(off, all);
}
