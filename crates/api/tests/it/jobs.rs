//! Jobs: what they change, and that one node does each turn.

use std::time::Duration;

use keyward_app::jobs::{Job, run_turn};
use serde_json::{Value, json};

use crate::harness::{Held, Node, Setup, World};

const DAY: Duration = Duration::from_hours(24);
/// A day, and the margin for uses that are recorded later.
const IDLE: Duration = DAY.saturating_add(keyward_domain::IDLE_MARGIN);

async fn turn(node: &Node) -> Option<u64> {
    run_turn(&node.manage, Job::IdleKeys).await.unwrap()
}

async fn set(world: &World, mid: &str, policy: &Value) {
    let by = world.root("platform").await;
    let path = format!("/v1/merchants/{mid}/policy");
    world.request("PUT", &path).bearer(&by.value).json(policy).send().await.json(200);
}

async fn state(world: &World, key: &Held) -> String {
    let by = world.root("platform").await;
    world.get(&by.value, &key.path()).await.json(200)["state"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn idle_keys_are_suspended_by_the_service_as_their_policy_demands() {
    let world = World::new().await;
    let merchant = world.root("merchant_a1").await;
    let idle = world.key("merchant_a1", &["charges:read"]).await;
    let public = world.key_of("merchant_a1", "public", &[], None).await;
    let used = world.key("merchant_a1", &[]).await;
    let elsewhere = world.key("merchant_b1", &[]).await;
    world.get(&idle.value, "/v1/auth").await.empty(204);
    world.access.flush_usage().await.unwrap();
    set(&world, "merchant_a1", &json!({"idle_seconds": DAY.as_secs(), "idle_action": "suspend"})).await;
    set(&world, "merchant_b1", &json!({"idle_seconds": 1, "idle_action": "report"})).await;
    world.advance(IDLE.saturating_sub(Duration::from_micros(1)));
    assert_eq!(turn(&world).await, Some(0));
    world.get(&used.value, "/v1/auth").await.empty(204);
    world.access.flush_usage().await.unwrap();
    world.advance(Duration::from_mins(2));
    assert_eq!(turn(&world).await, Some(2));
    let shown = world.get(&merchant.value, &idle.path()).await.json(200);
    assert_eq!((&shown["state"], &shown["suspended_by"]), (&json!("suspended"), &json!("service")));
    world.get(&idle.value, "/v1/auth").await.problem(401, "invalid_credential");
    for (key, expected) in [(&public, "suspended"), (&used, "active"), (&elsewhere, "active"), (&merchant, "active")] {
        assert_eq!(state(&world, key).await, expected, "{}", key.id);
    }
    // Its own merchant resumes it, and then it counts as idle from that time on.
    let resumed = world.post(&merchant.value, &format!("{}/resume", idle.path())).await.json(200);
    assert_eq!(resumed["state"], "active");
    world.advance(Duration::from_mins(2));
    assert_eq!(turn(&world).await, Some(0));
    world.advance(IDLE);
    assert_eq!(turn(&world).await, Some(2), "it and the key that was used then");
    assert_eq!(turn(&world).await, None, "not due");
}

#[tokio::test]
async fn a_key_that_has_not_begun_is_not_idle() {
    let world = World::new().await;
    let by = world.root("platform").await;
    let body = json!({"mid": "merchant_a1", "name": "x", "type": "public", "not_before": "2026-11-27T12:00:00Z"});
    let made = world.request("POST", "/v1/api-keys").bearer(&by.value).json(&body).send().await.json(201);
    let key = Held { id: made["id"].as_str().unwrap().to_owned(), value: String::new() };
    set(&world, "partner_a", &json!({"idle_seconds": DAY.as_secs(), "idle_action": "suspend"})).await;
    world.advance(4 * DAY);
    assert_eq!(turn(&world).await, Some(0));
    assert_eq!(state(&world, &key).await, "active");
    world.advance(IDLE);
    assert_eq!(turn(&world).await, Some(1));
}

#[tokio::test]
async fn the_last_key_that_manages_keys_stays() {
    let world = World::new().await;
    let mut managers = Vec::new();
    for _ in 0..3 {
        managers.push(world.key("merchant_a1", &["api-keys:write"]).await);
    }
    set(&world, "partner_a", &json!({"idle_seconds": DAY.as_secs(), "idle_action": "suspend"})).await;
    world.advance(2 * DAY);
    assert_eq!(turn(&world).await, Some(2));
    let mut active = 0;
    for key in &managers {
        active += u32::from(state(&world, key).await == "active");
    }
    assert_eq!(active, 1);
    // Also in later turns.
    world.advance(DAY);
    assert_eq!(turn(&world).await, Some(0));
}

#[tokio::test]
async fn a_second_node_does_not_do_the_same_turn() {
    let world = World::new().await;
    let other = Node::started(world.ports(), Setup::default()).await;
    for job in Job::ALL {
        assert_eq!(run_turn(&world.manage, job).await.unwrap(), Some(0), "{}", job.name());
        assert_eq!(run_turn(&other.manage, job).await.unwrap(), None, "{}", job.name());
        world.advance(job.period());
        let (one, two) = tokio::join!(run_turn(&world.manage, job), run_turn(&other.manage, job));
        let mut done = [one.unwrap(), two.unwrap()];
        done.sort_unstable();
        assert_eq!(done, [None, Some(0)], "{}", job.name());
    }
}
