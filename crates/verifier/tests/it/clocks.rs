//! The clock of the database and that of the machine jump together, so only the boot clock shows it: nothing that all
//! nodes share is deleted until the time has held.

use std::time::Duration;

use keyward_verifier::{Clock as _, protocol::ClockJump};

use crate::stage::{Actor, Call, Stage};

/// In microseconds.
const FORTY_DAYS: i64 = 40 * 86_400 * 1_000_000;

/// Both clocks jump.
fn jump(stage: &Stage, node: &Actor, by: i64) {
    node.machine.step_wall(by);
    stage.database.step_wall(by);
}

/// By how many days the time by which a node deletes is ahead of its clock; none while it deletes nothing.
fn upkeep_day(node: &Actor) -> Option<i64> {
    let at = node.verifier.upkeep_time()?;
    Some((at.as_micros() - node.machine.wall().as_micros()) / (FORTY_DAYS / 40))
}

#[tokio::test(start_paused = true)]
async fn a_node_deletes_nothing_by_a_time_that_is_taken_back_two_minutes_later() {
    let stage = Stage::with_keys(0);
    let node = stage.member().await;
    stage.pass(Duration::from_mins(9)).await;
    assert_eq!((upkeep_day(&node), node.ports.made(Call::Prune)), (None, 0), "there is nothing to compare with");
    stage.pass(Duration::from_mins(5)).await;
    assert_eq!(upkeep_day(&node), Some(0));
    assert!(node.ports.made(Call::Prune) > 0);

    let pruned = node.ports.made(Call::Prune);
    jump(&stage, &node, FORTY_DAYS);
    // Nothing has read the clocks since: what this node expects of the database does not agree with it.
    assert_eq!(upkeep_day(&node), None);
    stage.pass(Duration::from_mins(2)).await;
    assert_eq!(node.verifier.clock_difference(), None);
    assert!(matches!(node.verifier.clock_jump(), Some(ClockJump::Ahead(_))));
    jump(&stage, &node, -FORTY_DAYS);
    stage.pass(Duration::from_mins(9)).await;
    assert_eq!((upkeep_day(&node), node.ports.made(Call::Prune)), (None, pruned));
    assert_eq!(node.verifier.clock_jump(), None);

    stage.pass(Duration::from_mins(5)).await;
    assert_eq!(upkeep_day(&node), Some(0));
    assert!(node.ports.made(Call::Prune) > pruned);
}

#[tokio::test(start_paused = true)]
async fn nor_does_the_only_process_on_its_database_by_the_machines_clock() {
    let stage = Stage::with_keys(0);
    let alone = stage.alone().await;
    stage.pass(Duration::from_mins(14)).await;
    assert!(alone.verifier.upkeep_time().is_some() && alone.ports.made(Call::Prune) > 0);
    let pruned = alone.ports.made(Call::Prune);
    for by in [FORTY_DAYS, -FORTY_DAYS] {
        alone.machine.step_wall(by);
        assert_eq!(alone.verifier.upkeep_time(), None);
        stage.pass(Duration::from_mins(2)).await;
        assert_eq!(alone.verifier.clock_jump().is_some(), by > 0);
    }
    stage.pass(Duration::from_mins(7)).await;
    assert_eq!((alone.verifier.upkeep_time(), alone.ports.made(Call::Prune)), (None, pruned));
    stage.pass(Duration::from_mins(5)).await;
    assert!(alone.verifier.upkeep_time().is_some() && alone.ports.made(Call::Prune) > pruned);
}
