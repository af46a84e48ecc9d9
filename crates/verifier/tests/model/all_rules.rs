//! With all rules on, no order of steps breaks a promise.
//!
//! Each test visits every state of its scope; `cargo xtask model` uses larger scopes.

use keyward_verifier::protocol::Rules;

use crate::{
    scope::{
        Happening::{ClockJump, Crash, FalseHint, Hint, LateWork, Leave, Lifting, Loss, Reaping, Repeat, SecondChange},
        Scope,
    },
    search::exhaust,
    size::Size,
};

/// One node beside the revoker's.
const ONE_NODE: Scope = Scope { rules: Rules::ALL, nodes: 1, ticks: 0, ttl: 2, names: 2, renewals: None, may: &[] };

/// Visits every state of this scope, at least `at_least` states.
fn holds(scope: &Scope, at_least: usize) {
    let outcome = exhaust(scope);
    let Scope { rules: _, nodes, ticks, ttl, names, renewals, may } = scope;
    println!(
        "{} states, up to {} steps deep: {nodes} node(s), {ticks} ticks, leases of {ttl}, {names} names, {} renewals, \
         {may:?}",
        outcome.states,
        outcome.depth,
        renewals.map_or("unlimited".to_owned(), |most| most.to_string()),
    );
    for (promise, steps) in &outcome.broken {
        println!("broken: {promise}, by {} steps: {steps:#?}", steps.len());
    }
    assert!(outcome.broken.is_empty(), "a promise is broken; see the steps above");
    assert!(outcome.unseen.is_empty(), "the search proves little, it never reached: {:#?}", outcome.unseen);
    assert!(outcome.states >= at_least, "the search became smaller: {} states", outcome.states);
}

fn ticks(reduced: u8, long: u8) -> u8 {
    Size::from_environment().pick(reduced, long)
}

#[test]
fn lost_messages_a_second_change_and_a_repeated_call_break_nothing() {
    let may = &[Loss, SecondChange, Repeat];
    holds(&Scope { ticks: ticks(3, 6), may, ..ONE_NODE }, 2_000_000);
}

#[test]
fn a_process_that_dies_and_restarts_breaks_nothing() {
    let may = &[Loss, SecondChange, Crash];
    holds(&Scope { ticks: ticks(2, 6), may, ..ONE_NODE }, 500_000);
}

#[test]
fn reaped_rows_and_a_database_clock_that_jumps_break_nothing() {
    let may = &[Loss, Reaping, ClockJump];
    holds(&Scope { ticks: ticks(2, 4), renewals: Some(2), may, ..ONE_NODE }, 2_000_000);
}

#[test]
fn aborted_requests_that_take_effect_late_break_nothing() {
    let may = &[Loss, LateWork, Crash];
    holds(&Scope { ticks: ticks(2, 5), may, ..ONE_NODE }, 500_000);
}

#[test]
fn leaving_lifting_and_notifications_true_or_false_break_nothing() {
    let may = &[Loss, Leave, Lifting, Hint, FalseHint];
    holds(&Scope { ticks: ticks(2, 5), may, ..ONE_NODE }, 1_000_000);
}

#[test]
fn two_nodes_break_nothing() {
    let may = Size::from_environment().pick(&[][..], &[Loss, Repeat]);
    holds(&Scope { nodes: 2, ticks: 1, ttl: 1, names: 1, may, ..ONE_NODE }, 5_000_000);
}
