//! `GET /v1/api-keys/{id}`: one key, in both spellings.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{ID, START, World};

#[tokio::test]
async fn a_secret_key_is_shown_without_its_value() {
    let world = World::new().await;
    let reader = world.key("partner_a", &["api-keys:read"]).await;
    let key = world.key_of("merchant_a1", "secret", &["charges:read"], Some("2027-01-01T00:00:00.000Z")).await;
    let four = &key.value[key.value.len() - 4..];
    let answer = world.get(&reader.value, &key.path()).await;
    assert_eq!(
        answer.json(200),
        json!({
            "status": "SUCCESS", "success": true, "errors": [], "id": key.id, "mid": "merchant_a1", "name": "Planted",
            "description": null, "type": "secret", "scopes": ["charges:read"], "state": "active", "created_at": START,
            "createdOn": START, "created_by": "operator", "last_used": null, "lastUsed": null, "last_four": four,
            "lastFour": four, "expires_at": "2027-01-01T00:00:00.000Z", "revoked_at": null, "revoked_by": null,
            "revocation_reason": null,
        })
    );
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

#[tokio::test]
async fn other_keys_show_their_value() {
    let world = World::new().await;
    let reader = world.key("partner_a", &["api-keys:read"]).await;
    for key_type in ["public", "tokenization"] {
        let key = world.key_of("merchant_a1", key_type, &[], None).await;
        assert_eq!(world.get(&reader.value, &key.path()).await.json(200)["value"], key.value);
    }
}

#[tokio::test]
async fn the_last_use_is_shown_once_it_was_written() {
    let world = World::new().await;
    let reader = world.key("partner_a", &["api-keys:read"]).await;
    world.get(&reader.value, &reader.path()).await.json(200);
    world.advance(Duration::from_secs(90));
    world.get(&reader.value, "/v1/api-keys/partner_a").await.json(200);
    world.access.flush_usage().await.unwrap();
    let key = world.get(&reader.value, &reader.path()).await.json(200);
    assert_eq!(
        (&key["last_used"], &key["lastUsed"]),
        (&json!("2026-11-23T12:01:30.000Z"), &json!("2026-11-23T12:01:30.000Z"))
    );
    let list = world.get(&reader.value, "/v1/api-keys/partner_a").await.json(200);
    assert_eq!(list["keys"][0]["last_used"], "2026-11-23T12:01:30.000Z");
}

#[tokio::test]
async fn a_key_is_expired_at_the_very_instant() {
    let world = World::new().await;
    let reader = world.key("partner_a", &["api-keys:read", "api-keys:verify"]).await;
    let key = world.key_of("merchant_a1", "secret", &["api-keys:read"], Some("2026-11-23T12:00:10.000Z")).await;
    world.advance(Duration::from_micros(9_999_999));
    assert_eq!(world.get(&reader.value, &key.path()).await.json(200)["state"], "active");
    world.get(&key.value, "/v1/api-keys/merchant_a1").await.json(200);
    world.advance(Duration::from_micros(1));
    assert_eq!(world.get(&reader.value, &key.path()).await.json(200)["state"], "expired");
    world.get(&key.value, "/v1/api-keys/merchant_a1").await.problem(401, "invalid_credential");
    let verdict = world.post_json(&reader.value, "/v1/verify", &json!({"key": key.value})).await.json(200);
    assert_eq!(verdict, json!({"valid": false, "code": "EXPIRED", "id": key.id}));
}

#[tokio::test]
async fn unknown_foreign_and_garbled_ids_are_the_same() {
    let world = World::new().await;
    let reader = world.root("partner_a").await;
    let foreign = world.root("partner_b").await.id;
    let above = world.root("platform").await.id;
    let mut answers = Vec::new();
    for id in
        [ID, &foreign, &above, "key_", "key_zzz", "key_garbage%20here", &foreign.to_uppercase().replace("KEY", "key")]
    {
        let answer = world.get(&reader.value, &format!("/v1/api-keys/{id}")).await;
        answer.problem(404, "key_not_found");
        answers.push(answer.untraced());
    }
    answers.dedup();
    assert_eq!(answers.len(), 1);
}

#[tokio::test]
async fn a_merchant_reaches_only_itself() {
    let world = World::new().await;
    let merchant = world.root("merchant_a1").await;
    for (mid, status) in [("merchant_a1", 200), ("merchant_a2", 404), ("partner_a", 404), ("platform", 404)] {
        let key = world.key(mid, &[]).await;
        assert_eq!(world.get(&merchant.value, &key.path()).await.status, status, "{mid}");
    }
}

#[tokio::test]
async fn a_revoked_key_shows_when_by_whom_and_why() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let key = world.key("merchant_a1", &[]).await;
    world.advance(Duration::from_secs(5));
    world.delete(&by.value, &format!("{}?reason=compromised", key.path())).await.empty(204);
    let shown = world.get(&by.value, &key.path()).await.json(200);
    let field = |name: &str| shown[name].clone();
    assert_eq!(field("state"), "revoked");
    assert_eq!(field("revoked_at"), "2026-11-23T12:00:05.000Z");
    assert_eq!((field("revoked_by"), field("revocation_reason")), (Value::from(by.id), Value::from("compromised")));
}
