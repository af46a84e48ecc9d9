//! Whatever the schedule, nobody accepts a key once its narrowing was answered; with a rule off, or in the wrong order, some
//! schedule lets somebody.

use keyward_verifier::protocol::Rules;

use crate::{
    content::{Key, Narrowing},
    run::{Meanwhile, Scene},
};

/// The scenes below that are tried with all rules on.
const SCENES: usize = 7;

/// After so many schedules without one that lets somebody, a control has failed.
const PATIENCE: usize = 20_000;

/// How many schedules all scenes together are tried with: `cargo xtask model` asks for more.
#[expect(
    clippy::disallowed_methods,
    reason = "the automation says how much time there is; a test has no configuration"
)]
fn schedules() -> usize {
    if std::env::var_os("KEYWARD_LONG_SEARCH").is_some() { 100_000 } else { 10_000 }
}

fn nobody_accepts(narrowing: Narrowing, meanwhile: Meanwhile) {
    let tried = schedules() / SCENES + 1;
    let first = Scene { rules: Rules::ALL, narrowing, meanwhile }.first_breach(tried);
    assert_eq!(first, None, "somebody accepts in the schedule of this number");
    println!("{tried} schedules of {narrowing:?}, {meanwhile:?}: nobody accepts");
}

fn somebody_accepts(rules: Rules, narrowing: Narrowing, meanwhile: Meanwhile) {
    let first = Scene { rules, narrowing, meanwhile }.first_breach(PATIENCE);
    println!("somebody accepts in schedule {first:?}");
    assert!(first.is_some(), "nobody accepts in {PATIENCE} schedules");
}

const ON: Rules = Rules::ALL;

#[test]
fn nobody_accepts_a_revoked_key_after_the_acknowledgement() {
    nobody_accepts(Narrowing::Revoked(Key::First), Meanwhile::CatchesUp);
    nobody_accepts(Narrowing::Revoked(Key::Last), Meanwhile::CatchesUp);
}

#[test]
fn nobody_accepts_a_key_of_a_suspended_account_after_the_acknowledgement() {
    nobody_accepts(Narrowing::Account, Meanwhile::CatchesUp);
}

#[test]
fn nobody_accepts_across_a_join() {
    nobody_accepts(Narrowing::Revoked(Key::Last), Meanwhile::JoinsAnew);
    nobody_accepts(Narrowing::Account, Meanwhile::JoinsAnew);
}

#[test]
fn nobody_accepts_on_a_node_that_was_outlived() {
    nobody_accepts(Narrowing::Revoked(Key::First), Meanwhile::IsOutlived);
    nobody_accepts(Narrowing::Account, Meanwhile::IsOutlived);
}

#[test]
fn somebody_accepts_if_reads_are_kept_unguarded() {
    let rules = Rules { fills_are_guarded: false, ..ON };
    somebody_accepts(rules, Narrowing::Revoked(Key::First), Meanwhile::CatchesUp);
}

#[test]
fn somebody_accepts_if_reads_are_shared_unguarded() {
    let rules = Rules { shared_reads_are_guarded: false, ..ON };
    somebody_accepts(rules, Narrowing::Account, Meanwhile::CatchesUp);
}

#[test]
fn somebody_accepts_if_it_is_acknowledged_before_the_last_part_is_purged() {
    let rules = Rules { purged_before_acknowledged: false, ..ON };
    somebody_accepts(rules, Narrowing::Revoked(Key::Last), Meanwhile::CatchesUp);
}

#[test]
fn somebody_accepts_if_the_row_goes_before_memory_is_closed() {
    somebody_accepts(ON, Narrowing::Revoked(Key::Last), Meanwhile::LosesItsRowFirst);
}

#[test]
fn somebody_accepts_if_the_lease_is_checked_after_the_look_up() {
    let rules = Rules { lease_before_look_up: false, ..ON };
    somebody_accepts(rules, Narrowing::Account, Meanwhile::IsOutlived);
}

#[test]
fn somebody_accepts_if_a_lease_is_renewed_before_the_node_has_caught_up() {
    let rules = Rules { caught_up_before_renewed: false, ..ON };
    somebody_accepts(rules, Narrowing::Revoked(Key::First), Meanwhile::IsOutlived);
}
