//! Random sequences of everything that changes or asks about keys, against a plain model without memory, events or
//! databases (T2): what the service says is what the model says, on both databases, after every step.
//!
//! `PROPTEST_CASES` sets how many sequences there are. One that fails is kept in `tests/proptest-regressions` and tried
//! first from then on: commit it.

use proptest::test_runner::{Config, TestError, TestRunner};
use proptest_state_machine::{ReferenceStateMachine as _, StateMachineTest as _, prop_state_machine};

mod asking;
mod reference;
mod rules;
pub(crate) mod running;
mod steps;

use reference::Model;
use running::{Agrees, Embedded, Forgetful, Shared};

/// How many steps a sequence has.
const STEPS: usize = 50;

/// Of the sequences that are usual or asked for, this share.
fn one_in(share: u32) -> Config {
    let usual = Config::default();
    Config { cases: usual.cases.div_ceil(share), max_shrink_iters: 2_000, ..usual }
}

prop_state_machine! {
    #![proptest_config(one_in(1))]

    #[test]
    fn the_embedded_database_agrees_with_the_model(sequential STEPS => Agrees<Embedded>);
}

prop_state_machine! {
    #![proptest_config(one_in(8))]

    #[test]
    fn the_shared_database_agrees_with_the_model(sequential STEPS => Agrees<Shared>);
}

#[test]
fn a_service_whose_memory_is_not_told_of_changes_is_found_out() {
    // Once is enough: nobody wants to know by how few steps.
    let config = Config { cases: 20, max_shrink_iters: 0, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new(config.clone());
    let found = runner.run(&Model::sequential_strategy(STEPS), |(model, steps, _)| {
        Agrees::<Forgetful>::test_sequential(config.clone(), model, steps, None);
        Ok(())
    });
    assert!(matches!(found, Err(TestError::Fail(..))), "{found:?}");
}
