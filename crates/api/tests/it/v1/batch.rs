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
        {"key": one.abroad()},
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
async fn one_to_a_hundred_checks_are_answered() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    for count in [0, 1, 100, 101] {
        let answer = world.post_json(&by.value, PATH, &json!({"checks": vec![json!({"key": "x"}); count]})).await;
        if (1..=100).contains(&count) {
            assert_eq!(answer.json(200)["results"].as_array().unwrap().len(), count);
        } else {
            answer.invalid(&["checks"]);
        }
    }
}

#[tokio::test]
async fn a_misspelt_condition_anywhere_is_refused() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    for (body, name) in [
        (json!({"checks": [{"key": "x"}, {"key": "x", "scope": []}]}), "checks[1].scope"),
        (json!({"checks": [{"key": "x"}], "scopes": []}), "scopes"),
    ] {
        let told = world.post_json(&by.value, PATH, &body).await.problem(400, "unknown_condition");
        assert!(told["fields"][name].is_array(), "{told}");
    }
}

#[tokio::test]
async fn a_wrong_field_is_named_with_its_place() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    for (body, fields) in [
        (json!({}), &["checks"][..]),
        (json!({"checks": null}), &["checks"]),
        (json!({"checks": {"key": "x"}}), &["checks"]),
        (json!({"checks": ["x"]}), &["checks"]),
        (json!({"checks": [{"key": "x"}, {}]}), &["checks[1].key"]),
        (json!({"checks": [{"key": "x", "scopes": ["a", "A"]}]}), &["checks[0].scopes[1]"]),
        (
            json!({"checks": [{"key": 1}, {"key": "x"}, {"type": "x"}]}),
            &["checks[0].key", "checks[2].key", "checks[2].type"],
        ),
    ] {
        world.post_json(&by.value, PATH, &body).await.invalid(fields);
    }
}
