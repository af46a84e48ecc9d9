//! Dead nodes: how long others wait for them, and when their rows are removed (R7, R10).

use std::time::Duration;

use keyward_storage::{Hint, Seq};
use keyward_verifier::protocol::LeaseConfig;

use crate::{
    fixture::{Fixture, TERMS, id, target},
    shared::{
        database::{Change, Changed},
        history::Answer,
    },
};

/// Latest removal of a stale row: seen in one round, outlived, and removed in another.
const REAPED: Duration = Duration::from_millis(4_100);

#[tokio::test(start_paused = true)]
async fn a_dead_node_is_outlived_and_then_reaped() {
    let fixture = Fixture::with_keys(3);
    let (node, dead) = (fixture.member().await, fixture.member().await);
    assert_eq!(fixture.verify(&dead, 0).await, Answer::Valid);
    dead.die();
    let took = fixture.revoke(&node, 0).await;
    assert!(took >= TERMS.ttl, "no call is answered while its lease may hold: {took:?}");
    assert!(took <= TERMS.worst_wait() + Duration::from_millis(25), "{took:?}");
    fixture.pass(REAPED.saturating_sub(took)).await;
    assert_eq!(fixture.database.rows(), 1);
    assert!(fixture.revoke(&node, 1).await < TERMS.renew_every);
    assert_eq!(fixture.breaches(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_dead_node_is_reaped_however_many_hints_arrive() {
    let fixture = Fixture::with_keys(0);
    let (node, dead) = (fixture.member().await, fixture.member().await);
    dead.die();
    for seq in 1..=REAPED.as_millis() / 50 {
        fixture.database.announce(Hint::Event(Seq::new(1 << 40 | u64::try_from(seq).unwrap()))).unwrap();
        fixture.pass_millis(50).await;
    }
    assert_eq!(fixture.database.rows(), 1);
    assert!(node.verifier.may_answer_from_memory());
}

#[tokio::test(start_paused = true)]
async fn a_node_that_renews_is_never_reaped_whatever_the_databases_clock_shows() {
    let fixture = Fixture::with_keys(0);
    let nodes = [fixture.member().await, fixture.member().await];
    for _ in 0..20 {
        fixture.database.step_wall(86_400_000_000);
        fixture.pass(TERMS.ttl).await;
    }
    assert_eq!(fixture.database.rows(), 2);
    assert!(nodes.iter().all(|node| node.verifier.may_answer_from_memory()));
}

#[tokio::test(start_paused = true)]
async fn a_revoker_that_is_cut_off_after_its_commit_answers_in_time() {
    let fixture = Fixture::with_keys(2);
    let (node, other) = (fixture.member().await, fixture.member().await);
    assert_eq!(fixture.verify(&other, 0).await, Answer::Valid);
    other.ports.withhold_hints(true);
    for number in [0, 1] {
        let changed = fixture.commit(Change::Revoke(id(number))).await;
        let Changed::Now(seq) = changed else { panic!("{changed:?}") };
        node.ports.cut();
        let since = fixture.world.now();
        node.verifier.enforce(seq, vec![target(number)]).await.unwrap();
        let took = fixture.world.now().saturating_sub(since);
        assert!(took <= TERMS.worst_wait() + Duration::from_millis(25), "{took:?}");
        node.ports.mend();
        fixture.pass(TERMS.ttl).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_revoker_that_is_cut_off_outlives_the_longest_lease_that_it_has_seen() {
    let fixture = Fixture::with_keys(1);
    let (node, other) = (fixture.member().await, fixture.node_of(LeaseConfig::DEFAULT));
    other.verifier.start().await.unwrap();
    fixture.pass(TERMS.renew_every * 2).await;
    assert_eq!(fixture.verify(&other, 0).await, Answer::Valid);
    let Changed::Now(seq) = fixture.commit(Change::Revoke(id(0))).await else { panic!("it was not revoked") };
    node.ports.cut();
    other.ports.cut();
    let since = fixture.world.now();
    node.verifier.enforce(seq, vec![target(0)]).await.unwrap();
    let took = fixture.world.now().saturating_sub(since);
    assert!(took >= LeaseConfig::DEFAULT.worst_wait(), "{took:?}");
    assert!(took <= LeaseConfig::DEFAULT.worst_wait() + Duration::from_millis(25), "{took:?}");
    assert!(!other.remembers(0));
}
