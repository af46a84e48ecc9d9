//! Requests for one key share a read in progress, if each of them may use it (R4, R5).

use std::sync::Arc;

use keyward_storage::StorageError;

use crate::{
    fixture::{Actor, Call, Fault, Fixture, ends, id},
    shared::{accounts::is_good, history::Answer},
};

/// Starts this many requests for this key, which are in flight when this returns.
async fn ask(fixture: &Fixture, node: &Actor, key: u64, times: usize) -> Vec<tokio::task::JoinHandle<Answer>> {
    let requests = (0..times).map(|_| {
        let verifier = Arc::clone(&node.verifier);
        node.tasks.spawn(async move {
            match verifier.credential(id(key)).await {
                Ok(Some(found)) if is_good(&found) => Answer::Valid,
                Ok(Some(_)) => Answer::Restricted,
                Ok(None) => Answer::Unknown,
                Err(_) => Answer::Unavailable,
            }
        })
    });
    let requests = requests.collect();
    fixture.pass_millis(1).await;
    requests
}

async fn answers(requests: Vec<tokio::task::JoinHandle<Answer>>) -> Vec<Answer> {
    let mut answers = Vec::new();
    for one in requests {
        answers.push(ends(one).await.expect("it was not dropped"));
    }
    answers
}

#[tokio::test(start_paused = true)]
async fn many_requests_for_one_key_make_one_read() {
    let fixture = Fixture::with_keys(2);
    let node = fixture.member().await;
    node.ports.fail(Call::Credential, Fault::Held);
    let requests = ask(&fixture, &node, 0, 50).await;
    let other = ask(&fixture, &node, 1, 1).await;
    assert_eq!(node.ports.made(Call::Credential), 2, "one for each key");
    node.ports.let_go();
    assert_eq!(answers(requests).await, [Answer::Valid; 50]);
    assert_eq!(answers(other).await, [Answer::Valid]);
    assert_eq!(node.ports.made(Call::Credential), 2);
}

#[tokio::test(start_paused = true)]
async fn absence_is_never_shared() {
    let fixture = Fixture::with_keys(0);
    let node = fixture.member().await;
    node.ports.fail(Call::Credential, Fault::Held);
    let requests = ask(&fixture, &node, 0, 5).await;
    assert_eq!(node.ports.made(Call::Credential), 1);
    fixture.add_key(0);
    node.ports.heal(Call::Credential);
    node.ports.let_go();
    assert_eq!(answers(requests).await, [Answer::Unknown, Answer::Valid, Answer::Valid, Answer::Valid, Answer::Valid]);
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_is_dropped_or_fails_leaves_no_request_hanging() {
    let fixture = Fixture::with_keys(1);
    let node = fixture.member().await;
    node.ports.fail(Call::Credential, Fault::Silence);
    let reader = ask(&fixture, &node, 0, 1).await;
    let others = ask(&fixture, &node, 0, 3).await;
    node.ports.heal(Call::Credential);
    reader[0].abort();
    assert_eq!(answers(others).await, [Answer::Valid; 3]);

    node.verifier.forget(id(0));
    node.ports.fail(Call::Credential, Fault::Silence);
    let reader = ask(&fixture, &node, 0, 1).await;
    let others = ask(&fixture, &node, 0, 3).await;
    node.ports.heal(Call::Credential);
    assert_eq!(answers(reader).await, [Answer::Unavailable], "an error is not a verdict");
    assert_eq!(answers(others).await, [Answer::Valid; 3]);
}

#[tokio::test(start_paused = true)]
async fn a_read_from_before_a_revocation_serves_no_request_from_after_it() {
    let fixture = Fixture::with_keys(1);
    let node = fixture.member().await;
    node.ports.fail(Call::Credential, Fault::Held);
    let before = ask(&fixture, &node, 0, 2).await;
    fixture.revoke(&node, 0).await;
    let after = ask(&fixture, &node, 0, 2).await;
    assert_eq!(node.ports.made(Call::Credential), 1, "they share a read that began before them");
    node.ports.heal(Call::Credential);
    node.ports.let_go();
    assert_eq!(answers(after).await, [Answer::Restricted; 2]);
    assert_eq!(answers(before).await, [Answer::Restricted; 2], "it is not used, and not kept");
    assert_eq!(fixture.verify(&node, 0).await, Answer::Restricted);
}

#[tokio::test(start_paused = true)]
async fn a_read_that_is_outdated_again_and_again_ends_without_a_verdict() {
    let fixture = Fixture::with_keys(7);
    let node = fixture.member().await;
    node.ports.fail(Call::Credential, Fault::Held);
    let verifier = Arc::clone(&node.verifier);
    let requests = node.tasks.spawn(async move { verifier.credential(id(0)).await });
    for other in 1..=5 {
        fixture.pass_millis(1).await;
        fixture.revoke(&node, other).await;
        node.ports.let_go();
    }
    assert!(matches!(ends(requests).await.unwrap(), Err(StorageError::Unavailable(_))));
    node.ports.heal(Call::Credential);
    assert_eq!(fixture.verify(&node, 0).await, Answer::Valid);
}
