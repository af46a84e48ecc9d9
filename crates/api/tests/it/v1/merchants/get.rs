//! `GET /v1/merchants/{mid}`.

use serde_json::{Value, json};

use crate::harness::{START, World};

#[tokio::test]
async fn an_account_is_shown_whole() {
    let world = World::new().await;
    let by = world.key("platform", &["merchants:read"]).await;
    for (mid, role, parent) in [
        ("platform", "platform", Value::Null),
        ("partner_a", "partner", json!("platform")),
        ("merchant_a1", "merchant", json!("partner_a")),
    ] {
        let answer = world.get(&by.value, &format!("/v1/merchants/{mid}")).await;
        assert_eq!(
            answer.json(200),
            json!({
                "mid": mid, "name": mid, "role": role, "parent_mid": parent, "status": "active", "created_at": START,
                "errors": [],
            })
        );
    }
}
