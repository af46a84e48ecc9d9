//! `POST /v1/verify/batch`: many checks, answered in their order.

use serde_json::{Value, json};

use crate::harness::World;

const PATH: &str = "/v1/verify/batch";

#[tokio::test]
async fn answers_are_in_the_order_of_the_checks() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let (one, other) = (world.key("merchant_a1", &[]).await, world.key("merchant_a2", &["charges:read"]).await);
    let checks = json!({"checks": [
        {"key": "garbage"},
        {"key": one.value, "scopes": ["charges:read"]},
        {"key": other.value, "scopes": ["charges:read"], "mid": "merchant_a2", "type": "secret"},
        {"key": one.value},
        {"key": one.production_value()},
    ]});
    let answer = world.post_json(&by.value, PATH, &checks).await;
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let good = |id: &str, mid: &str, scopes: Value| {
        json!({
            "valid": true, "code": "VALID", "id": id, "mid": mid, "partner_mid": "partner_a", "name": "Planted",
            "type": "secret", "scopes": scopes, "expires_at": null,
        })
    };
    assert_eq!(
        answer.json(200),
        json!({"results": [
            {"valid": false, "code": "NOT_FOUND"},
            {"valid": false, "code": "INSUFFICIENT_SCOPE", "id": one.id},
            good(&other.id, "merchant_a2", json!(["charges:read"])),
            good(&one.id, "merchant_a1", json!([])),
            {"valid": false, "code": "WRONG_ENVIRONMENT"},
        ]})
    );
}

#[tokio::test]
async fn a_hundred_checks_are_answered_or_one_wrong_one_refuses_them_all() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let mut checks = vec![json!({"key": "x"}); 100];
    let answer = world.post_json(&by.value, PATH, &json!({"checks": checks})).await;
    assert_eq!(answer.json(200)["results"].as_array().unwrap().len(), 100);
    checks[7] = json!({"scopes": ["a", "A"]});
    let answer = world.post_json(&by.value, PATH, &json!({"checks": checks})).await;
    answer.invalid(&["checks[7].key", "checks[7].scopes[1]"]);
    checks[7] = json!({"key": "x", "scope": []});
    let problem = world.post_json(&by.value, PATH, &json!({"checks": checks})).await.problem(400, "unknown_condition");
    assert!(problem["fields"]["checks[7].scope"].is_array(), "{problem}");
}
