//! `POST /v1/api-keys`: valid requests.

use keyward_domain::{PresentedValue, VALUE_REGEX};
use serde_json::{Value, json};

use crate::harness::{START, World};

const PATH: &str = "/v1/api-keys";

async fn created(world: &World, body: &Value) -> Value {
    let by = world.root("partner_a").await;
    world.post_json(&by.value, PATH, body).await.json(201)
}

#[tokio::test]
async fn a_new_key_is_shown_whole() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let body = json!({
        "mid": "merchant_a1", "name": "  My API Key ", "type": "secret", "scopes": ["customers:read", "api-keys:read"],
        "description": " for the shop ", "expires_at": "2026-12-24T18:00:00+01:00", "unknown_member": [1, {"x": null}],
    });
    let answer = world.post_json(&by.value, PATH, &body).await;
    let key = answer.json(201);
    let (id, value) = (key["id"].as_str().unwrap(), key["value"].as_str().unwrap());
    assert_eq!(
        key,
        json!({
            "id": id, "mid": "merchant_a1", "name": "My API Key", "description": "for the shop", "type": "secret",
            "value": value, "scopes": ["customers:read", "api-keys:read"], "state": "active", "created_at": START,
            "created_by": by.id, "not_before": null, "expires_at": "2026-12-24T17:00:00.000Z", "last_used": null,
            "effective_expires_at": "2026-12-24T17:00:00.000Z", "suspended_at": null, "suspended_by": null,
            "metadata": {}, "pair_id": null, "last_four": value[value.len() - 4..], "errors": [],
        })
    );
    assert_eq!(answer.header("location"), Some(format!("/v1/api-keys/{id}").as_str()));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let presented = PresentedValue::parse(value, keyward_domain::Environment::Sandbox).unwrap();
    assert_eq!(presented.id().to_string(), id);
    assert!(value.starts_with("sk_test_"), "{VALUE_REGEX}");
}

#[tokio::test]
async fn every_type_has_its_prefix_and_publishable_is_public() {
    let world = World::new().await;
    for (asked, made_type, prefix) in [
        ("secret", "secret", "sk_test_"),
        ("public", "public", "pk_test_"),
        ("publishable", "public", "pk_test_"),
        ("tokenization", "tokenization", "tk_test_"),
    ] {
        let key = created(&world, &json!({"mid": "merchant_a1", "name": "x", "type": asked})).await;
        assert_eq!(key["type"], made_type);
        assert!(key["value"].as_str().unwrap().starts_with(prefix), "{asked}");
    }
}

#[tokio::test]
async fn the_maximum_of_every_field_is_accepted() {
    let world = World::new().await;
    let scopes: Vec<String> = (0..100).map(|n| format!("charges:{n}")).collect();
    let body = json!({
        "mid": "merchant_a1", "name": "é".repeat(200), "type": "secret", "scopes": scopes,
        "description": "é".repeat(500),
    });
    let key = created(&world, &body).await;
    assert_eq!(key["scopes"].as_array().unwrap().len(), 100);
    assert_eq!(key["name"].as_str().unwrap().chars().count(), 200);
}

#[tokio::test]
async fn a_form_is_as_good_as_json() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let parts = [
        ("mid", "merchant_a1"),
        ("name", " My key "),
        ("type", "publishable"),
        ("expires_at", ""),
        ("description", ""),
        ("scopes[]", "charges:read , charges:write"),
        ("scopes[]", "refunds:read"),
    ];
    let key = world.request("POST", PATH).bearer(&by.value).multipart(&parts).send().await.json(201);
    assert_eq!(key["scopes"], json!(["charges:read", "charges:write", "refunds:read"]));
    assert_eq!((&key["name"], &key["type"]), (&json!("My key"), &json!("public")));
    assert_eq!((&key["expires_at"], &key["description"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn a_refusal_of_another_charset_names_the_right_one() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let body = json!({"mid": "partner_a", "name": "x", "type": "public"}).to_string();
    let send = async |content_type: &str| {
        world.request("POST", PATH).bearer(&by.value).body(content_type, body.clone()).send().await
    };
    send("Application/JSON;CharSet=\"UTF-8\"").await.json(201);
    let refused = send("application/json; charset=utf-16").await.problem(415, "unsupported_media_type");
    assert!(refused["detail"].as_str().unwrap().contains("charset=utf-8"), "{refused}");
}

#[tokio::test]
async fn a_caller_grants_only_scopes_that_it_holds() {
    let world = World::new().await;
    let (write, all) = ("api-keys:write", "api-keys:*");
    let refused = Some("scope_not_held");
    for (mid, held, wanted, code) in [
        ("partner_a", &[write][..], &["charges:read", "charges:*"][..], None),
        ("partner_a", &[write], &[write], None),
        ("partner_a", &[write], &["api-keys:read"], refused),
        ("partner_a", &[write], &["merchants:read"], refused),
        ("partner_a", &[all], &["api-keys:read", "api-keys:verify"], None),
        ("partner_a", &[all], &[all], None),
        ("partner_a", &[write, "api-keys:read", "api-keys:verify"], &[all], refused),
        ("partner_a", &[all], &["audit:*"], refused),
        ("merchant_a1", &[all], &["charges:read"], refused),
        ("merchant_a1", &[all, "charges:read"], &["charges:read"], None),
        ("merchant_a1", &[all, "charges:*"], &["charges:read", "charges:*"], None),
        ("merchant_a1", &[all, "charges:read"], &["charges:*"], refused),
        ("platform", &[write], &["charges:read"], None),
        ("platform", &[write], &["webhooks:*"], refused),
    ] {
        let by = world.key(mid, held).await;
        let body = json!({"mid": mid, "name": "x", "type": "secret", "scopes": wanted});
        let before = world.contents().await;
        let answer = world.post_json(&by.value, PATH, &body).await;
        match code {
            None => assert_eq!(answer.json(201)["scopes"], json!(wanted)),
            Some(code) => {
                answer.problem(403, code);
                assert_eq!(world.contents().await, before);
            }
        }
    }
}
