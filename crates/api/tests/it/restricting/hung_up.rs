//! A client that hangs up before its answer.

use super::{Held, Node, Pin, Poll, World, call, calls, poll_fn};
use crate::harness::{Course, Feeding, Ports, Setup};

/// Polls up to this many times, when woken. Returns whether the future completed.
async fn poll_times<F: Future>(mut future: Pin<&mut F>, times: usize) -> bool {
    let mut left = times;
    poll_fn(|cx| {
        let Some(fewer) = left.checked_sub(1) else { return Poll::Ready(false) };
        left = fewer;
        match future.as_mut().poll(cx) {
            Poll::Ready(_) => Poll::Ready(true),
            Poll::Pending if left == 0 => Poll::Ready(false),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Whether a call of this module has changed this key or its account.
async fn is_changed(node: &Node, by: &Held, key: &Held) -> bool {
    let account = node.get(&by.value, "/v1/merchants/merchant_a1").await.json(200);
    let key = node.get(&by.value, &key.path()).await.json(200);
    key["state"] == "revoked" || account["status"] != "active"
}

/// A committed change is enforced, and an uncommitted one left no trace.
async fn check(node: &Node, by: &Held, key: &Held, changed: bool) {
    let used = node.get(&key.value, "/v1/merchants").await;
    assert_eq!(used.status.as_u16(), if changed { 401 } else { 200 });
    let enforcement = node.get(&by.value, &format!("{}/enforcement", key.path())).await.json(200);
    assert_eq!(enforcement["enforced"] == true, enforcement["state"] == "revoked");
}

#[tokio::test]
async fn whenever_a_client_hangs_up_committed_changes_are_enforced_and_nothing_else_was_done() {
    for n in 0..4 {
        let world = World::new().await;
        let by = world.root("platform").await;
        world.get(&by.value, "/v1/merchants").await.json(200);
        let mut undone = 0;
        for times in 0.. {
            let pair = world.pair("merchant_a1", &["merchants:read"]).await;
            world.get(&pair.secret.value, "/v1/merchants").await.json(200);
            let ending = calls(&pair.secret)[n].clone();
            let done = {
                let mut call = Box::pin(call(&world, &by, &ending));
                poll_times(call.as_mut(), times).await
            };
            world.wait_for_background().await;
            let changed = is_changed(&world, &by, &pair.secret).await;
            check(&world, &by, &pair.secret, changed).await;
            assert!(changed || !done, "{ending:?}");
            undone += u32::from(!changed);
            if done || !is_open_again(&world, &by.value).await {
                break;
            }
            // The next one starts with equally little to do.
            for held in [&pair.public, &pair.secret] {
                world.delete(&by.value, &held.path()).await.empty(204);
            }
        }
        assert!(undone > 0);
    }
}

/// Tries to resume the account; a closed one stays closed.
async fn is_open_again(world: &World, by: &str) -> bool {
    world.post(by, "/v1/merchants/merchant_a1/resume").await.status == 200
}

#[tokio::test]
async fn the_wait_continues_to_its_end_for_a_client_that_is_gone() {
    for n in 0..4 {
        let world = World::new().await;
        let by = world.root("platform").await;
        let key = world.pair("merchant_a1", &["merchants:read"]).await.secret;
        let feed = Feeding::over(world.ports().feed);
        let node = Node::started(Ports { feed: feed.clone() as _, ..world.ports() }, Setup::default()).await;
        for held in [&by, &key] {
            node.get(&held.value, "/v1/merchants").await.json(200);
        }
        feed.reading.send_replace(Course::Waits);
        let ending = calls(&key)[n].clone();
        let mut gone = Box::pin(call(&node, &by, &ending));
        tokio::select! {
            biased;
            _ = &mut gone => panic!("memory has not received it yet"),
            () = async { while !is_changed(&node, &by, &key).await {} } => {}
        }
        drop(gone);
        assert_eq!(node.under_way(), 1, "{ending:?}");
        feed.reading.send_replace(Course::Well);
        node.wait_for_background().await;
        check(&node, &by, &key, true).await;
    }
}
