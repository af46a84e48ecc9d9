//! The clocks of the database and the machine jump together, so that only the boot clock shows it: shared state is not
//! deleted until the time has held.

use std::time::Duration;

use keyward_verifier::{Clock as _, protocol::ClockJump};

use crate::fixture::{Actor, Call, Fixture};

/// A day in microseconds.
const FORTY_DAYS: i64 = 40 * 86_400 * 1_000_000;

/// Both clocks jump.
fn jump(fixture: &Fixture, node: &Actor, by: i64) {
    node.machine.step_wall(by);
    fixture.database.step_wall(by);
}

/// How many days the time for deleting is ahead of the node's clock; none while it deletes nothing.
fn upkeep_day(node: &Actor) -> Option<i64> {
    let at = node.verifier.upkeep_time()?;
    Some((at.as_micros() - node.machine.wall().as_micros()) / (FORTY_DAYS / 40))
}

#[tokio::test(start_paused = true)]
async fn a_node_deletes_nothing_by_a_time_that_is_corrected_two_minutes_later() {
    let fixture = Fixture::with_keys(0);
    let node = fixture.member().await;
    fixture.pass(Duration::from_mins(9)).await;
    assert_eq!(
        (upkeep_day(&node), node.ports.made(Call::Prune)),
        (None, 0),
        "there is no earlier reading to compare with"
    );
    fixture.pass(Duration::from_mins(5)).await;
    assert_eq!(upkeep_day(&node), Some(0));
    assert!(node.ports.made(Call::Prune) > 0);

    let pruned = node.ports.made(Call::Prune);
    jump(&fixture, &node, FORTY_DAYS);
    // Nothing has read the clocks since: the node's expected time does not agree with the database's.
    assert_eq!(upkeep_day(&node), None);
    fixture.pass(Duration::from_mins(2)).await;
    assert_eq!(node.verifier.clock_difference(), None);
    assert!(matches!(node.verifier.clock_jump(), Some(ClockJump::Ahead(_))));
    jump(&fixture, &node, -FORTY_DAYS);
    fixture.pass(Duration::from_mins(9)).await;
    assert_eq!((upkeep_day(&node), node.ports.made(Call::Prune)), (None, pruned));
    assert_eq!(node.verifier.clock_jump(), None);

    fixture.pass(Duration::from_mins(5)).await;
    assert_eq!(upkeep_day(&node), Some(0));
    assert!(node.ports.made(Call::Prune) > pruned);
}

#[tokio::test(start_paused = true)]
async fn nor_does_the_only_process_on_its_database_by_the_machines_clock() {
    let fixture = Fixture::with_keys(0);
    let alone = fixture.alone().await;
    fixture.pass(Duration::from_mins(14)).await;
    assert!(alone.verifier.upkeep_time().is_some() && alone.ports.made(Call::Prune) > 0);
    let pruned = alone.ports.made(Call::Prune);
    for by in [FORTY_DAYS, -FORTY_DAYS] {
        alone.machine.step_wall(by);
        assert_eq!(alone.verifier.upkeep_time(), None);
        fixture.pass(Duration::from_mins(2)).await;
        assert_eq!(alone.verifier.clock_jump().is_some(), by > 0);
    }
    fixture.pass(Duration::from_mins(7)).await;
    assert_eq!((alone.verifier.upkeep_time(), alone.ports.made(Call::Prune)), (None, pruned));
    fixture.pass(Duration::from_mins(5)).await;
    assert!(alone.verifier.upkeep_time().is_some() && alone.ports.made(Call::Prune) > pruned);
}
