//! How long a node answers from memory, and how it answers without a lease.

use std::time::Duration;

use crate::{
    fixture::{Call, Fault, Fixture, TERMS, id},
    shared::{database::Change, history::Answer},
};

#[tokio::test(start_paused = true)]
async fn a_node_that_cannot_renew_answers_from_memory_until_its_lease_ends_and_then_by_reading() {
    let fixture = Fixture::with_keys(1);
    let node = fixture.member().await;
    assert_eq!(fixture.verify(&node, 0).await, Answer::Valid);
    for fault in [Fault::Error, Fault::SilenceAfter] {
        node.ports.fail(Call::Renew, fault);
        fixture.pass(TERMS.ttl.saturating_sub(TERMS.renew_every + Duration::from_millis(50))).await;
        let read = node.ports.made(Call::Credential);
        assert_eq!(fixture.verify(&node, 0).await, Answer::Valid);
        assert_eq!(node.ports.made(Call::Credential), read, "it was in memory");
        fixture.pass(TERMS.renew_every + Duration::from_millis(100)).await;
        assert!(!node.verifier.may_answer_from_memory() && !node.remembers(0));
        assert_eq!(fixture.verify(&node, 0).await, Answer::Valid);
        assert_eq!(fixture.verify(&node, 0).await, Answer::Valid);
        assert_eq!(node.ports.made(Call::Credential), read + 2, "each request reads for itself");
        node.ports.fail(Call::Credential, Fault::Error);
        assert_eq!(fixture.verify(&node, 0).await, Answer::Unavailable);
        node.ports.mend();
        fixture.pass(TERMS.ttl).await;
        assert!(node.remembers(0), "lease renewed");
    }
}

#[tokio::test(start_paused = true)]
async fn a_lease_ends_by_the_clock_of_its_own_machine() {
    let fixture = Fixture::with_keys(1);
    let node = fixture.member().await;
    assert_eq!(fixture.verify(&node, 0).await, Answer::Valid);
    node.ports.fail(Call::Renew, Fault::Silence);
    fixture.pass(TERMS.ttl).await;
    assert!(!node.remembers(0));
    node.machine.stall(Duration::from_millis(900));
    assert!(node.remembers(0), "its clock stood still: the guard of the others covers this (A2)");
    fixture.pass(Duration::from_millis(900)).await;
    assert!(!node.remembers(0));
}

#[tokio::test(start_paused = true)]
async fn a_node_that_cannot_join_answers_by_reading_and_keeps_trying() {
    let fixture = Fixture::with_keys(1);
    for fault in [Fault::Error, Fault::ErrorAfter, Fault::Silence] {
        let node = fixture.node();
        node.ports.fail(Call::Join, fault);
        node.verifier.start().await.unwrap();
        fixture.pass(TERMS.ttl * 4).await;
        assert!(!node.verifier.may_answer_from_memory());
        assert_eq!(fixture.verify(&node, 0).await, Answer::Valid);
        node.ports.heal(Call::Join);
        fixture.pass(TERMS.ttl * 2).await;
        assert_eq!(fixture.verify(&node, 0).await, Answer::Valid);
        assert!(node.remembers(0));
        node.verifier.leave().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_whose_row_is_gone_joins_again_with_an_empty_memory() {
    let fixture = Fixture::with_keys(1);
    let node = fixture.member().await;
    assert_eq!(fixture.verify(&node, 0).await, Answer::Valid);
    let row = fixture.database.members(&[]).unwrap().rows.remove(0);
    fixture.database.leave(row.node).unwrap();
    fixture.pass(TERMS.renew_every * 2).await;
    assert_eq!(node.ports.made(Call::Join), 2);
    assert!(node.verifier.may_answer_from_memory() && node.verifier.size().keys == 0);
    assert_ne!(fixture.database.members(&[]).unwrap().rows[0].node, row.node, "a node id is never reused");
}

#[tokio::test(start_paused = true)]
async fn a_node_whose_clocks_disagree_joins_again_and_no_call_waits_for_its_old_row() {
    let fixture = Fixture::with_keys(2);
    let (node, other) = (fixture.member().await, fixture.member().await);
    for step in [3_600_000_000, -3_600_000_000, 250_000] {
        assert_eq!(fixture.verify(&node, 0).await, Answer::Valid);
        node.machine.step_wall(step);
        fixture.pass(TERMS.renew_every * 2).await;
        assert!(node.verifier.may_answer_from_memory() && node.verifier.size().keys == 0);
        assert_eq!(fixture.database.rows(), 2);
    }
    node.machine.step_wall(100_000);
    assert_eq!(fixture.verify(&node, 0).await, Answer::Valid);
    fixture.pass(TERMS.renew_every * 2).await;
    assert!(node.remembers(0), "clocks drift a little");
    assert!(fixture.revoke(&other, 1).await < TERMS.renew_every);
}

#[tokio::test(start_paused = true)]
async fn maintenance_never_costs_the_lease() {
    let fixture = Fixture::with_keys(1);
    let node = fixture.member().await;
    assert_eq!(fixture.verify(&node, 0).await, Answer::Valid);
    for call in [Call::Members, Call::Reap, Call::Prune] {
        node.ports.fail(call, Fault::Silence);
    }
    // Long enough for several prunings.
    for _ in 0..700 {
        fixture.pass(TERMS.renew_every).await;
        assert!(node.remembers(0));
    }
    node.ports.heal(Call::Members);
    for _ in 0..700 {
        fixture.pass(TERMS.renew_every).await;
        assert!(node.remembers(0));
    }
    assert!(node.ports.made(Call::Prune) > 0);
}

#[tokio::test(start_paused = true)]
async fn a_lease_starts_when_its_request_was_sent_however_late_the_reply() {
    let fixture = Fixture::with_keys(0);
    let node = fixture.member().await;
    node.ports.fail(Call::Renew, Fault::Late(Duration::from_millis(300)));
    let made = node.ports.made(Call::Renew);
    while node.ports.made(Call::Renew) == made {
        fixture.pass_millis(1).await;
    }
    node.ports.fail(Call::Renew, Fault::Silence);
    fixture.pass(TERMS.ttl.saturating_sub(Duration::from_millis(10))).await;
    assert!(node.verifier.may_answer_from_memory(), "it was renewed");
    fixture.pass_millis(15).await;
    assert!(!node.verifier.may_answer_from_memory());
}

#[tokio::test(start_paused = true)]
async fn a_hanging_read_of_events_is_soon_retried() {
    let fixture = Fixture::with_keys(1);
    let node = fixture.member().await;
    assert_eq!(fixture.verify(&node, 0).await, Answer::Valid);
    node.ports.fail(Call::EventsAfter, Fault::Silence);
    let revoked = fixture.commit(Change::Revoke(id(0))).await;
    fixture.pass(TERMS.renew_every * 2).await;
    assert!(node.ports.made(Call::EventsAfter) > 0 && node.remembers(0), "{revoked:?} is not read");
    node.ports.heal(Call::EventsAfter);
    fixture.pass(TERMS.renew_every * 2).await;
    assert!(node.verifier.may_answer_from_memory() && !node.remembers(0));
}
