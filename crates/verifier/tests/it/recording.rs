//! The record that a change is enforced: what it saves, and that no answer waits for it too long (L, R9).

use std::time::Duration;

use crate::{
    fixture::{Call, Fault, Fixture, TERMS, id},
    shared::{database::Change, history::Answer},
};

#[tokio::test(start_paused = true)]
async fn enforcement_is_recorded_when_the_answer_comes() {
    let fixture = Fixture::with_keys(1);
    let node = fixture.member().await;
    fixture.revoke(&node, 0).await;
    assert!(fixture.is_recorded(0).await);
}

#[tokio::test(start_paused = true)]
async fn a_record_that_never_completes_delays_no_answer() {
    let fixture = Fixture::with_keys(2);
    let (node, other) = (fixture.member().await, fixture.member().await);
    node.ports.fail(Call::RecordEnforced, Fault::Silence);
    let took = fixture.revoke(&node, 0).await;
    assert!(took <= TERMS.renew_every, "{took:?}");
    other.die();
    let took = fixture.revoke(&node, 1).await;
    assert!(took <= TERMS.worst_wait() + Duration::from_millis(25), "{took:?}");
    assert_eq!(fixture.breaches(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_repeated_call_waits_unless_the_first_is_recorded_as_enforced() {
    let fixture = Fixture::with_keys(2);
    let (node, other) = (fixture.member().await, fixture.member().await);
    for number in [0, 1] {
        assert_eq!(fixture.verify(&other, number).await, Answer::Valid);
    }
    fixture.revoke(&node, 0).await;
    node.ports.fail(Call::RecordEnforced, Fault::Error);
    fixture.commit(Change::Revoke(id(1))).await;
    other.die();
    assert!(fixture.revoke(&node, 0).await < Duration::from_millis(5), "it is recorded");
    let took = fixture.revoke(&node, 1).await;
    assert!(took >= TERMS.ttl && took <= TERMS.worst_wait() + Duration::from_millis(25), "{took:?}");
    assert_eq!(fixture.breaches(), [""; 0]);
}
