//! A key that begins later (contract, section 16): pending until then, for every call.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Held, World};

const START: &str = "2026-11-23T12:00:10.000Z";
const BEFORE: Duration = Duration::from_micros(9_999_999);

async fn create(world: &World, by: &Held, more: Value) -> Held {
    let mut body = json!({
        "mid": "merchant_a1", "name": "Later", "type": "secret", "scopes": ["charges:read"], "not_before": START,
    });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let made = world.post_json(&by.value, "/v1/api-keys", &body).await.json(201);
    assert_eq!((&made["state"], &made["not_before"]), (&json!("pending"), &json!(START)));
    Held { id: made["id"].as_str().unwrap().to_owned(), value: made["value"].as_str().unwrap().to_owned() }
}

async fn listed(world: &World, by: &Held, state: &str) -> Vec<String> {
    let page = world.get(&by.value, &format!("/v1/api-keys/merchant_a1{state}")).await.json(200);
    let keys = page["keys"].as_array().unwrap().iter();
    keys.map(|key| key["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_key_is_pending_until_the_instant_it_begins() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let key = create(&world, &by, json!({"expires_at": "2026-11-23T12:00:20.000Z"})).await;
    let code = async || {
        let verdict = world.post_json(&by.value, "/v1/verify", &json!({"key": key.value})).await.json(200);
        verdict["code"].as_str().unwrap().to_owned()
    };
    let state = async || world.get(&by.value, &key.path()).await.json(200)["state"].as_str().unwrap().to_owned();
    world.advance(BEFORE);
    // Looked up, and from memory.
    for _ in 0..2 {
        assert_eq!((code().await.as_str(), state().await.as_str()), ("NOT_YET_VALID", "pending"));
        world.get(&key.value, "/v1/auth").await.problem(401, "invalid_credential");
        assert!(world.remembers(&key));
    }
    for (filter, expected) in
        [("", vec![]), ("?state=active", vec![]), ("?state=pending", vec![&key.id]), ("?state=expired", vec![])]
    {
        assert_eq!(listed(&world, &by, filter).await.iter().collect::<Vec<_>>(), expected, "{filter}");
    }
    world.advance(Duration::from_micros(1));
    assert_eq!((code().await.as_str(), state().await.as_str()), ("VALID", "active"));
    world.get(&key.value, "/v1/auth").await.empty(204);
    assert_eq!(
        (listed(&world, &by, "").await, listed(&world, &by, "?state=pending").await),
        (vec![key.id.clone()], vec![])
    );
    world.advance(Duration::from_secs(10));
    assert_eq!((code().await.as_str(), state().await.as_str()), ("EXPIRED", "expired"));
}

#[tokio::test]
async fn a_pending_key_is_refused_as_a_caller_and_can_be_revoked() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let key = create(&world, &by, json!({"scopes": ["api-keys:*"]})).await;
    world.get(&key.value, "/v1/api-keys/merchant_a1").await.problem(401, "invalid_credential");
    world.delete(&by.value, &key.path()).await.empty(204);
    let verdict = world.post_json(&by.value, "/v1/verify", &json!({"key": key.value})).await.json(200);
    assert_eq!(verdict, json!({"valid": false, "code": "REVOKED", "id": key.id}));
}

#[tokio::test]
async fn a_pending_manager_key_does_not_count_against_a_lock_out() {
    let world = World::new().await;
    let only = world.root("partner_a").await;
    let body = json!({
        "mid": "partner_a", "name": "Later", "type": "secret", "scopes": ["api-keys:*"], "not_before": START,
    });
    world.post_json(&only.value, "/v1/api-keys", &body).await.json(201);
    world.delete(&only.value, &only.path()).await.problem(409, "lock_out");
    world.advance(Duration::from_secs(10));
    world.delete(&only.value, &only.path()).await.empty(204);
}

#[tokio::test]
async fn both_keys_of_a_pair_begin_together() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let body = json!({"name": "Later", "scopes": ["charges:read"], "notBefore": START});
    let made = world.post_json(&by.value, "/v1/merchants/merchant_a1/api-keys", &body).await.json(201);
    for key in made["keys"].as_array().unwrap() {
        assert_eq!((&key["state"], &key["not_before"]), (&json!("pending"), &json!(START)));
    }
    let body = json!({"AppKey": made["appKey"], "AppSecret": made["appSecret"]});
    let token = async || world.request("POST", "/v1/oauth2/token").json(&body).send().await;
    token().await.problem(401, "invalid_credential");
    world.advance(Duration::from_secs(10));
    token().await.json(200);
}

#[tokio::test]
async fn a_not_before_that_is_no_time_or_not_before_the_end_is_named() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    for (not_before, expires_at, fields) in [
        (json!("tomorrow"), Value::Null, &["not_before"][..]),
        (json!(START), json!(START), &["not_before"]),
        (json!(START), json!("2026-11-23T12:00:09.999Z"), &["not_before"]),
        (json!(START), json!("2026-11-23T11:00:00.000Z"), &["expires_at", "not_before"]),
        (json!(7), json!(7), &["expires_at", "not_before"]),
    ] {
        let body = json!({
            "mid": "merchant_a1", "name": "n", "type": "secret", "not_before": not_before, "expires_at": expires_at,
        });
        let problem = world.post_json(&by.value, "/v1/api-keys", &body).await.problem(400, "invalid_request");
        assert_eq!(problem["fields"].as_object().unwrap().keys().collect::<Vec<_>>(), fields, "{body}");
    }
    // A time in the past is valid: such a key has already begun.
    let body = json!({"mid": "merchant_a1", "name": "n", "type": "secret", "not_before": "2020-01-01T00:00:00Z"});
    assert_eq!(world.post_json(&by.value, "/v1/api-keys", &body).await.json(201)["state"], "active");
}
