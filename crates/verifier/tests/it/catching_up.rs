//! Events in batches, and missing events.

use std::time::Duration;

use keyward_domain::Status;
use keyward_storage::Seq;

use crate::{
    fixture::{Actor, Call, Fault, Fixture, TERMS, id, merchant},
    shared::{database::Change, history::Answer},
};

/// The last event that this node, the only member, has acknowledged.
fn acknowledged(fixture: &Fixture) -> Seq {
    fixture.database.members(&[]).expect("the database is there").rows[0].applied
}

async fn many_events(fixture: &Fixture, node: &Actor, last: u64) {
    for number in 0..last {
        fixture.commit(Change::Revoke(id(number))).await;
    }
    assert_eq!(acknowledged(fixture), Seq::ZERO, "it has not seen them");
    assert!(node.remembers(0));
}

#[tokio::test(start_paused = true)]
async fn thousands_of_events_are_applied_in_batches() {
    let fixture = Fixture::with_keys(2_502);
    let node = fixture.member().await;
    for number in [0, 2_499, 2_501] {
        assert_eq!(fixture.verify(&node, number).await, Answer::Valid);
    }
    many_events(&fixture, &node, 2_500).await;
    let before = node.ports.made(Call::EventsAfter);
    fixture.pass(TERMS.renew_every * 2).await;
    assert_eq!(acknowledged(&fixture), Seq::new(2_500));
    assert_eq!(node.ports.made(Call::EventsAfter) - before, 3);
    assert!(!node.remembers(0) && !node.remembers(2_499) && node.remembers(2_501));
}

#[tokio::test(start_paused = true)]
async fn each_batch_counts_however_slow_the_connection() {
    let fixture = Fixture::with_keys(2_501);
    let node = fixture.member().await;
    assert_eq!(fixture.verify(&node, 0).await, Answer::Valid);
    // Together they take longer than one reply may.
    node.ports.fail(Call::EventsAfter, Fault::Late(Duration::from_millis(300)));
    many_events(&fixture, &node, 2_500).await;
    fixture.pass(TERMS.ttl).await;
    assert_eq!(acknowledged(&fixture), Seq::new(2_500));
    assert!(node.verifier.may_answer_from_memory() && !node.remembers(0));
}

#[tokio::test(start_paused = true)]
async fn a_gap_in_history_ends_the_membership_and_the_node_joins_again_with_an_empty_memory() {
    for fault in [Fault::Hole, Fault::Void] {
        let fixture = Fixture::with_keys(3);
        let node = fixture.member().await;
        for number in 0..3 {
            assert_eq!(fixture.verify(&node, number).await, Answer::Valid);
        }
        node.ports.fail(Call::EventsAfter, fault);
        let joins = node.ports.made(Call::Join);
        fixture.commit(Change::Revoke(id(0))).await;
        fixture.commit(Change::Revoke(id(1))).await;
        fixture.pass(TERMS.renew_every * 2).await;
        assert_eq!(node.ports.made(Call::Join), joins + 1, "{fault:?}");
        assert_eq!(acknowledged(&fixture), Seq::new(2), "{fault:?}");
        assert!(!node.remembers(0) && !node.remembers(1) && !node.remembers(2), "{fault:?}");
        assert_eq!(fixture.verify(&node, 0).await, Answer::Restricted);
        assert_eq!(fixture.verify(&node, 2).await, Answer::Valid);
        assert!(node.remembers(2), "memory is used again");
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_that_cannot_read_events_loses_its_lease_and_delays_no_call_longer() {
    let fixture = Fixture::with_keys(1);
    let (node, other) = (fixture.member().await, fixture.member().await);
    assert_eq!(fixture.verify(&other, 0).await, Answer::Valid);
    other.ports.fail(Call::EventsAfter, Fault::Error);
    let took = fixture.revoke(&node, 0).await;
    assert!(took <= TERMS.worst_wait() + Duration::from_millis(25), "{took:?}");
    assert!(!other.verifier.may_answer_from_memory(), "it no longer renews (R2)");
    assert_eq!(fixture.verify(&other, 0).await, Answer::Restricted);
    assert_eq!(fixture.breaches(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn an_event_about_an_account_affects_every_key_below_it() {
    let fixture = Fixture::with_keys(5);
    let (node, other) = (fixture.member().await, fixture.member().await);
    for (status, answer) in [(Status::Suspended, Answer::Restricted), (Status::Active, Answer::Valid)] {
        for number in 0..5 {
            fixture.verify(&other, number).await;
        }
        fixture.call(&node, Change::Status(merchant(), status)).await.unwrap().unwrap();
        for number in 0..5 {
            assert_eq!(fixture.verify(&other, number).await, answer);
        }
    }
    assert_eq!(fixture.breaches(), [""; 0]);
}
