//! How a node leaves: memory first, then its row; and what happens to waiting calls.

use std::sync::Arc;

use keyward_verifier::NotEnforced;

use crate::{
    fixture::{Call, Fault, Fixture, TERMS, ends, id, target},
    shared::{
        database::{Change, Changed},
        history::Answer,
    },
};

#[tokio::test(start_paused = true)]
async fn memory_is_closed_before_the_row_is_removed() {
    let fixture = Fixture::with_keys(1);
    let node = fixture.member().await;
    assert_eq!(fixture.verify(&node, 0).await, Answer::Valid);
    node.ports.fail(Call::Leave, Fault::Silence);
    let verifier = Arc::clone(&node.verifier);
    let leaving = node.tasks.spawn(async move { verifier.leave().await });
    fixture.pass_millis(10).await;
    assert_eq!((node.ports.made(Call::Leave), fixture.database.rows()), (1, 1), "the call is in flight");
    assert!(!node.verifier.may_answer_from_memory() && !node.remembers(0));
    assert_eq!(node.verifier.size().keys, 0);
    ends(leaving).await.unwrap();
    assert_eq!(fixture.verify(&node, 0).await, Answer::Valid, "it answers by reading");
}

#[tokio::test(start_paused = true)]
async fn no_call_waits_for_a_node_that_left() {
    let fixture = Fixture::with_keys(1);
    let (node, other) = (fixture.member().await, fixture.member().await);
    other.verifier.leave().await;
    assert_eq!(fixture.database.rows(), 1);
    other.ports.cut();
    assert!(fixture.revoke(&node, 0).await < TERMS.renew_every);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_leaves_while_it_joins_leaves_no_row_behind() {
    let fixture = Fixture::with_keys(0);
    let node = fixture.node();
    node.ports.fail(Call::Join, Fault::Held);
    node.verifier.start().await.unwrap();
    fixture.pass_millis(10).await;
    assert_eq!(fixture.database.rows(), 1, "the join took effect without a reply");
    ends(node.verifier.leave()).await;
    assert_eq!(fixture.database.rows(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_when_the_process_ends_is_cut_off() {
    let fixture = Fixture::with_keys(1);
    let (node, dead) = (fixture.member().await, fixture.member().await);
    dead.die();
    let Changed::Now(seq) = fixture.commit(Change::Revoke(id(0))).await else { panic!("it was not revoked") };
    let verifier = Arc::clone(&node.verifier);
    let waiting = node.tasks.spawn(async move { verifier.enforce(seq, vec![target(0)]).await });
    fixture.pass_millis(100).await;
    node.end().await;
    assert_eq!(ends(waiting).await.unwrap(), Err(NotEnforced::Stopping));
    assert_eq!(node.verifier.enforce(seq, vec![target(0)]).await, Err(NotEnforced::Stopping), "it stays so");
}

#[tokio::test(start_paused = true)]
async fn everything_ends_although_the_database_is_silent() {
    let fixture = Fixture::with_keys(1);
    let node = fixture.member().await;
    node.ports.cut();
    let Changed::Now(seq) = fixture.commit(Change::Revoke(id(0))).await else { panic!("it was not revoked") };
    node.verifier.enforce(seq, vec![target(0)]).await.unwrap();
    ends(node.verifier.leave()).await;
    node.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_process_that_never_started_ends_too() {
    let fixture = Fixture::with_keys(1);
    let node = fixture.node();
    ends(node.verifier.leave()).await;
    assert_eq!(fixture.verify(&node, 0).await, Answer::Valid);
    node.end().await;
}
