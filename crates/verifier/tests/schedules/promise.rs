//! In every schedule, no request accepts a key once its restricting change was answered. With a rule off, or in the
//! wrong order, some schedule lets one accept it.

use keyward_verifier::protocol::Rules;

use crate::{
    content::{Key, Restriction},
    run::{Meanwhile, Scenario},
};

/// The scenarios below that are tried with all rules on.
const SCENARIOS: usize = 7;

/// A control fails after this many schedules in which no request accepts the key.
const PATIENCE: usize = 20_000;

/// Number of schedules for all scenarios together; `cargo xtask model` runs more.
#[expect(clippy::disallowed_methods, reason = "CI sets the available time; a test has no configuration")]
fn schedules() -> usize {
    if std::env::var_os("KEYWARD_LONG_SEARCH").is_some() { 100_000 } else { 10_000 }
}

fn expect_no_breach(restriction: Restriction, meanwhile: Meanwhile) {
    let tried = schedules() / SCENARIOS + 1;
    let first = Scenario { rules: Rules::ALL, restriction, meanwhile }.first_breach(tried);
    assert_eq!(first, None, "a request accepts in the schedule with this number");
    println!("{tried} schedules of {restriction:?}, {meanwhile:?}: no request accepts");
}

fn expect_breach(rules: Rules, restriction: Restriction, meanwhile: Meanwhile) {
    let first = Scenario { rules, restriction, meanwhile }.first_breach(PATIENCE);
    println!("a request accepts in schedule {first:?}");
    assert!(first.is_some(), "no request accepts in {PATIENCE} schedules");
}

const ON: Rules = Rules::ALL;

#[test]
fn no_request_accepts_a_revoked_key_after_the_acknowledgement() {
    expect_no_breach(Restriction::Revoked(Key::First), Meanwhile::CatchesUp);
    expect_no_breach(Restriction::Revoked(Key::Last), Meanwhile::CatchesUp);
}

#[test]
fn no_request_accepts_a_key_of_a_suspended_account_after_the_acknowledgement() {
    expect_no_breach(Restriction::Account, Meanwhile::CatchesUp);
}

#[test]
fn no_request_accepts_across_a_join() {
    expect_no_breach(Restriction::Revoked(Key::Last), Meanwhile::JoinsAgain);
    expect_no_breach(Restriction::Account, Meanwhile::JoinsAgain);
}

#[test]
fn no_request_accepts_on_a_node_that_was_outlived() {
    expect_no_breach(Restriction::Revoked(Key::First), Meanwhile::IsOutlived);
    expect_no_breach(Restriction::Account, Meanwhile::IsOutlived);
}

#[test]
fn a_request_accepts_if_reads_are_kept_unguarded() {
    let rules = Rules { fills_are_guarded: false, ..ON };
    expect_breach(rules, Restriction::Revoked(Key::First), Meanwhile::CatchesUp);
}

#[test]
fn a_request_accepts_if_reads_are_shared_unguarded() {
    let rules = Rules { shared_reads_are_guarded: false, ..ON };
    expect_breach(rules, Restriction::Account, Meanwhile::CatchesUp);
}

#[test]
fn a_request_accepts_if_it_is_acknowledged_before_the_last_part_is_purged() {
    let rules = Rules { purged_before_acknowledged: false, ..ON };
    expect_breach(rules, Restriction::Revoked(Key::Last), Meanwhile::CatchesUp);
}

#[test]
fn a_request_accepts_if_the_row_goes_before_memory_is_closed() {
    expect_breach(ON, Restriction::Revoked(Key::Last), Meanwhile::LosesItsRowFirst);
}

#[test]
fn a_request_accepts_if_the_lease_is_checked_after_the_look_up() {
    let rules = Rules { lease_before_look_up: false, ..ON };
    expect_breach(rules, Restriction::Account, Meanwhile::IsOutlived);
}

#[test]
fn a_request_accepts_if_a_lease_is_renewed_before_the_node_has_caught_up() {
    let rules = Rules { caught_up_before_renewed: false, ..ON };
    expect_breach(rules, Restriction::Revoked(Key::First), Meanwhile::IsOutlived);
}
