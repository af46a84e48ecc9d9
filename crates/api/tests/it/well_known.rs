//! `/.well-known/jwks.json` and `/.well-known/oauth-authorization-server`.

use std::time::Duration;

use keyward_app::access::rotate_signing_keys::{keep_signing_keys, rotate_signing_keys};
use serde_json::{Value, json};

use crate::harness::{PUBLIC_URL, Setup, World};

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
    let first = world.kids().await;
    world.advance(Duration::from_hours(30 * 24) - Duration::from_mins(10));
    keep_signing_keys(&world.access).await.unwrap();
    let both = world.kids().await;
    assert_eq!((both.len(), &both[0]), (2, &first[0]));
    world.advance(Duration::from_mins(20) - Duration::from_micros(1));
    keep_signing_keys(&world.access).await.unwrap();
    assert_eq!(world.kids().await, both);
    world.advance(Duration::from_micros(1));
    keep_signing_keys(&world.access).await.unwrap();
    assert_eq!(world.kids().await, both[1..]);
    assert_eq!(rotate_signing_keys(&world.access).await.unwrap(), keyward_storage::Write::Applied);
    assert_eq!(world.kids().await.len(), 2);
}

/// The service is below a path of another site.
#[tokio::test]
async fn every_url_of_the_service_begins_with_the_path_of_the_public_url() {
    let mut setup = Setup::default();
    setup.settings.public_url = "https://example.test/team/keys".to_owned();
    setup.settings.issuer.clone_from(&setup.settings.public_url);
    let world = World::with(setup).await;
    let get = async |path: &str| world.request("GET", path).send().await;
    // RFC 8414, section 3.1: between the host and the path of the issuer.
    let metadata = get("/.well-known/oauth-authorization-server/team/keys").await.json(200);
    assert_eq!(metadata["issuer"], "https://example.test/team/keys");
    for member in ["token_endpoint", "jwks_uri", "service_documentation"] {
        let address = metadata[member].as_str().unwrap();
        assert!(address.starts_with("https://example.test/team/keys/"), "{address}");
    }
    assert_eq!(get("/.well-known/oauth-authorization-server").await.json(200), metadata);
    assert_eq!(get("/openapi.json").await.json(200)["servers"][0]["url"], "https://example.test/team/keys");
    let problem: Value = serde_json::from_str(get("/nowhere").await.text()).unwrap();
    assert_eq!(problem["type"], "https://example.test/team/keys/docs/problems#not_found");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains(" /team/keys/docs") && !detail.contains(" /docs"), "{detail}");
    for path in ["/docs", "/docs/problems"] {
        let answer = get(path).await;
        let page = answer.text();
        assert!(page.contains("href=\"/team/keys/docs\"") && !page.contains("href=\"/docs"), "{path}");
    }

    let by = world.root("platform").await;
    let made =
        world.post_json(&by.value, "/v1/api-keys", &json!({"mid": "merchant_a1", "name": "k", "type": "secret"})).await;
    let id = made.json(201)["id"].as_str().unwrap().to_owned();
    assert_eq!(made.header("location"), Some(format!("/team/keys/v1/api-keys/{id}").as_str()));
    let path = format!("/v1/api-keys/{id}");
    let revoked = world.request("DELETE", &path).bearer(&by.value).header("prefer", "respond-async").send().await;
    assert_eq!(revoked.header("location"), Some(format!("/team/keys{path}/enforcement").as_str()));
    let body = json!({"mid": "mid_new", "name": "New"});
    let registered = world.request("POST", "/v1/merchants").bearer(&by.value).json(&body).send().await;
    assert_eq!(registered.header("location"), Some("/team/keys/v1/merchants/mid_new"));
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
            "scopes_supported": [
                "api-keys:write", "api-keys:read", "api-keys:verify", "merchants:read", "merchants:write",
            ],
            "response_types_supported": [], "grant_types_supported": ["client_credentials", "refresh_token"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "service_documentation": format!("{PUBLIC_URL}/docs"),
        })
    );
}

/// Contract, section 9.
#[tokio::test]
async fn pages_of_every_origin_may_read_public_documents_only() {
    let world = World::new().await;
    let get = async |path: &str| world.request("GET", path).header("origin", "https://elsewhere.test").send().await;
    for path in ["/.well-known/jwks.json", "/.well-known/oauth-authorization-server", "/openapi.json"] {
        assert_eq!(get(path).await.header("access-control-allow-origin"), Some("*"), "{path}");
    }
    for path in ["/", "/docs", "/healthz", "/v1/auth", "/v1/merchants", "/nowhere"] {
        assert_eq!(get(path).await.header("access-control-allow-origin"), None, "{path}");
    }
    let first = get("/").await;
    first.empty(302);
    assert_eq!(first.header("location"), Some("/docs"));
}
