//! Random sequences of changes and questions about keys, compared with a plain model without memory, events or
//! databases (T2): the service and the model must agree on both databases after every step.
//!
//! `PROPTEST_CASES` sets the number of sequences. A failing one is kept in `tests/proptest-regressions` and retried
//! first from then on: commit it.

use proptest::test_runner::{Config, TestError, TestRunner};
use proptest_state_machine::{ReferenceStateMachine as _, StateMachineTest as _, prop_state_machine};

mod client;
mod reference;
mod rules;
pub(crate) mod running;
mod steps;

use reference::Model;
use running::{Agrees, Embedded, Forgetful, Shared};

/// Number of steps in a sequence.
const STEPS: usize = 50;

/// This share of the default or requested sequences.
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
fn a_service_whose_memory_receives_no_changes_is_detected() {
    // Once is enough: no minimal sequence is needed.
    let config = Config { cases: 20, max_shrink_iters: 0, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new(config.clone());
    let found = runner.run(&Model::sequential_strategy(STEPS), |(model, steps, _)| {
        Agrees::<Forgetful>::test_sequential(config.clone(), model, steps, None);
        Ok(())
    });
    assert!(matches!(found, Err(TestError::Fail(..))), "{found:?}");
}
