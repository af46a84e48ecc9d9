//! One node of many: it answers from memory while its lease lasts, and judges expiry by the later one of two clocks.

use std::{sync::Arc, time::Duration};

use keyward_domain::Timestamp;
use keyward_storage::{Confirmed, Incarnation, Members, Seq, StorageError, mock::MockNodes};
use serde_json::json;

use super::verify;
use crate::harness::{Held, Node, Ports, START, Setup, World};

/// A lease lasts two seconds here: a microsecond longer than this.
const ALMOST: Duration = Duration::from_micros(1_999_999);

/// A node of many beside the world's own, of which that one knows nothing. It joins at this time of the database, hears of
/// no events, and can never renew.
async fn joined(world: &World, database_time: Timestamp) -> Node {
    let mut nodes = MockNodes::new();
    let head = world.ports().feed.head().await.unwrap().as_of;
    nodes.expect_join().returning(move |_| Ok(Confirmed { head, incarnation: Incarnation(0), database_time }));
    nodes.expect_renew().returning(|_, _| Err(StorageError::Unavailable("cut off".into())));
    nodes.expect_members().returning(move || Ok(Members { rows: Vec::new(), head: Seq::ZERO, database_time }));
    nodes.expect_leave().returning(|_| Ok(()));
    let mut feed = MockNodes::new();
    feed.expect_listen().returning(|| Ok(None));
    let ports = Ports { feed: Arc::new(feed), membership: Some(Arc::new(nodes)), ..world.ports() };
    let node = Node::started(ports, Setup::default()).await;
    while !node.app.verifier().may_answer_from_memory() {
        tokio::task::yield_now().await;
    }
    node
}

async fn codes(node: &Node, by: &Held, key: &Held) -> (u16, String) {
    let auth = node.get(&key.value, "/v1/auth").await.status.as_u16();
    let verdict = verify(node, by, &json!({"key": key.value})).await.json(200);
    (auth, verdict["code"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn when_its_lease_is_over_a_node_believes_nothing_that_it_remembers() {
    let world = World::new().await;
    let (by, key) = (world.root("platform").await, world.root("merchant_a1").await);
    let node = joined(&world, START.parse().unwrap()).await;
    for _ in 0..2 {
        assert_eq!(codes(&node, &by, &key).await, (204, "VALID".to_owned()));
    }
    assert!(node.remembers(&key));
    world.delete(&by.value, &key.path()).await.empty(204);
    // To the last moment of its lease it knows no better; whoever revoked was to wait for that.
    world.advance(ALMOST);
    assert_eq!(codes(&node, &by, &key).await, (204, "VALID".to_owned()));
    world.advance(Duration::from_micros(1));
    assert_eq!(codes(&node, &by, &key).await, (401, "REVOKED".to_owned()));
    assert!(!node.remembers(&key) && !node.remembers(&by));
}

#[tokio::test]
async fn a_slow_clock_prolongs_no_key() {
    let world = World::new().await;
    let by = world.root("platform").await;
    let soon = world.key_of("merchant_a1", "secret", &[], Some("2026-11-23T12:00:20Z")).await;
    let later = world.key_of("merchant_a1", "secret", &[], Some("2026-11-23T12:00:21Z")).await;
    let node = joined(&world, "2026-11-23T12:00:20Z".parse().unwrap()).await;
    // By the clock of this node it is twenty seconds earlier.
    for _ in 0..2 {
        assert_eq!(codes(&node, &by, &soon).await, (401, "EXPIRED".to_owned()));
        assert_eq!(codes(&node, &by, &later).await, (204, "VALID".to_owned()));
    }
    world.advance(Duration::from_secs(1));
    assert_eq!(codes(&node, &by, &later).await, (401, "EXPIRED".to_owned()));
}
