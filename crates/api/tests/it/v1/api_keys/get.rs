//! `GET /v1/api-keys/{id}`: one key, in both spellings.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{START, World};

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
            "lastFour": four, "not_before": null, "expires_at": "2027-01-01T00:00:00.000Z", "revoked_at": null,
            "revoked_by": null, "revocation_reason": null, "effective_expires_at": "2027-01-01T00:00:00.000Z",
            "suspended_at": null, "suspended_by": null, "metadata": {}, "pair_id": null,
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
async fn a_revoked_key_shows_when_by_which_key_and_why_it_was_revoked() {
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
