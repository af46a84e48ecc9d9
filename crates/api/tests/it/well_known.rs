//! `/.well-known/jwks.json` and `/.well-known/oauth-authorization-server`.

use std::time::Duration;

use keyward_api::app::rotate_signing_keys::{keep_signing_keys, rotate_signing_keys};
use serde_json::{Value, json};

use crate::harness::{PUBLIC_URL, World};

async fn kids(world: &World) -> Vec<Value> {
    let set = world.request("GET", "/.well-known/jwks.json").send().await.json(200);
    set["keys"].as_array().unwrap().iter().map(|key| key["kid"].clone()).collect()
}

#[tokio::test]
async fn the_key_set_holds_public_halves_only() {
    let world = World::new().await;
    let answer = world.request("GET", "/.well-known/jwks.json").send().await;
    let set = answer.json(200);
    let key = &set["keys"][0];
    let expected = json!({
        "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": key["kid"], "x": key["x"],
    });
    assert_eq!(set, json!({"keys": [expected]}));
    assert_eq!(key["x"].as_str().unwrap().len(), 43);
    assert!(answer.header("cache-control").unwrap().contains("max-age"));
}

#[tokio::test]
async fn a_new_key_is_published_before_it_signs_and_an_old_one_until_its_last_token_has_ended() {
    let world = World::new().await;
    let first = kids(&world).await;
    world.advance(Duration::from_hours(30 * 24) - Duration::from_mins(10));
    keep_signing_keys(&world.app).await.unwrap();
    let both = kids(&world).await;
    assert_eq!((both.len(), &both[0]), (2, &first[0]));
    world.advance(Duration::from_mins(20) - Duration::from_micros(1));
    keep_signing_keys(&world.app).await.unwrap();
    assert_eq!(kids(&world).await, both);
    world.advance(Duration::from_micros(1));
    keep_signing_keys(&world.app).await.unwrap();
    assert_eq!(kids(&world).await, both[1..]);
    assert_eq!(rotate_signing_keys(&world.app).await.unwrap(), keyward_storage::Write::Applied);
    assert_eq!(kids(&world).await.len(), 2);
}

#[tokio::test]
async fn the_metadata_is_that_of_rfc_8414() {
    let world = World::new().await;
    let metadata = world.request("GET", "/.well-known/oauth-authorization-server").send().await.json(200);
    assert_eq!(
        metadata,
        json!({
            "issuer": PUBLIC_URL, "token_endpoint": format!("{PUBLIC_URL}/v1/oauth2/token"),
            "jwks_uri": format!("{PUBLIC_URL}/.well-known/jwks.json"),
            "scopes_supported": ["api-keys:write", "api-keys:read", "api-keys:verify", "merchants:read", "merchants:write"],
            "response_types_supported": [], "grant_types_supported": ["client_credentials", "refresh_token"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "service_documentation": format!("{PUBLIC_URL}/docs"),
        })
    );
}
