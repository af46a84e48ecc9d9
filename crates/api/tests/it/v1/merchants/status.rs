//! `POST /v1/merchants/{mid}/suspend`, `/resume` and `/close`.

use keyward_app::{Caller, manage::change_status::change_status};
use keyward_domain::Status;
use serde_json::{Value, json};

use crate::harness::{START, World};

async fn state_of(world: &World, by: &str, id: &str) -> Value {
    world.get(by, &format!("/v1/api-keys/{id}")).await.json(200)
}

#[tokio::test]
async fn each_call_returns_the_account_and_may_be_repeated() {
    let world = World::new().await;
    let by = world.key("partner_a", &["merchants:write"]).await;
    for (verb, status) in
        [("suspend", "suspended"), ("resume", "active"), ("suspend", "suspended"), ("close", "closed")]
    {
        for _ in 0..2 {
            let answer = world.post(&by.value, &format!("/v1/merchants/merchant_a1/{verb}")).await;
            assert_eq!(
                answer.json(200),
                json!({
                    "mid": "merchant_a1", "name": "merchant_a1", "role": "merchant", "parent_mid": "partner_a",
                    "status": status, "created_at": START, "errors": [],
                })
            );
            assert_eq!(answer.header("cache-control"), Some("no-store"));
        }
    }
}

#[tokio::test]
async fn a_closed_account_is_never_resumed_nor_suspended() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    world.post(&by.value, "/v1/merchants/merchant_a1/close").await.json(200);
    for verb in ["resume", "suspend"] {
        world.post(&by.value, &format!("/v1/merchants/merchant_a1/{verb}")).await.problem(409, "account_closed");
    }
    assert_eq!(world.get(&by.value, "/v1/merchants/merchant_a1").await.json(200)["status"], "closed");
}

#[tokio::test]
async fn no_caller_changes_its_own_account() {
    let world = World::new().await;
    for by in ["platform", "partner_a", "merchant_a1"] {
        let key = world.root(by).await;
        for verb in ["suspend", "resume", "close"] {
            world.post(&key.value, &format!("/v1/merchants/{by}/{verb}")).await.problem(403, "own_account");
        }
    }
    assert_eq!(world.contents().await[3], 0);
}

#[tokio::test]
async fn keys_of_a_closed_account_are_shown_as_revoked_everywhere() {
    let world = World::new().await;
    let platform = world.root("platform").await;
    let alive = world.root("merchant_a1").await;
    let revoked = world.key("merchant_a1", &[]).await;
    let public = world.key_of("merchant_a1", "public", &[], Some("2026-11-23T12:00:01.000Z")).await;
    world.delete(&platform.value, &revoked.path()).await.empty(204);
    world.advance(std::time::Duration::from_secs(1));
    world.post(&platform.value, "/v1/merchants/partner_a/close").await.json(200);
    world.get(&alive.value, "/v1/merchants").await.problem(401, "invalid_credential");
    for id in [&alive.id, &public.id] {
        let key = state_of(&world, &platform.value, id).await;
        let shown = ["state", "revoked_at", "revoked_by", "revocation_reason"].map(|name| key[name].clone());
        assert_eq!(shown, [json!("revoked"), Value::Null, Value::Null, Value::Null]);
    }
    assert_eq!(state_of(&world, &platform.value, &revoked.id).await["revoked_by"], platform.id);
    for (query, count) in [("", 0), ("?state=expired", 0), ("?state=revoked", 3), ("?state=all", 3)] {
        let page = world.get(&platform.value, &format!("/v1/api-keys/merchant_a1{query}")).await.json(200);
        assert_eq!(page["keys"].as_array().unwrap().len(), count, "{query}");
        assert!(page["keys"].as_array().unwrap().iter().all(|key| key["state"] == "revoked"), "{query}");
    }
    let verdict = world.post_json(&platform.value, "/v1/verify", &json!({"key": alive.value})).await.json(200);
    assert_eq!(verdict, json!({"valid": false, "code": "REVOKED", "id": alive.id}));
}

#[tokio::test]
async fn a_resumed_merchant_stays_unusable_below_a_suspended_partner() {
    let world = World::new().await;
    let platform = world.root("platform").await;
    let merchant = world.root("merchant_a1").await;
    for path in ["merchant_a1/suspend", "partner_a/suspend", "merchant_a1/resume"] {
        world.post(&platform.value, &format!("/v1/merchants/{path}")).await.json(200);
    }
    world.get(&merchant.value, "/v1/merchants").await.problem(401, "invalid_credential");
    world.post(&platform.value, "/v1/merchants/partner_a/resume").await.json(200);
    world.get(&merchant.value, "/v1/merchants").await.json(200);
}

#[tokio::test]
async fn a_suspension_is_lifted_by_a_caller_at_or_above_the_one_that_made_it() {
    let world = World::new().await;
    let (platform, partner) = (world.root("platform").await.value, world.root("partner_a").await.value);
    let suspend = async |by: &str| world.post(by, "/v1/merchants/merchant_a1/suspend").await.json(200);
    let resume = async |by: &str| world.post(by, "/v1/merchants/merchant_a1/resume").await;
    suspend(&platform).await;
    for _ in 0..2 {
        resume(&partner).await.problem(403, "suspended_from_above");
    }
    assert_eq!(world.get(&partner, "/v1/merchants/merchant_a1").await.json(200)["status"], "suspended");
    // Suspending it again from below removes nothing.
    suspend(&partner).await;
    resume(&partner).await.problem(403, "suspended_from_above");
    resume(&platform).await.json(200);
    // A lifted suspension leaves nothing behind.
    suspend(&partner).await;
    resume(&partner).await.json(200);
    suspend(&partner).await;
    resume(&platform).await.json(200);
    // Suspending it again from higher up counts.
    suspend(&partner).await;
    suspend(&platform).await;
    resume(&partner).await.problem(403, "suspended_from_above");
    // Closing does not resume.
    world.post(&partner, "/v1/merchants/merchant_a1/close").await.json(200);
    resume(&partner).await.problem(409, "account_closed");
}

#[tokio::test]
async fn the_operator_is_above_the_platform() {
    let world = World::new().await;
    let platform = world.root("platform").await.value;
    let partner = world.root("partner_a").await.value;
    let set =
        async |status| change_status(&world.manage, &Caller::operator(), &"merchant_a1".parse().unwrap(), status).await;
    let resume = async |by: &str| world.post(by, "/v1/merchants/merchant_a1/resume").await;
    world.post(&platform, "/v1/merchants/merchant_a1/suspend").await.json(200);
    set(Status::Suspended).await.unwrap();
    for by in [&partner, &platform] {
        resume(by).await.problem(403, "suspended_from_above");
    }
    set(Status::Active).await.unwrap();
    world.post(&partner, "/v1/merchants/merchant_a1/suspend").await.json(200);
    resume(&partner).await.json(200);
}

#[tokio::test]
async fn nothing_is_created_in_an_account_that_is_not_active() {
    let world = World::new().await;
    let by = world.root("platform").await.value;
    for (mid, end) in [("partner_a", "suspend"), ("partner_b", "close")] {
        world.post(&by, &format!("/v1/merchants/{mid}/{end}")).await.json(200);
    }
    let before = world.contents().await;
    for mid in ["partner_a", "merchant_a1", "partner_b", "merchant_b1"] {
        let key = json!({"mid": mid, "name": "x", "type": "public"});
        world.post_json(&by, "/v1/api-keys", &key).await.problem(409, "account_not_active");
        let pairs = format!("/v1/merchants/{mid}/api-keys");
        world.post_json(&by, &pairs, &json!({"name": "x"})).await.problem(409, "account_not_active");
        if mid.starts_with("partner") {
            let merchant = json!({"name": "x", "parent_mid": mid});
            world.post_json(&by, "/v1/merchants", &merchant).await.problem(409, "account_not_active");
        }
    }
    assert_eq!(world.contents().await, before);
}
