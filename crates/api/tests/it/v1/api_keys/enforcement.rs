//! `GET /v1/api-keys/{id}/enforcement`: whether the end of a key is enforced.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};

use crate::harness::{Course, Feeding, Held, Node, Ports, Setup, World};

/// The enforcement of this key, after pending work is done.
pub(super) async fn when_recorded(node: &Node, by: &Held, key: &Held) -> Value {
    node.wait_for_background().await;
    now(node, by, key).await
}

/// The enforcement of this key now.
pub(super) async fn now(node: &Node, by: &Held, key: &Held) -> Value {
    node.get(&by.value, &format!("{}/enforcement", key.path())).await.json(200)
}

fn view(key: &Held, state: &str, enforced_at: Option<&str>) -> Value {
    json!({"id": key.id, "state": state, "enforced": enforced_at.is_some(), "enforced_at": enforced_at, "errors": []})
}

#[tokio::test]
async fn a_key_that_was_never_revoked_has_no_end_to_enforce() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let key = world.key_of("merchant_a1", "secret", &[], Some("2026-11-23T12:00:01.000Z")).await;
    let answer = world.get(&by.value, &format!("{}/enforcement", key.path())).await;
    assert_eq!(answer.json(200), view(&key, "active", None));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    world.post(&by.value, "/v1/merchants/merchant_a1/suspend").await.json(200);
    assert_eq!(when_recorded(&world, &by, &key).await, view(&key, "active", None));
    world.advance(Duration::from_secs(1));
    assert_eq!(when_recorded(&world, &by, &key).await, view(&key, "expired", None));
}

#[tokio::test]
async fn a_revoked_key_shows_when_it_was_enforced_and_a_second_revocation_changes_nothing() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let secret = world.key("merchant_a1", &[]).await;
    let public = world.key_of("merchant_a1", "public", &[], Some("2026-11-23T12:00:01.000Z")).await;
    for (key, at) in [(&secret, "2026-11-23T12:01:00.000Z"), (&public, "2026-11-23T12:03:00.000Z")] {
        for _ in 0..2 {
            world.advance(Duration::from_mins(1));
            world.delete(&by.value, &key.path()).await.empty(204);
            assert_eq!(when_recorded(&world, &by, key).await, view(key, "revoked", Some(at)));
        }
    }
}

#[tokio::test]
async fn an_overwritten_key_is_enforced_like_a_revoked_one() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let pair = world.pair("merchant_a1", &[]).await;
    world.advance(Duration::from_mins(1));
    let body = json!({"name": "Planted pair", "overwriteExistingKey": true});
    let made = world.post_json(&by.value, "/v1/merchants/merchant_a1/api-keys", &body).await.json(201);
    for key in [&pair.public, &pair.secret] {
        assert_eq!(when_recorded(&world, &by, key).await, view(key, "revoked", Some("2026-11-23T12:01:00.000Z")));
    }
    for n in 0..2 {
        let id = made["keys"][n]["id"].as_str().unwrap();
        let shown = world.get(&by.value, &format!("/v1/api-keys/{id}/enforcement")).await.json(200);
        assert_eq!((&shown["state"], &shown["enforced"]), (&json!("active"), &json!(false)));
    }
}

#[tokio::test]
async fn a_key_of_a_closed_account_is_enforced_when_the_closing_is() {
    for closed in ["merchant_a1", "partner_a"] {
        let world = World::new().await;
        let by = world.root("platform").await;
        let key = world.key("merchant_a1", &[]).await;
        let revoked_before = world.key("merchant_a1", &[]).await;
        let elsewhere = world.key("merchant_b1", &[]).await;
        world.delete(&by.value, &revoked_before.path()).await.empty(204);
        world.advance(Duration::from_mins(1));
        world.post(&by.value, &format!("/v1/merchants/{closed}/suspend")).await.json(200);
        world.advance(Duration::from_mins(1));
        world.post(&by.value, &format!("/v1/merchants/{closed}/close")).await.json(200);
        assert_eq!(
            when_recorded(&world, &by, &key).await,
            view(&key, "revoked", Some("2026-11-23T12:02:00.000Z")),
            "{closed}"
        );
        let expected = view(&revoked_before, "revoked", Some("2026-11-23T12:00:00.000Z"));
        assert_eq!(when_recorded(&world, &by, &revoked_before).await, expected, "{closed}");
        assert_eq!(when_recorded(&world, &by, &elsewhere).await, view(&elsewhere, "active", None), "{closed}");
    }
}

/// A revoked key and one of a closed account, over a database that recorded the enforcement of neither.
struct Unrecorded {
    world: World,
    node: Node,
    feed: Arc<Feeding>,
    by: Held,
    revoked: Held,
    closed: Held,
}

impl Unrecorded {
    async fn new() -> Self {
        let world = World::new().await;
        let by = world.root("platform").await;
        let (revoked, closed) = (world.root("merchant_a1").await, world.root("merchant_b1").await);
        let feed = Feeding::over(world.ports().feed);
        let node = Node::started(Ports { feed: feed.clone() as _, ..world.ports() }, Setup::default()).await;
        feed.recording.send_replace(Course::Fails);
        let unrecorded = Self { world, node, feed, by, revoked, closed };
        unrecorded.end_both().await;
        unrecorded.node.wait_for_background().await;
        unrecorded
    }

    async fn end_both(&self) {
        self.node.delete(&self.by.value, &self.revoked.path()).await.empty(204);
        self.node.post(&self.by.value, "/v1/merchants/merchant_b1/close").await.json(200);
    }
}

#[tokio::test]
async fn unrecorded_enforcement_is_not_reported_and_repeating_the_call_records_it() {
    let it = Unrecorded::new().await;
    // It is enforced: only the record is missing.
    it.node.get(&it.revoked.value, "/v1/merchants").await.problem(401, "invalid_credential");
    for key in [&it.revoked, &it.closed] {
        assert_eq!(when_recorded(&it.node, &it.by, key).await, view(key, "revoked", None));
    }
    it.feed.recording.send_replace(Course::Well);
    it.world.advance(Duration::from_mins(1));
    it.end_both().await;
    for key in [&it.revoked, &it.closed] {
        assert_eq!(when_recorded(&it.node, &it.by, key).await, view(key, "revoked", Some("2026-11-23T12:01:00.000Z")));
    }
}

#[tokio::test]
async fn a_read_records_enforcement_that_no_call_waited_for() {
    let it = Unrecorded::new().await;
    it.feed.recording.send_replace(Course::Well);
    for (key, at) in [(&it.revoked, "2026-11-23T12:01:00.000Z"), (&it.closed, "2026-11-23T12:02:00.000Z")] {
        it.world.advance(Duration::from_mins(1));
        assert_eq!(now(&it.node, &it.by, key).await, view(key, "revoked", None), "not reported before it is known");
        for _ in 0..2 {
            assert_eq!(when_recorded(&it.node, &it.by, key).await, view(key, "revoked", Some(at)));
        }
    }
}
