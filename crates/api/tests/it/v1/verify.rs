//! `POST /v1/verify`: verifies one key.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Held, ID, World};

const PATH: &str = "/v1/verify";

async fn verify(world: &World, by: &Held, body: &Value) -> Value {
    let answer = world.post_json(&by.value, PATH, body).await;
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    answer.json(200)
}

#[tokio::test]
async fn a_valid_key_is_shown_completely() {
    let world = World::new().await;
    let by = world.key("platform", &["api-keys:verify"]).await;
    let key = world.key_of("merchant_a1", "secret", &["charges:read"], Some("2027-01-01T00:00:00.000Z")).await;
    assert_eq!(
        verify(&world, &by, &json!({"key": key.value})).await,
        json!({
            "valid": true, "code": "VALID", "id": key.id, "mid": "merchant_a1", "partner_mid": "partner_a",
            "name": "Planted", "type": "secret", "scopes": ["charges:read"], "expires_at": "2027-01-01T00:00:00.000Z",
        })
    );
}

#[tokio::test]
async fn only_a_merchant_of_a_partner_has_a_partner_mid() {
    let world = World::new().await;
    let by = world.root("platform").await;
    for (mid, partner) in [
        ("platform", Value::Null),
        ("partner_a", Value::Null),
        ("merchant_p1", Value::Null),
        ("merchant_b1", json!("partner_b")),
    ] {
        let key = world.key(mid, &[]).await;
        let verdict = verify(&world, &by, &json!({"key": key.value})).await;
        assert_eq!(
            (&verdict["mid"], &verdict["partner_mid"], &verdict["expires_at"]),
            (&json!(mid), &partner, &Value::Null)
        );
    }
}

#[tokio::test]
async fn all_conditions_are_checked() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let secret = world.key("merchant_a1", &["charges:*", "refunds:read"]).await.value;
    let public = world.key_of("merchant_a1", "public", &["charges:read"], None).await.value;
    for (body, code) in [
        (json!({"key": secret, "scopes": []}), "VALID"),
        (json!({"key": secret, "scopes": null, "type": null, "mid": null}), "VALID"),
        (json!({"key": secret, "scopes": ["charges:read", "refunds:read"]}), "VALID"),
        (json!({"key": secret, "scopes": ["charges:*"]}), "VALID"),
        (json!({"key": secret, "scopes": ["charges"]}), "INSUFFICIENT_SCOPE"),
        (json!({"key": secret, "scopes": ["charges:read", "refunds:write"]}), "INSUFFICIENT_SCOPE"),
        (json!({"key": secret, "type": "secret", "mid": "merchant_a1"}), "VALID"),
        (json!({"key": secret, "type": "public"}), "WRONG_TYPE"),
        (json!({"key": secret, "mid": "merchant_a2"}), "WRONG_ACCOUNT"),
        (json!({"key": secret, "mid": "partner_a"}), "WRONG_ACCOUNT"),
        (json!({"key": public}), "WRONG_TYPE"),
        (json!({"key": public, "type": "public"}), "VALID"),
        (json!({"key": public, "type": "publishable", "scopes": ["charges:read"]}), "VALID"),
        (json!({"key": public, "type": "tokenization"}), "WRONG_TYPE"),
    ] {
        let verdict = verify(&world, &by, &body).await;
        assert_eq!(verdict["code"], code);
        assert_eq!(verdict["valid"], code == "VALID");
        if code != "VALID" {
            assert_eq!(verdict.as_object().unwrap().keys().collect::<Vec<_>>(), ["code", "id", "valid"]);
        }
    }
}

#[tokio::test]
async fn the_first_applicable_reason_is_reported() {
    let world = World::new().await;
    let (platform, partner) = (world.root("platform").await, world.root("partner_a").await);
    let key = world.key_of("merchant_a1", "public", &[], Some("2026-11-23T12:00:01.000Z")).await;
    let ask = json!({"key": key.value, "mid": "merchant_a2", "scopes": ["charges:read"]});
    let mut typed = ask.clone();
    typed["type"] = json!("public");
    let mut own_account = typed.clone();
    own_account["mid"] = json!("merchant_a1");
    let verdict = async |body: &Value| verify(&world, &partner, body).await;
    // Each step removes the reason that came first.
    assert_eq!(verdict(&own_account).await["code"], "INSUFFICIENT_SCOPE");
    assert_eq!(verdict(&typed).await["code"], "WRONG_ACCOUNT");
    assert_eq!(verdict(&ask).await["code"], "WRONG_TYPE");
    world.advance(Duration::from_secs(1));
    assert_eq!(verdict(&ask).await["code"], "EXPIRED");
    world.post(&partner.value, "/v1/merchants/merchant_a1/suspend").await.json(200);
    assert_eq!(verdict(&ask).await["code"], "SUSPENDED");
    world.delete(&partner.value, &key.path()).await.empty(204);
    assert_eq!(verdict(&ask).await, json!({"valid": false, "code": "REVOKED", "id": key.id}));
    let production_value = json!({"key": key.production_value(), "mid": "merchant_a2"});
    assert_eq!(verdict(&production_value).await, json!({"valid": false, "code": "WRONG_ENVIRONMENT"}));
    let wrong = json!({"key": key.forged()});
    assert_eq!(verdict(&wrong).await, json!({"valid": false, "code": "NOT_FOUND"}));
    let stranger = world.root("partner_b").await;
    assert_eq!(verify(&world, &stranger, &ask).await, json!({"valid": false, "code": "NOT_FOUND"}));
    assert_eq!(verify(&world, &platform, &ask).await["code"], "REVOKED");
}

#[tokio::test]
async fn an_absent_key_reveals_nothing_else() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let own = world.key("merchant_a1", &[]).await;
    let mut values = vec![String::new(), "garbage".into(), ID.into(), own.id.clone(), own.forged(), "x".repeat(10_000)];
    for mid in ["platform", "partner_b", "merchant_b1", "merchant_p1"] {
        values.push(world.key(mid, &[]).await.value);
    }
    values.push(own.value.to_uppercase());
    let pair = world.pair("partner_a", &[]).await;
    values.push(world.access_token(&pair).await);
    for value in values {
        let verdict = verify(&world, &by, &json!({"key": value})).await;
        assert_eq!(verdict, json!({"valid": false, "code": "NOT_FOUND"}), "{value}");
    }
}

#[tokio::test]
async fn a_misspelt_condition_is_refused_even_of_a_key_in_memory() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    for _ in 0..2 {
        assert_eq!(verify(&world, &by, &json!({"key": by.value})).await["valid"], true);
        let body = json!({"key": by.value, "scope": null});
        let problem = world.post_json(&by.value, PATH, &body).await.problem(400, "unknown_condition");
        assert!(problem["fields"]["scope"].is_array(), "{problem}");
        assert!(!problem.to_string().contains(&by.value));
    }
}

#[tokio::test]
async fn a_wrong_body_is_refused_even_of_a_key_in_memory() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    assert_eq!(verify(&world, &by, &json!({"key": by.value})).await["valid"], true);
    for (body, fields) in [
        (
            json!({"key": by.value, "type": ["secret"], "mid": 1, "scopes": ["a", "a"]}),
            &["mid", "scopes[1]", "type"][..],
        ),
        (json!({"key": by.value, "scopes": "charges:read"}), &["scopes"]),
        (json!({"key": by.value, "mid": "key_1"}), &["mid"]),
        (json!({"key": null}), &["key"]),
    ] {
        world.post_json(&by.value, PATH, &body).await.invalid(fields);
    }
    for body in [format!("[{:?}]", by.value), format!("{{\"key\": {0:?}, \"key\": {0:?}}}", by.value)] {
        let request = world.request("POST", PATH).bearer(&by.value).body("application/json", body);
        request.send().await.invalid(&["body"]);
    }
    let answer = world.request("POST", PATH).bearer(&by.value).multipart(&[("key", "x")]).send().await;
    answer.problem(415, "unsupported_media_type");
}

#[tokio::test]
async fn a_verified_key_counts_as_used() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let (good, bad) = (world.key("merchant_a1", &[]).await, world.key("merchant_a1", &[]).await);
    verify(&world, &by, &json!({"key": good.value})).await;
    verify(&world, &by, &json!({"key": bad.value, "mid": "merchant_a2"})).await;
    verify(&world, &by, &json!({"key": bad.forged()})).await;
    world.access.flush_usage().await.unwrap();
    assert!(world.get(&by.value, &good.path()).await.json(200)["last_used"].is_string());
    assert!(world.get(&by.value, &bad.path()).await.json(200)["last_used"].is_null());
}
