//! With all rules on, no order of steps breaks the promise, and no call is answered by a list without its change.
//!
//! Each test visits every state of its scope; `cargo xtask model` uses larger scopes.

use crate::{
    milestones::Milestone::{self, Acknowledged, Arrived, Elsewhere, JoinedAgain, Memory, Outlived, Recorded, Unknown},
    scope::{
        Happening::{Crash, DelayedEvents, DelayedLists, LateWork, Loss, Marks, OldReads, Reaping, Records, Restart},
        Promise, Scope,
    },
    search::exhaust,
    size::Size,
};

const ONE: Scope = Scope::ONE;

/// Visits every state of this scope, or of the long one, at least this many of the first, and must see all these
/// milestones.
fn holds(reduced: Scope, long: Scope, at_least: usize, milestones: &[Milestone]) {
    let size = Size::from_environment();
    let scope = size.pick(reduced, long);
    let outcome = exhaust(&scope);
    println!("{} states, up to {} steps deep, saw {:?}: {scope:?}", outcome.states, outcome.depth, outcome.seen);
    for (promise, steps) in &outcome.broken {
        println!("broken: {promise}, by {} steps: {steps:#?}", steps.len());
    }
    assert!(outcome.broken.is_empty(), "a promise is broken; see the steps above");
    let unseen: Vec<_> = milestones.iter().filter(|milestone| !outcome.seen.contains(milestone)).collect();
    assert!(unseen.is_empty(), "the search proves little, it never reached: {unseen:?}");
    assert!(outcome.states >= at_least, "the search became smaller: {} states", outcome.states);
}

/// The milestones that one call, one node and one other change must show.
const USUAL: &[Milestone] = &[Acknowledged, Outlived, Unknown, Memory, Elsewhere, JoinedAgain, Arrived];

#[test]
fn a_call_and_other_changes_on_a_database_that_goes_back_break_nothing() {
    let scope = Scope { others: 1, names: 3, ..ONE };
    holds(scope.clone(), Scope { others: 2, ticks: 3, ..scope }, 750_000, USUAL);
}

#[test]
fn lost_messages_and_renewals_that_take_effect_late_break_nothing() {
    let scope = Scope { may: &[Loss, LateWork], ..ONE };
    holds(scope.clone(), Scope { others: 1, ticks: 3, names: 3, ..scope }, 500_000, USUAL);
}

#[test]
fn events_that_arrive_late_break_nothing() {
    let scope = Scope { others: 1, may: &[DelayedEvents], ..ONE };
    holds(scope.clone(), Scope { others: 2, ticks: 3, names: 3, ..scope }, 950_000, USUAL);
}

#[test]
fn lists_that_arrive_late_break_nothing() {
    let scope = Scope { may: &[DelayedLists], ..ONE };
    holds(scope.clone(), Scope { others: 1, ticks: 3, ..scope }, 450_000, USUAL);
}

#[test]
fn processes_that_die_break_nothing() {
    let scope = Scope { may: &[Crash], ..ONE };
    holds(scope.clone(), Scope { others: 1, names: 3, ticks: 3, ..scope }, 190_000, USUAL);
}

#[test]
fn leases_of_two_ticks_break_nothing() {
    let scope = Scope { ttl: 2, ticks: 3, ..ONE };
    holds(scope.clone(), Scope { others: 1, ticks: 4, names: 3, ..scope }, 190_000, USUAL);
}

#[test]
fn a_server_that_is_restarted_breaks_nothing() {
    let scope = Scope { names: 3, may: &[Restart], ..ONE };
    holds(scope.clone(), Scope { others: 1, ticks: 3, ..scope }, 800_000, USUAL);
}

#[test]
fn an_old_server_that_is_still_read_breaks_nothing() {
    let scope = Scope { others: 1, may: &[OldReads], ..ONE };
    holds(scope.clone(), Scope { others: 2, names: 3, ..scope }, 800_000, USUAL);
}

#[test]
fn a_key_whose_restriction_is_lifted_and_renewed_by_an_operator_breaks_nothing() {
    let scope = Scope { lifts: 1, restricts: 1, ticks: 1, ..ONE };
    let long = Scope { others: 1, events: 4, ticks: 2, names: 3, ..scope.clone() };
    holds(scope, long, 800_000, USUAL);
}

#[test]
fn lifting_under_leases_of_two_ticks_breaks_nothing() {
    let scope = Scope { lifts: 1, ttl: 2, ..ONE };
    holds(scope.clone(), Scope { restricts: 1, events: 4, ticks: 3, ..scope }, 350_000, &[Outlived, Memory, Arrived]);
}

#[test]
fn two_calls_and_their_records_break_nothing() {
    let scope = Scope { calls: 2, names: 1, restricts: 1, ticks: 1, may: &[Records], ..ONE };
    let long = Scope { names: 2, others: 1, ticks: 2, ..scope.clone() };
    holds(scope, long, 700_000, &[Outlived, Recorded, Unknown]);
}

#[test]
fn records_of_a_key_whose_restriction_is_lifted_break_nothing() {
    let scope = Scope { calls: 2, names: 1, lifts: 1, ticks: 1, may: &[Records], ..ONE };
    let long = Scope { names: 2, restricts: 1, ticks: 2, ..scope.clone() };
    holds(scope, long, 2_800_000, &[Outlived, Recorded, Unknown]);
}

#[test]
fn two_restores_break_nothing() {
    let scope = Scope { restores: 2, names: 3, ticks: 1, ..ONE };
    let long = Scope { others: 1, ticks: 3, ..scope.clone() };
    holds(scope, long, 200_000, &[Unknown, Memory, JoinedAgain]);
}

#[test]
fn two_restores_and_a_key_whose_restriction_is_lifted_break_nothing() {
    let scope = Scope { restores: 2, lifts: 1, ticks: 1, ..ONE };
    let long = Scope { restricts: 1, ticks: 2, names: 3, ..scope.clone() };
    holds(scope, long, 900_000, &[Unknown, Memory, JoinedAgain]);
}

#[test]
fn reaped_rows_break_nothing() {
    let scope = Scope { renewals: Some(1), may: &[Reaping], ..ONE };
    holds(scope.clone(), Scope { renewals: Some(2), others: 1, ticks: 3, ..scope }, 750_000, USUAL);
}

#[test]
fn a_process_that_never_saw_the_database_breaks_nothing() {
    let scope = Scope { calls: 2, second_is_fresh: true, ..ONE };
    holds(
        scope.clone(),
        Scope { others: 1, ticks: 3, ..scope },
        2_300_000,
        &[Acknowledged, Outlived, Unknown, Arrived],
    );
}

#[test]
fn marks_of_histories_that_were_waited_out_break_nothing() {
    let scope = Scope { calls: 2, second_is_fresh: true, names: 1, ticks: 1, may: &[Marks], ..ONE };
    let long = Scope { others: 1, names: 2, ticks: 2, ..scope.clone() };
    holds(scope, long, 700_000, &[Outlived, Unknown]);
}

#[test]
fn marks_of_two_histories_break_nothing() {
    let scope = Scope { restores: 2, names: 1, ticks: 1, may: &[Marks], ..ONE };
    let long = Scope { calls: 2, second_is_fresh: true, ..scope.clone() };
    holds(scope, long, 150_000, &[Unknown]);
}

#[test]
fn two_nodes_break_nothing() {
    let scope = Scope { nodes: 2, ticks: 1, names: 1, ..ONE };
    holds(scope.clone(), Scope { names: 2, ..scope }, 3_800_000, &[Unknown]);
}

#[test]
fn a_key_restricted_in_the_copy_is_refused_from_the_end_of_a_lease_on() {
    let promise = Promise::LeaseLaterForTheCopy;
    let scope = Scope { promise, lost_liftings_count: true, lifts: 1, restricts: 1, ticks: 1, ..ONE };
    let long = Scope { events: 4, ticks: 2, names: 3, ..scope.clone() };
    holds(scope, long, 950_000, &[Outlived, Unknown, JoinedAgain]);
}

/// The token does not change: only the nonces keep the promise, from the end of a lease on.
const BY_HAND: Scope = Scope { token_stays: true, promise: Promise::LeaseLater, ..ONE };

#[test]
fn manually_restored_rows_break_nothing_from_the_end_of_a_lease_on() {
    let scope = Scope { others: 1, ..BY_HAND };
    let long = Scope { others: 2, ticks: 3, ..scope.clone() };
    holds(scope, long, 600_000, USUAL);
}

#[test]
fn manually_restored_rows_and_lifting_break_nothing_from_the_end_of_a_lease_on() {
    let scope = Scope { lifts: 1, restricts: 1, ticks: 1, ..BY_HAND };
    let long = Scope { ticks: 3, ..scope.clone() };
    holds(scope, long, 550_000, USUAL);
}

#[test]
fn manually_restored_and_reaped_rows_break_nothing_from_the_end_of_a_lease_on() {
    let scope = Scope { renewals: Some(2), names: 1, ticks: 1, may: &[Reaping, Loss], ..BY_HAND };
    let long = Scope { ticks: 2, names: 2, ..scope.clone() };
    holds(scope, long, 280_000, &[Outlived, Unknown]);
}
