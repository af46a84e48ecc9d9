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

#[tokio::test]
async fn a_caller_gets_its_own_account_and_those_below() {
    let world = World::new().await;
    for (by, reached) in [
        ("platform", &["platform", "partner_a", "partner_b", "merchant_p1", "merchant_a1", "merchant_b1"][..]),
        ("partner_a", &["partner_a", "merchant_a1", "merchant_a2"]),
        ("merchant_a1", &["merchant_a1"]),
    ] {
        let by = world.root(by).await;
        let mut told = Vec::new();
        for mid in
            ["platform", "partner_a", "partner_b", "merchant_p1", "merchant_a1", "merchant_a2", "merchant_b1", "nobody"]
        {
            let answer = world.get(&by.value, &format!("/v1/merchants/{mid}")).await;
            if reached.contains(&mid) {
                answer.json(200);
            } else if !(reached.len() > 3 && mid == "merchant_a2") {
                answer.problem(404, "account_not_found");
                told.push(answer.untraced());
            }
        }
        told.dedup();
        assert_eq!(told.len(), 1, "unknown and foreign are the same");
    }
}
