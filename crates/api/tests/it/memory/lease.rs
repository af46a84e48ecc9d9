//! One node of several: it answers from memory during its lease, and judges expiry by the later of two clocks.

use std::{sync::Arc, time::Duration};

use keyward_app::Clock as _;
use keyward_domain::Timestamp;
use keyward_storage::{LeaseReply, Members, StorageError, mock::MockNodes};
use serde_json::{Value, json};

use super::verify;
use crate::harness::{Answer, Dial, Held, Node, Ports, START, Setup, World};

/// A lease lasts two seconds here, a microsecond longer than this.
const ALMOST: Duration = Duration::from_micros(1_999_999);

/// A second node beside the world's own, which does not know it. It joins at this time of the database, receives no
/// events, and can never renew.
async fn joined(world: &World, database_time: Timestamp) -> Node {
    let mut nodes = MockNodes::new();
    let head = world.ports().feed.head().await.unwrap().as_of;
    nodes.expect_join().returning(move |_| Ok(LeaseReply { head, database_time }));
    nodes.expect_renew().returning(|_| Err(StorageError::Unavailable("cut off".into())));
    nodes
        .expect_members()
        .returning(move |_| Ok(Members { rows: Vec::new(), head, is_marked: true, absent: Vec::new(), database_time }));
    nodes.expect_leave().returning(|_| Ok(()));
    let mut feed = MockNodes::new();
    feed.expect_listen().returning(|| Ok(None));
    let ports = Ports { feed: Arc::new(feed), membership: Some(Arc::new(nodes)), ..world.ports() };
    let node = Node::started(ports, Setup::default()).await;
    while !node.access.verifier().may_answer_from_memory() {
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
async fn after_its_lease_a_node_uses_nothing_from_memory() {
    let world = World::new().await;
    let (by, key) = (world.root("platform").await, world.root("merchant_a1").await);
    let node = joined(&world, START.parse().unwrap()).await;
    for _ in 0..2 {
        assert_eq!(codes(&node, &by, &key).await, (204, "VALID".to_owned()));
    }
    assert!(node.remembers(&key));
    world.delete(&by.value, &key.path()).await.empty(204);
    // Until its lease ends it cannot know; the revoking call had to wait for that.
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
    let soon = world.key_of("merchant_a1", "secret", &[], Some("2026-11-23T12:00:20.000Z")).await;
    let later = world.key_of("merchant_a1", "secret", &[], Some("2026-11-23T12:00:21.000Z")).await;
    let node = joined(&world, "2026-11-23T12:00:20.000Z".parse().unwrap()).await;
    // The clock of this node is twenty seconds behind.
    for _ in 0..2 {
        assert_eq!(codes(&node, &by, &soon).await, (401, "EXPIRED".to_owned()));
        assert_eq!(codes(&node, &by, &later).await, (204, "VALID".to_owned()));
    }
    world.advance(Duration::from_secs(1));
    assert_eq!(codes(&node, &by, &later).await, (401, "EXPIRED".to_owned()));
}

#[tokio::test]
async fn no_clock_makes_a_key_valid_early() {
    let world = World::new().await;
    let by = world.root("platform").await;
    let body = json!({"mid": "merchant_a1", "name": "n", "type": "secret", "not_before": "2026-11-23T12:00:10.000Z"});
    let made = world.post_json(&by.value, "/v1/api-keys", &body).await.json(201);
    let text = |member: &str| made[member].as_str().unwrap().to_owned();
    let key = Held { id: text("id"), value: text("value") };
    // The clock of this node is behind that of the database, by which the key has begun.
    let behind = joined(&world, "2026-11-23T12:00:20.000Z".parse().unwrap()).await;
    assert_eq!(codes(&behind, &by, &key).await, (401, "NOT_YET_VALID".to_owned()));
    world.advance(Duration::from_secs(20));
    assert_eq!(codes(&behind, &by, &key).await, (204, "VALID".to_owned()));
    // The clock of this node is ahead of that of the database, by which it has not.
    let ahead = joined(&world, START.parse().unwrap()).await;
    assert_eq!(codes(&ahead, &by, &key).await, (401, "NOT_YET_VALID".to_owned()));
    world.advance(Duration::from_secs(10));
    assert_eq!(codes(&ahead, &by, &key).await, (204, "VALID".to_owned()));
}

/// How far the tested node is behind in the tests of tokens: longer than the lifetime of a token.
const BEHIND: Duration = Duration::from_secs(605);

async fn refresh(on: &Node, tokens: &Value) -> Answer {
    on.token(&json!({"refreshToken": tokens["refreshToken"]})).await
}

fn access(tokens: &Value) -> &str {
    tokens["accessToken"].as_str().unwrap()
}

#[tokio::test]
async fn a_slow_clock_prolongs_no_token_and_no_family() {
    let world = World::new().await;
    let pair = world.pair("merchant_a1", &["merchants:read"]).await;
    let tokens = world.tokens(&pair).await;
    let node = joined(&world, world.access.now().recorded().saturating_add(BEHIND)).await;
    for path in ["/v1/auth", "/v1/merchants"] {
        node.get(access(&tokens), path).await.problem(401, "invalid_credential");
    }
    world.advance(Duration::from_hours(24).saturating_sub(BEHIND + Duration::from_micros(1)));
    let tokens = refresh(&node, &tokens).await.json(200);
    world.advance(Duration::from_micros(1));
    refresh(&node, &tokens).await.problem(401, "invalid_credential");
}

#[tokio::test]
async fn a_token_of_a_node_with_a_wrong_clock_is_dated_as_elsewhere() {
    let world = World::new().await;
    let pair = world.pair("merchant_a1", &["merchants:read"]).await;
    let right = Arc::<Dial>::default();
    right.advance(BEHIND);
    let healthy = Node::started(Ports { clock: Arc::clone(&right) as _, ..world.ports() }, Setup::default()).await;
    let slow = joined(&world, right.wall()).await;
    let expires = right.wall().saturating_add(Duration::from_mins(10)).as_millis();
    for (one, other) in [(&slow, &healthy), (&healthy, &slow)] {
        let tokens = one.tokens(&pair).await;
        assert_eq!(tokens["expires"], expires);
        other.get(access(&tokens), "/v1/auth").await.empty(204);
        let tokens = refresh(other, &tokens).await.json(200);
        one.get(access(&tokens), "/v1/auth").await.empty(204);
    }
    // A node that is forty days ahead issues none, because by its own clock a token would have expired before its use.
    // It reports the reason.
    world.advance(Duration::from_hours(40 * 24));
    let fast = joined(&world, right.wall()).await;
    fast.token(&pair.body()).await.problem(503, "unavailable");
    let readiness = fast.request("GET", "/readyz").send().await;
    assert_eq!((readiness.status.as_u16(), readiness.text().lines().next()), (200, Some("ready")));
    assert!(readiness.text().contains("3455395 s ahead of the database's"), "{}", readiness.text());
    assert_eq!(healthy.request("GET", "/readyz").send().await.text(), "ready\n");
}

/// Memory cannot know until its lease ends, and the database does.
#[tokio::test]
async fn a_node_with_stale_memory_changes_nothing_for_an_ended_key() {
    let world = World::new().await;
    let by = world.root("platform").await;
    let pair = world.pair("partner_a", &["api-keys:*", "merchants:*"]).await;
    let (key, tokens) = (pair.secret.clone(), world.tokens(&pair).await);
    let node = joined(&world, START.parse().unwrap()).await;
    for held in [&pair.public, &key] {
        verify(&node, &by, &json!({"key": held.value, "type": if held.id == key.id { "secret" } else { "public" }}))
            .await
            .json(200);
        assert!(node.remembers(held));
    }
    world.delete(&by.value, &key.path()).await.empty(204);
    let before = world.contents().await;
    node.get(&key.value, "/v1/merchants").await.json(200);
    let create = json!({"mid": "merchant_a1", "name": "x", "type": "secret"});
    for (path, body) in [
        ("/v1/api-keys", create),
        ("/v1/merchants/merchant_a1/api-keys", json!({"name": "x"})),
        ("/v1/merchants", json!({"name": "x"})),
        ("/v1/merchants/merchant_a1/suspend", json!({})),
        ("/v1/merchants/merchant_a1/close", json!({})),
    ] {
        node.post_json(&key.value, path, &body).await.problem(401, "invalid_credential");
    }
    node.delete(&key.value, &pair.public.path()).await.problem(401, "invalid_credential");
    let refresh = json!({"refreshToken": tokens["refreshToken"]});
    node.token(&refresh).await.problem(401, "invalid_credential");
    assert_eq!(world.contents().await, before);
}

#[tokio::test]
async fn a_node_with_stale_memory_judges_anew_and_continues_for_a_key_that_is_valid_again() {
    let world = World::new().await;
    let (by, key) = (world.root("platform").await, world.root("partner_a").await);
    let node = joined(&world, START.parse().unwrap()).await;
    node.get(&key.value, "/v1/merchants").await.json(200);
    for verb in ["suspend", "resume"] {
        world.post(&by.value, &format!("/v1/merchants/partner_a/{verb}")).await.json(200);
    }
    let create = json!({"mid": "merchant_a1", "name": "x", "type": "secret"});
    node.post_json(&key.value, "/v1/api-keys", &create).await.json(201);
}
