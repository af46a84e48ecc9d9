//! Access tokens: their claims, what they authorize, and when they end.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::harness::{AUDIENCE, PUBLIC_URL, World};

fn part(token: &str, n: usize) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(n).unwrap()).unwrap()).unwrap()
}

#[tokio::test]
async fn a_token_has_the_claims_of_the_contract() {
    let world = World::new().await;
    let pair = world.pair("merchant_a1", &["charges:read", "merchants:read"]).await;
    let token = world.access_token(&pair).await;
    let keys = world.request("GET", "/.well-known/jwks.json").send().await.json(200);
    let header = part(&token, 0);
    assert_eq!(header, json!({"alg": "EdDSA", "typ": "at+jwt", "kid": keys["keys"][0]["kid"]}));
    let (claims, now) = (part(&token, 1), world.access.now().recorded().as_seconds());
    assert_eq!(
        claims,
        json!({
            "iss": PUBLIC_URL, "aud": AUDIENCE, "sub": pair.secret.id, "client_id": pair.public.id,
            "custom:mid": "merchant_a1", "scope": "charges:read merchants:read", "env": "sandbox", "iat": now,
            "nbf": now, "exp": now + 600, "jti": claims["jti"],
        })
    );
    assert_ne!(part(&world.access_token(&pair).await, 1)["jti"], claims["jti"]);
}

#[tokio::test]
async fn a_token_works_at_every_management_endpoint_as_its_secret_key() {
    let world = World::new().await;
    let pair = world.pair("partner_a", &["api-keys:*", "merchants:*"]).await;
    let token = &world.access_token(&pair).await;
    let body = json!({"mid": "merchant_a1", "name": "x", "type": "secret"});
    let key = world.post_json(token, "/v1/api-keys", &body).await.json(201);
    assert_eq!(key["created_by"], pair.secret.id);
    let path = format!("/v1/api-keys/{}", key["id"].as_str().unwrap());
    world.get(token, &path).await.json(200);
    world.get(token, "/v1/api-keys/merchant_a1").await.json(200);
    world.get(token, "/v1/merchants/merchant_a1/api-keys").await.json(200);
    world.post_json(token, "/v1/merchants/merchant_a1/api-keys", &json!({"name": "x"})).await.json(201);
    let verdict = world.post_json(token, "/v1/verify", &json!({"key": key["value"]})).await.json(200);
    assert_eq!(verdict["code"], "VALID");
    world.post_json(token, "/v1/verify/batch", &json!({"checks": [{"key": "x"}]})).await.json(200);
    world.delete(token, &path).await.empty(204);
    assert_eq!(world.get(token, &path).await.json(200)["revoked_by"], pair.secret.id);
    world.post_json(token, "/v1/merchants", &json!({"name": "x"})).await.json(201);
    world.get(token, "/v1/merchants").await.json(200);
    world.get(token, "/v1/merchants/merchant_a1").await.json(200);
    for verb in ["suspend", "resume", "close"] {
        world.post(token, &format!("/v1/merchants/merchant_a1/{verb}")).await.json(200);
    }
    world.get(token, "/v1/auth").await.empty(204);
    world.get(token, "/v1/merchants/partner_b").await.problem(404, "account_not_found");
}

#[tokio::test]
async fn a_tokens_scopes_are_those_that_token_and_key_both_cover_and_it_grants_no_more() {
    let world = World::new().await;
    let pair = world.pair("partner_a", &["api-keys:*"]).await;
    let key = |scopes: &[&str]| json!({"mid": "merchant_a1", "name": "x", "type": "secret", "scopes": scopes});
    let reader = &world.narrowed_token(&pair, "api-keys:read").await;
    assert_eq!(world.get(reader, "/v1/auth").await.header("x-keyward-scopes"), Some("api-keys:read"));
    world.get(reader, "/v1/api-keys/merchant_a1").await.json(200);
    world.post_json(reader, "/v1/api-keys", &key(&[])).await.problem(403, "insufficient_scope");
    let manager_key = &world.narrowed_token(&pair, "api-keys:write").await;
    world.post_json(manager_key, "/v1/api-keys", &key(&["api-keys:read"])).await.problem(403, "scope_not_held");
}

#[tokio::test]
async fn a_token_survives_a_rotation_and_ends_at_its_expiry() {
    use keyward_app::access::rotate_signing_keys::{keep_signing_keys, rotate_signing_keys};
    let world = World::new().await;
    let pair = world.pair("merchant_a1", &["merchants:read"]).await;
    assert_eq!(rotate_signing_keys(&world.access).await.unwrap(), keyward_storage::Write::Applied);
    world.advance(Duration::from_secs(599));
    let old = world.access_token(&pair).await;
    world.advance(Duration::from_secs(1));
    let new = world.access_token(&pair).await;
    assert_ne!(part(&old, 0)["kid"], part(&new, 0)["kid"]);
    for _ in 0..2 {
        world.get(&old, "/v1/merchants").await.json(200);
        world.get(&new, "/v1/merchants").await.json(200);
        world.advance(Duration::from_secs(590));
        keep_signing_keys(&world.access).await.unwrap();
    }
    world.get(&old, "/v1/merchants").await.problem(401, "invalid_credential");
}

#[tokio::test]
async fn a_signing_key_of_another_node_is_read_when_a_token_names_it() {
    let world = World::new().await;
    let pair = world.pair("merchant_a1", &["merchants:read"]).await;
    let other = world.behind(world.store.as_ref().clone(), crate::harness::Setup::default()).await;
    // The other node knows the first key; this one makes the second.
    assert_eq!(
        keyward_app::access::rotate_signing_keys::rotate_signing_keys(&world.access).await.unwrap(),
        keyward_storage::Write::Applied
    );
    world.advance(Duration::from_mins(10));
    let token = world.access_token(&pair).await;
    let request = crate::harness::Request::new(&other, "GET", "/v1/merchants").bearer(&token);
    request.send().await.json(200);
}
