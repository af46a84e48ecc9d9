//! Tokens that this service did not issue, or issued for another purpose: each gets 401.

use std::task::{Context, Waker};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, Header};
use serde_json::{Value, json};

use crate::harness::World;

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
    let changed = |n: usize, name: &str, to: Value| {
        let mut value = part(&token, n);
        value[name] = to;
        encoded(&value)
    };
    let none = changed(0, "alg", json!("none"));
    let wide = changed(1, "scope", json!("api-keys:*"));
    for [header, claims, signature] in [[&none, parts[1], ""], [parts[0], &wide, parts[2]], [parts[0], parts[1], ""]] {
        refused(&world, &format!("{header}.{claims}.{signature}")).await;
    }
    world.get(&token, "/v1/merchants").await.json(200);
}

/// A token signed with a published key, by an attacker who has it: the keys that it names must be those of its account.
/// Unit tests of the token itself check all other claims.
#[tokio::test]
async fn the_keys_that_a_token_names_are_checked() {
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
    let other = world.pair("merchant_a2", &["merchants:read"]).await;
    for (name, value) in [
        ("custom:mid", "merchant_a2"),
        ("client_id", &pair.secret.id),
        ("client_id", &other.public.id),
        ("sub", &pair.public.id),
        ("sub", &other.secret.id),
    ] {
        let mut changed = claims.clone();
        changed[name] = json!(value);
        refused(&world, &sign(&changed)).await;
    }
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
