//! Hints make things happen sooner; nothing depends on them (R14).

use std::time::Duration;

use keyward_storage::{Hint, Seq};

use crate::{
    fixture::{Call, Fixture, TERMS},
    shared::history::Answer,
};

/// Maximum duration of a few messages if nothing is slow.
const AT_ONCE: Duration = Duration::from_millis(60);

#[tokio::test(start_paused = true)]
async fn with_hints_a_revocation_is_enforced_immediately() {
    let fixture = Fixture::with_keys(3);
    let nodes = [fixture.member().await, fixture.member().await, fixture.member().await];
    for node in &nodes {
        assert_eq!(fixture.verify(node, 0).await, Answer::Valid);
    }
    assert!(fixture.revoke(&nodes[0], 0).await < AT_ONCE);
    for node in &nodes {
        assert!(!node.remembers(0));
        assert_eq!(fixture.verify(node, 0).await, Answer::Restricted);
    }
    assert_eq!(fixture.breaches(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_change_without_a_hint_is_applied_at_the_next_renewal() {
    let fixture = Fixture::with_keys(1);
    let (node, other) = (fixture.member().await, fixture.member().await);
    assert_eq!(fixture.verify(&other, 0).await, Answer::Valid);
    other.ports.withhold_hints(true);
    fixture.pass(TERMS.renew_every).await;
    let took = fixture.revoke(&node, 0).await;
    assert!(took <= TERMS.renew_every + AT_ONCE, "{took:?}");
    assert_eq!(fixture.verify(&other, 0).await, Answer::Restricted);
}

#[tokio::test(start_paused = true)]
async fn without_hints_a_node_polls_four_times_as_often() {
    let fixture = Fixture::with_keys(0);
    let (with_hints, without_hints) = (fixture.member().await, fixture.node());
    without_hints.ports.withhold_hints(true);
    without_hints.verifier.start().await.unwrap();
    fixture.pass(Duration::from_secs(3)).await;
    let renewed = || (with_hints.ports.made(Call::Renew), without_hints.ports.made(Call::Renew));
    let before = renewed();
    fixture.pass(TERMS.renew_every * 40).await;
    let after = renewed();
    assert!((38..=42).contains(&(after.0 - before.0)), "{}", after.0 - before.0);
    assert!((150..=164).contains(&(after.1 - before.1)), "{}", after.1 - before.1);
}

#[tokio::test(start_paused = true)]
async fn a_hint_of_a_nonexistent_event_changes_nothing() {
    let fixture = Fixture::with_keys(3);
    let (node, other) = (fixture.member().await, fixture.member().await);
    for number in [0, 1] {
        assert_eq!(fixture.verify(&other, number).await, Answer::Valid);
    }
    fixture.database.announce(Hint::Event(Seq::new(1 << 40))).unwrap();
    fixture.pass(TERMS.renew_every * 3).await;
    let rows = fixture.database.members(&[]).unwrap().rows;
    assert!(rows.iter().all(|row| row.applied == Seq::ZERO), "a nonexistent event is not acknowledged");
    assert!(other.remembers(0) && other.remembers(1), "nothing is forgotten because of it");
    assert!(fixture.revoke(&node, 0).await < AT_ONCE);
    assert_eq!(fixture.verify(&other, 0).await, Answer::Restricted);
    assert!(other.remembers(1));
    assert_eq!(fixture.verify(&other, 2).await, Answer::Valid);
    assert!(other.remembers(2), "reads are kept");
}

#[tokio::test(start_paused = true)]
async fn a_node_listens_again_after_its_connection_broke() {
    let fixture = Fixture::with_keys(1);
    let (node, other) = (fixture.member().await, fixture.member().await);
    fixture.database.crash();
    fixture.pass(TERMS.renew_every).await;
    fixture.database.restart();
    fixture.pass(TERMS.ttl).await;
    assert!(other.ports.made(Call::Listen) >= 2);
    assert!(fixture.revoke(&node, 0).await < AT_ONCE);
}
