//! Tokens that this service did not make, or made for another purpose: each is a 401.

use std::task::{Context, Waker};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, Header};
use keyward_domain::{Environment, SecretForm};
use serde_json::{Value, json};

use crate::harness::{PUBLIC_URL, Pair, Setup, World};

fn encoded(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn part(token: &str, n: usize) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(n).unwrap()).unwrap()).unwrap()
}

async fn refused(world: &World, token: &str) {
    for path in ["/v1/merchants", "/v1/auth"] {
        let answer = world.get(token, path).await;
        answer.problem(401, "invalid_credential");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer error=\"invalid_token\""));
    }
}

#[tokio::test]
async fn a_token_that_was_tampered_with_is_refused() {
    let world = World::new().await;
    let pair = world.pair("merchant_a1", &["merchants:read"]).await;
    let token = world.access_token(&pair).await;
    let parts: Vec<&str> = token.split('.').collect();
    let (header, claims) = (part(&token, 0), part(&token, 1));
    let changed = |value: &Value, name: &str, to: Value| {
        let mut value = value.clone();
        value[name] = to;
        encoded(&value)
    };
    for (header, claims, signature) in [
        (changed(&header, "alg", json!("none")), parts[1].to_owned(), ""),
        (changed(&header, "alg", json!("none")), parts[1].to_owned(), parts[2]),
        (changed(&header, "alg", json!("HS256")), parts[1].to_owned(), parts[2]),
        (changed(&header, "typ", json!("JWT")), parts[1].to_owned(), parts[2]),
        (changed(&header, "kid", json!("another")), parts[1].to_owned(), parts[2]),
        (parts[0].to_owned(), changed(&claims, "scope", json!("api-keys:*")), parts[2]),
        (parts[0].to_owned(), changed(&claims, "exp", json!(4_000_000_000_u64)), parts[2]),
        (parts[0].to_owned(), parts[1].to_owned(), ""),
        (parts[0].to_owned(), parts[1].to_owned(), &parts[2][1..]),
    ] {
        refused(&world, &format!("{header}.{claims}.{signature}")).await;
    }
    let without_kid = json!({"alg": "EdDSA", "typ": "at+jwt"});
    refused(&world, &format!("{}.{}.{}", encoded(&without_kid), parts[1], parts[2])).await;
    world.get(&token, "/v1/merchants").await.json(200);
}

/// A token signed with a published key, by an attacker who has it: each claim is checked separately.
#[tokio::test]
async fn every_claim_is_needed_and_checked() {
    let world = World::new().await;
    let pair = world.pair("merchant_a1", &["merchants:read"]).await;
    let good = world.access_token(&pair).await;
    let claims = part(&good, 1);
    let key = World::signing_key();
    let mut header = Header::new(Algorithm::EdDSA);
    header.typ = Some("at+jwt".into());
    header.kid = part(&good, 0)["kid"].as_str().map(str::to_owned);
    let sign = |claims: &Value| jsonwebtoken::encode(&header, claims, &key).unwrap();
    world.get(&sign(&claims), "/v1/merchants").await.json(200);
    for name in claims.as_object().unwrap().keys() {
        let mut without = claims.clone();
        without.as_object_mut().unwrap().remove(name);
        refused(&world, &sign(&without)).await;
    }
    let now = world.access.now().recorded().as_seconds();
    let other = world.pair("merchant_a2", &["merchants:read"]).await;
    for (name, value) in [
        ("iss", json!("https://elsewhere.example.test")),
        ("aud", json!("https://elsewhere.example.test")),
        ("aud", json!([])),
        ("env", json!("production")),
        ("exp", json!(now)),
        ("exp", json!(now - 1)),
        ("exp", json!("never")),
        ("nbf", json!(now + 60)),
        ("iat", json!(now + 60)),
        ("custom:mid", json!("merchant_a2")),
        ("client_id", json!(pair.secret.id)),
        ("client_id", json!(other.public.id)),
        ("sub", json!(pair.public.id)),
        ("sub", json!(other.secret.id)),
        ("sub", json!("key_garbage")),
        ("scope", json!("Charges")),
    ] {
        let mut changed = claims.clone();
        changed[name] = value.clone();
        refused(&world, &sign(&changed)).await;
    }
    header.typ = Some("JWT".into());
    refused(&world, &jsonwebtoken::encode(&header, &claims, &key).unwrap()).await;
}

#[tokio::test]
async fn a_token_of_another_service_is_refused() {
    let world = World::new().await;
    let pair = world.pair("merchant_a1", &["merchants:read"]).await;
    // The same keys and master key, but another audience, another URL or the other environment.
    let mut setups = [Setup::default(), Setup::default(), Setup::default()];
    setups[0].settings.token_audience = "https://shop.example.test".to_owned();
    setups[1].settings.issuer = "https://other.example.test".to_owned();
    setups[2].settings.environment = Environment::Production;
    for setup in setups {
        let by_value = setup.settings.environment == Environment::Sandbox;
        let other = world.behind(world.store.as_ref().clone(), setup).await;
        if by_value {
            let body = json!({"AppKey": pair.public.value, "AppSecret": pair.secret.value});
            let request = crate::harness::Request::new(&other, "POST", "/v1/oauth2/token").json(&body);
            let tokens = request.send().await.json(200);
            refused(&world, tokens["accessToken"].as_str().unwrap()).await;
        } else {
            let token = world.access_token(&pair).await;
            let request = crate::harness::Request::new(&other, "GET", "/v1/merchants").bearer(&token);
            request.send().await.problem(401, "invalid_credential");
        }
    }
}

#[tokio::test]
async fn a_token_of_another_deployments_key_is_refused() {
    let (world, elsewhere) =
        (World::new().await, World::with(Setup { form: SecretForm::Hmac, ..Setup::default() }).await);
    elsewhere.access.random::<64>().unwrap();
    assert_eq!(
        keyward_app::access::rotate_signing_keys::rotate_signing_keys(&elsewhere.access).await.unwrap(),
        keyward_storage::Write::Applied
    );
    elsewhere.advance(std::time::Duration::from_mins(10));
    world.advance(std::time::Duration::from_mins(10));
    let pair: Pair = elsewhere.pair("merchant_a1", &["merchants:read"]).await;
    let token = elsewhere.access_token(&pair).await;
    assert_eq!(part(&token, 1)["iss"], PUBLIC_URL);
    refused(&world, &token).await;
}

#[tokio::test]
async fn a_forged_token_whose_client_hangs_up_leaves_nothing_behind() {
    let world = World::new().await;
    let unknown = |name: &str| {
        let header = encoded(&json!({"alg": "EdDSA", "typ": "at+jwt", "kid": name}));
        format!("{header}.{}.AAAA", encoded(&json!({})))
    };
    let mut context = Context::from_waker(Waker::noop());
    for polls in 1..4 {
        // The client hangs up while the key set is being read for it.
        let token = unknown("hung up");
        let mut request = Box::pin(world.get(&token, "/v1/merchants"));
        for _ in 0..polls {
            assert!(request.as_mut().poll(&mut context).is_pending(), "it waits for the key set");
        }
        drop(request);
        // In the same second the set is not read again, and the key is still known.
        refused(&world, &unknown("another")).await;
        world.advance(std::time::Duration::from_secs(1));
    }
}
