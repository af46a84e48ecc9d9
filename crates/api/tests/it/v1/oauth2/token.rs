//! `POST /v1/oauth2/token`, the platform's own dialect: JSON with names in any case.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Answer, ID, World};

pub(super) const PATH: &str = "/v1/oauth2/token";

pub(super) async fn ask(world: &World, body: &Value) -> Answer {
    world.request("POST", PATH).json(body).send().await
}

#[tokio::test]
async fn a_pair_obtains_tokens_in_the_envelope_of_the_platform() {
    let world = World::new().await;
    let pair = world.pair("merchant_a1", &["merchants:read"]).await;
    let answer = ask(&world, &json!({"AppKey": pair.public.value, "AppSecret": pair.secret.value, "x": 1})).await;
    let tokens = answer.json(200);
    let expires = world.access.now().recorded().saturating_add(Duration::from_mins(10)).as_millis();
    assert_eq!(
        tokens,
        json!({
            "accessToken": tokens["accessToken"], "refreshToken": tokens["refreshToken"], "expires": expires,
            "id": pair.secret.uuid(), "success": true, "result": null, "status": null, "statusCode": null, "errors": [],
            "customProperties": {},
        })
    );
    assert!(tokens["accessToken"].is_string() && tokens["refreshToken"].is_string());
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

#[tokio::test]
async fn the_app_key_is_a_value_an_id_or_a_bare_uuid() {
    let world = World::new().await;
    let pair = world.pair("merchant_a1", &[]).await;
    let (value, id, uuid) = (pair.public.value.clone(), pair.public.id.clone(), pair.public.uuid());
    for app_key in [value, id, uuid.clone(), uuid.to_uppercase()] {
        ask(&world, &json!({"AppKey": app_key, "AppSecret": pair.secret.value})).await.json(200);
    }
    for other in [uuid.replace('-', ""), format!("urn:uuid:{uuid}"), format!("{{{uuid}}}")] {
        let answer = ask(&world, &json!({"AppKey": other, "AppSecret": pair.secret.value})).await;
        answer.problem(401, "invalid_credential");
    }
}

#[tokio::test]
async fn names_are_matched_in_any_case_and_never_twice() {
    let world = World::new().await;
    let pair = world.pair("merchant_a1", &[]).await;
    for (key, secret) in [("appKey", "appSecret"), ("APPKEY", "APPSECRET"), ("appkey", "AppSecret")] {
        ask(&world, &json!({key: pair.public.value, secret: pair.secret.value})).await.json(200);
    }
    let twice = json!({"AppKey": pair.public.value, "appkey": pair.public.value, "AppSecret": pair.secret.value});
    ask(&world, &twice).await.problem(400, "invalid_request");
    let body = format!("{{\"AppKey\": \"{ID}\", \"AppKey\": \"{ID}\", \"AppSecret\": \"x\"}}");
    let answer = world.request("POST", PATH).body("application/json", body).send().await;
    answer.invalid(&["body"]);
}

#[tokio::test]
async fn any_public_and_secret_key_of_one_account_obtain_tokens() {
    let world = World::new().await;
    let public = world.key_of("merchant_a1", "public", &[], None).await;
    let secret = world.key("merchant_a1", &["merchants:read"]).await;
    ask(&world, &json!({"AppKey": public.value, "AppSecret": secret.value})).await.json(200);
}

#[tokio::test]
async fn every_wrong_pair_gets_the_same_401() {
    let world = World::new().await;
    let pair = world.pair("merchant_a1", &[]).await;
    let other = world.pair("merchant_a2", &[]).await;
    let tokenization = world.key_of("merchant_a1", "tokenization", &[], None).await;
    let revoked = world.pair("merchant_a1", &[]).await;
    let by = world.root("partner_a").await;
    for key in [&revoked.public, &revoked.secret] {
        world.delete(&by.value, &key.path()).await.empty(204);
    }
    let soon = Some("2026-11-23T12:00:01.000Z");
    let old_public = world.key_of("merchant_a1", "public", &[], soon).await;
    let old_secret = world.key_of("merchant_a1", "secret", &[], soon).await;
    world.advance(Duration::from_secs(1));
    let (public, secret) = (&pair.public.value, &pair.secret.value);
    let mut bodies = Vec::new();
    for (app_key, app_secret) in [
        (public, &other.secret.value),
        (&other.public.value, secret),
        (public, &pair.secret.forged()),
        (&pair.public.forged(), secret),
        (&ID.to_owned(), secret),
        (&"0188c2e3-6c97-7a4e-9d6f-d0ee3b2bb224".to_owned(), secret),
        (&"garbage".to_owned(), secret),
        (&String::new(), secret),
        (public, &"garbage".to_owned()),
        (public, &String::new()),
        (secret, secret),
        (&pair.secret.id, secret),
        (public, public),
        (&tokenization.value, secret),
        (&tokenization.id, secret),
        (&revoked.public.value, secret),
        (public, &revoked.secret.value),
        (&old_public.value, secret),
        (public, &old_secret.value),
    ] {
        let answer = ask(&world, &json!({"AppKey": app_key, "AppSecret": app_secret})).await;
        answer.problem(401, "invalid_credential");
        assert_eq!(answer.header("www-authenticate"), Some("Basic realm=\"keyward\""));
        bodies.push(answer.untraced());
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1);
}

#[tokio::test]
async fn a_key_of_the_other_environment_is_named_as_such() {
    let world = World::new().await;
    let pair = world.pair("merchant_a1", &[]).await;
    for (app_key, app_secret) in [
        (pair.public.production_value(), pair.secret.value.clone()),
        (pair.public.value.clone(), pair.secret.production_value()),
    ] {
        let answer = ask(&world, &json!({"AppKey": app_key, "AppSecret": app_secret})).await;
        answer.problem(401, "wrong_environment");
    }
}

#[tokio::test]
async fn a_wrong_body_is_a_bad_request() {
    let world = World::new().await;
    ask(&world, &json!({})).await.invalid(&["AppKey", "AppSecret"]);
    ask(&world, &json!({"refreshToken": 7, "appkey": "x"})).await.invalid(&["refreshToken"]);
    world.request("POST", PATH).body("application/json", "[]").send().await.invalid(&["body"]);
    for content_type in ["text/plain", "multipart/form-data; boundary=x"] {
        let answer = world.request("POST", PATH).body(content_type, "{}").send().await;
        answer.problem(415, "unsupported_media_type");
    }
    world.request("POST", PATH).send().await.problem(415, "unsupported_media_type");
    let long = "x".repeat(70_000);
    world.request("POST", PATH).body("application/json", long).send().await.problem(413, "body_too_large");
}
