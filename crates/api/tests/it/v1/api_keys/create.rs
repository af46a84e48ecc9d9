//! `POST /v1/api-keys`: valid requests.

use keyward_domain::{PresentedValue, VALUE_REGEX};
use serde_json::{Value, json};

use crate::harness::{START, World};

const PATH: &str = "/v1/api-keys";

async fn made(world: &World, body: &Value) -> Value {
    let by = world.root("partner_a").await;
    world.post_json(&by.value, PATH, body).await.json(201)
}

#[tokio::test]
async fn a_new_key_is_shown_whole() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let body = json!({
        "mid": "merchant_a1", "name": "  My API Key ", "type": "secret", "scopes": ["customers:read", "api-keys:read"],
        "description": " for the shop ", "expires_at": "2026-12-24T18:00:00+01:00", "unheard_of": [1, {"x": null}],
    });
    let answer = world.post_json(&by.value, PATH, &body).await;
    let key = answer.json(201);
    let (id, value) = (key["id"].as_str().unwrap(), key["value"].as_str().unwrap());
    assert_eq!(
        key,
        json!({
            "id": id, "mid": "merchant_a1", "name": "My API Key", "description": "for the shop", "type": "secret",
            "value": value, "scopes": ["customers:read", "api-keys:read"], "state": "active", "created_at": START,
            "created_by": by.id, "expires_at": "2026-12-24T17:00:00.000Z", "last_used": null,
            "last_four": value[value.len() - 4..], "errors": [],
        })
    );
    assert_eq!(answer.header("location"), Some(format!("/v1/api-keys/{id}").as_str()));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let presented = PresentedValue::parse(value, keyward_domain::Environment::Sandbox).unwrap();
    assert_eq!(presented.id().to_string(), id);
    assert!(value.starts_with("sk_test_"), "{VALUE_REGEX}");
}

#[tokio::test]
async fn an_absent_field_has_its_default() {
    let world = World::new().await;
    for body in [
        json!({"mid": "partner_a", "name": "x", "type": "secret"}),
        json!({
            "mid": "partner_a", "name": "x", "type": "secret", "scopes": null, "description": null, "expires_at": null,
        }),
    ] {
        let key = made(&world, &body).await;
        assert_eq!(key["scopes"], json!([]));
        assert_eq!(key["description"], Value::Null);
        assert_eq!(key["expires_at"], Value::Null);
    }
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
        let key = made(&world, &json!({"mid": "merchant_a1", "name": "x", "type": asked})).await;
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
    let key = made(&world, &body).await;
    assert_eq!(key["scopes"].as_array().unwrap().len(), 100);
    assert_eq!(key["name"].as_str().unwrap().chars().count(), 200);
}

#[tokio::test]
async fn a_form_is_as_good_as_json() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    for scopes in [
        &[("scopes", "charges:read"), ("scopes", "charges:write")][..],
        &[("scopes", "charges:read,charges:write")],
        &[("scopes", "charges:read , charges:write"), ("scopes", "")],
    ] {
        let fixed = [
            ("mid", "merchant_a1"),
            ("name", " My key "),
            ("type", "publishable"),
            ("expires_at", ""),
            ("description", ""),
        ];
        let parts = [&fixed[..], scopes].concat();
        let answer = world.request("POST", PATH).bearer(&by.value).multipart(&parts).send().await;
        let key = answer.json(201);
        assert_eq!(key["scopes"], json!(["charges:read", "charges:write"]));
        assert_eq!((&key["name"], &key["type"]), (&json!("My key"), &json!("public")));
        assert_eq!((&key["expires_at"], &key["description"]), (&Value::Null, &Value::Null));
    }
}

#[tokio::test]
async fn a_content_type_may_carry_parameters_and_any_case() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let body = json!({"mid": "partner_a", "name": "x", "type": "public"}).to_string();
    let send = async |content_type: &str| {
        world.request("POST", PATH).bearer(&by.value).body(content_type, body.clone()).send().await
    };
    for content_type in [
        "application/json; charset=utf-8",
        "application/json;CharSet=\"UTF-8\"",
        "application/json; profile=x; charset = us-ascii",
        "Application/JSON",
    ] {
        send(content_type).await.json(201);
    }
    for content_type in [
        "application/json; charset=utf-16",
        "application/json; charset=utf-8; charset=latin1",
        "application/json; charset=",
    ] {
        let refused = send(content_type).await.problem(415, "unsupported_media_type");
        assert!(refused["detail"].as_str().unwrap().contains("charset=utf-8"), "{refused}");
    }
}

#[tokio::test]
async fn a_part_of_a_form_is_utf8_or_refused() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    for (parameter, is_read) in [("", true), ("; charset=utf-8", true), ("; charset=utf-16", false)] {
        let part = |name: &str, value: &str| {
            let head =
                format!("Content-Disposition: form-data; name=\"{name}\"\r\nContent-Type: text/plain{parameter}");
            format!("--x\r\n{head}\r\n\r\n{value}\r\n")
        };
        let body = [part("mid", "partner_a"), part("name", "x"), part("type", "public"), "--x--\r\n".to_owned()];
        let request = world.request("POST", PATH).bearer(&by.value);
        let answer = request.body("multipart/form-data; boundary=x", body.concat()).send().await;
        if is_read {
            answer.json(201);
        } else {
            answer.invalid(&["mid"]);
        }
    }
}

#[tokio::test]
async fn an_error_about_scopes_names_the_field_once() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let body = json!({"mid": "partner_a", "name": "x", "type": "public", "scopes": ["api-keys:read"]});
    let refused = world.post_json(&by.value, PATH, &body).await.problem(400, "invalid_request");
    let said = refused["errors"][0].as_str().unwrap();
    assert_eq!(said.matches("scopes").count(), 1, "{said}");
}

#[tokio::test]
async fn a_new_key_works_immediately() {
    let world = World::new().await;
    let body = json!({"mid": "merchant_a1", "name": "x", "type": "secret", "scopes": ["api-keys:read"]});
    let key = made(&world, &body).await;
    let list = world.get(key["value"].as_str().unwrap(), "/v1/api-keys/merchant_a1").await.json(200);
    assert_eq!(list["keys"][0]["id"], key["id"]);
}

#[tokio::test]
async fn an_argon2id_digest_is_as_good_as_an_hmac() {
    let world =
        World::with(crate::harness::Setup { form: keyward_domain::SecretForm::Argon2id, ..Default::default() }).await;
    let key = world.key("partner_a", &["merchants:read"]).await;
    world.get(&key.value, "/v1/merchants").await.json(200);
    world.get(&key.forged(), "/v1/merchants").await.problem(401, "invalid_credential");
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
