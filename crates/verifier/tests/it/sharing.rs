//! Requests for one key share a read in progress, if each of them may use it (R4, R5).

use std::sync::Arc;

use keyward_storage::StorageError;

use crate::{
    fixture::{Actor, Call, Fixture, Harm, ends, id},
    shared::{accounts::is_good, history::Told},
};

/// Starts this many requests for this key, which are in flight when this returns.
async fn ask(fixture: &Fixture, node: &Actor, key: u64, times: usize) -> Vec<tokio::task::JoinHandle<Told>> {
    let asking = (0..times).map(|_| {
        let verifier = Arc::clone(&node.verifier);
        node.tasks.spawn(async move {
            match verifier.credential(id(key)).await {
                Ok(Some(found)) if is_good(&found) => Told::Valid,
                Ok(Some(_)) => Told::Narrowed,
                Ok(None) => Told::Unknown,
                Err(_) => Told::Unavailable,
            }
        })
    });
    let asking = asking.collect();
    fixture.pass_millis(1).await;
    asking
}

async fn told(asking: Vec<tokio::task::JoinHandle<Told>>) -> Vec<Told> {
    let mut told = Vec::new();
    for one in asking {
        told.push(ends(one).await.expect("it was not dropped"));
    }
    told
}

#[tokio::test(start_paused = true)]
async fn many_requests_for_one_key_make_one_read() {
    let fixture = Fixture::with_keys(2);
    let node = fixture.member().await;
    node.ports.harm(Call::Credential, Harm::Held);
    let asking = ask(&fixture, &node, 0, 50).await;
    let other = ask(&fixture, &node, 1, 1).await;
    assert_eq!(node.ports.made(Call::Credential), 2, "one for each key");
    node.ports.let_go();
    assert_eq!(told(asking).await, [Told::Valid; 50]);
    assert_eq!(told(other).await, [Told::Valid]);
    assert_eq!(node.ports.made(Call::Credential), 2);
}

#[tokio::test(start_paused = true)]
async fn absence_is_never_shared() {
    let fixture = Fixture::with_keys(0);
    let node = fixture.member().await;
    node.ports.harm(Call::Credential, Harm::Held);
    let asking = ask(&fixture, &node, 0, 5).await;
    assert_eq!(node.ports.made(Call::Credential), 1);
    fixture.add_key(0);
    node.ports.heal(Call::Credential);
    node.ports.let_go();
    assert_eq!(told(asking).await, [Told::Unknown, Told::Valid, Told::Valid, Told::Valid, Told::Valid]);
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_is_dropped_or_fails_leaves_no_request_hanging() {
    let fixture = Fixture::with_keys(1);
    let node = fixture.member().await;
    node.ports.harm(Call::Credential, Harm::Silence);
    let reader = ask(&fixture, &node, 0, 1).await;
    let others = ask(&fixture, &node, 0, 3).await;
    node.ports.heal(Call::Credential);
    reader[0].abort();
    assert_eq!(told(others).await, [Told::Valid; 3]);

    node.verifier.forget(id(0));
    node.ports.harm(Call::Credential, Harm::Silence);
    let reader = ask(&fixture, &node, 0, 1).await;
    let others = ask(&fixture, &node, 0, 3).await;
    node.ports.heal(Call::Credential);
    assert_eq!(told(reader).await, [Told::Unavailable], "an error is not a verdict");
    assert_eq!(told(others).await, [Told::Valid; 3]);
}

#[tokio::test(start_paused = true)]
async fn a_read_from_before_a_revocation_serves_no_request_from_after_it() {
    let fixture = Fixture::with_keys(1);
    let node = fixture.member().await;
    node.ports.harm(Call::Credential, Harm::Held);
    let before = ask(&fixture, &node, 0, 2).await;
    fixture.revoke(&node, 0).await;
    let after = ask(&fixture, &node, 0, 2).await;
    assert_eq!(node.ports.made(Call::Credential), 1, "they share a read that began before them");
    node.ports.heal(Call::Credential);
    node.ports.let_go();
    assert_eq!(told(after).await, [Told::Narrowed; 2]);
    assert_eq!(told(before).await, [Told::Narrowed; 2], "it is not used, and not kept");
    assert_eq!(fixture.verify(&node, 0).await, Told::Narrowed);
}

#[tokio::test(start_paused = true)]
async fn a_read_that_is_outdated_again_and_again_ends_without_a_verdict() {
    let fixture = Fixture::with_keys(7);
    let node = fixture.member().await;
    node.ports.harm(Call::Credential, Harm::Held);
    let verifier = Arc::clone(&node.verifier);
    let asking = node.tasks.spawn(async move { verifier.credential(id(0)).await });
    for other in 1..=5 {
        fixture.pass_millis(1).await;
        fixture.revoke(&node, other).await;
        node.ports.let_go();
    }
    assert!(matches!(ends(asking).await.unwrap(), Err(StorageError::Unavailable(_))));
    node.ports.heal(Call::Credential);
    assert_eq!(fixture.verify(&node, 0).await, Told::Valid);
}
