//! First use: an empty folder, no configuration, and everything a newcomer tries first.

use serde_json::{Value, json};

use crate::harness::{Client, Node, Place, Program, mode_of, on_both, private};

on_both!(the_demo_credentials_do_everything, a_restart_keeps_everything_and_creates_no_second_demo);

#[tokio::test]
async fn without_configuration_the_server_is_a_sandbox_on_this_machine() {
    let folder = tempfile::tempdir().unwrap();
    // The only setting is a free port.
    let node = Program::in_folder(folder.path()).words("--listen 127.0.0.1:0").serve();
    assert!(node.base_url().starts_with("http://127.0.0.1:"), "{}", node.base_url());
    let log = node.output_so_far();
    assert!(log.contains("(sandbox, embedded database in ./keyward-data)"), "{log}");
    let data = folder.path().join("keyward-data");
    assert!(log.contains("demo credentials: ./keyward-data/demo.json"), "{log}");
    assert!(log.contains(&format!("reference: {}/docs", node.base_url())), "{log}");
    for file in ["demo.json", "master.key", "keyward.db"] {
        assert_eq!(mode_of(&data.join(file)), 0o600, "{file}");
    }
    assert_eq!(mode_of(&data), 0o700);
    node.anonymous().get("/readyz").await.expect(200);
    node.stop();
}

#[tokio::test]
async fn the_sample_configuration_is_valid() {
    let place = Place::embedded();
    let sample = keyward_testkit::run::workspace_root().join("crates/server/keyward.toml.sample");
    private(&place.folder().join("keyward.toml"), &std::fs::read_to_string(sample).unwrap());
    let node = place.sandbox().words("--config keyward.toml").serve();
    node.client(&node.demo().partner.app_secret).get("/v1/merchants").await.expect(200);
    node.stop();
}

async fn the_demo_credentials_do_everything(place: Place) {
    let node = place.sandbox().serve();
    the_file_has_the_documented_shape(&node);
    public_paths_answer(&node).await;
    let demo = node.demo();
    for who in [&demo.platform, &demo.partner] {
        let with_key = node.client(&who.app_secret);
        create_use_and_revoke_a_key(&with_key, &demo.merchant).await;
        let tokens = node.anonymous().tokens(&who.app_key, &who.app_secret).await;
        create_use_and_revoke_a_key(&node.client(&tokens.access), &demo.merchant).await;
        let redeemed = node.anonymous().redeem(&tokens.refresh).await.expect(200).member("accessToken");
        node.client(&redeemed).get("/v1/merchants").await.expect(200);
        let form = format!("grant_type=client_credentials&client_id={}&client_secret={}", who.app_key, who.app_secret);
        let rfc = node.anonymous().form(&form).await.expect(200);
        assert_eq!(rfc.json()["token_type"], "Bearer");
        create_use_and_revoke_a_key(&node.client(&rfc.member("access_token")), &demo.merchant).await;
    }
    node.stop();
}

fn the_file_has_the_documented_shape(node: &Node) {
    assert_eq!(mode_of(&node.demo_path()), 0o600);
    let file: Value = serde_json::from_str(&std::fs::read_to_string(node.demo_path()).unwrap()).unwrap();
    let members = |value: &Value| {
        let mut names: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
        names.sort();
        names
    };
    assert_eq!(members(&file), ["base_url", "merchant", "partner", "platform"]);
    assert_eq!(members(&file["merchant"]), ["mid"]);
    for account in ["platform", "partner"] {
        assert_eq!(members(&file[account]), ["appKey", "appSecret", "mid"]);
    }
    assert_eq!(file["base_url"], node.base_url());
}

async fn public_paths_answer(node: &Node) {
    let anonymous = node.anonymous();
    for path in ["/healthz", "/readyz", "/docs", "/docs/problems", "/.well-known/oauth-authorization-server"] {
        anonymous.get(path).await.expect(200);
    }
    let document = anonymous.get("/openapi.json").await.expect(200).json();
    assert!(document["paths"]["/v1/api-keys"]["post"].is_object());
    let keys = anonymous.get("/.well-known/jwks.json").await.expect(200).json();
    assert!(keys["keys"].as_array().is_some_and(|keys| !keys.is_empty()), "{keys}");
    anonymous.get("/v1/merchants").await.expect_problem(401, "invalid_credential");
    anonymous.get("/metrics").await.expect_problem(404, "not_found");
}

/// Makes the five basic calls: create, get, list and revoke a key, and verify it.
async fn create_use_and_revoke_a_key(client: &Client, mid: &str) {
    let key = client.create(mid, "First key", &["charges:read"]).await;
    let one = client.get(&format!("/v1/api-keys/{}", key.id)).await.expect(200).json();
    assert_eq!((&one["state"], &one["name"], &one["mid"]), (&json!("active"), &json!("First key"), &json!(mid)));
    assert!(one.get("value").is_none(), "{one}");
    let listed = client.get(&format!("/v1/api-keys/{mid}")).await.expect(200).json();
    assert_eq!(listed["keys"][0]["id"], key.id.as_str());
    assert_eq!(client.verdict(&key.value).await, "VALID");
    client.with(&key.value).get("/v1/auth?scope=charges:read").await.expect(204);
    client.revoke(&key.id).await.expect(204);
    assert_eq!(client.verdict(&key.value).await, "REVOKED");
    client.with(&key.value).get("/v1/auth").await.expect_problem(401, "invalid_credential");
    let revoked = client.get(&format!("/v1/api-keys/{}", key.id)).await.expect(200).json();
    assert_eq!(revoked["state"], "revoked");
}

async fn a_restart_keeps_everything_and_creates_no_second_demo(place: Place) {
    let node = place.sandbox().serve();
    let demo = node.demo();
    let partner = node.client(&demo.partner.app_secret);
    let (kept, dead) =
        (partner.create(&demo.merchant, "kept", &[]).await, partner.create(&demo.merchant, "dead", &[]).await);
    partner.revoke(&dead.id).await.expect(204);
    let tokens = node.anonymous().tokens(&demo.partner.app_key, &demo.partner.app_secret).await;
    let signing_keys = node.anonymous().get("/.well-known/jwks.json").await.json();
    node.stop();

    let node = place.sandbox().serve();
    assert_eq!(node.demo(), demo);
    let file: Value = serde_json::from_str(&std::fs::read_to_string(node.demo_path()).unwrap()).unwrap();
    assert_eq!(file["base_url"], node.base_url());
    let partner = node.client(&demo.partner.app_secret);
    assert_eq!(partner.verdict(&kept.value).await, "VALID");
    assert_eq!(partner.verdict(&dead.value).await, "REVOKED");
    // Partner and merchant below the one platform, as before.
    let accounts = node.client(&demo.platform.app_secret).get("/v1/merchants").await.expect(200).json();
    assert_eq!(accounts["merchants"].as_array().map(Vec::len), Some(2), "{accounts}");
    assert_eq!(node.anonymous().get("/.well-known/jwks.json").await.json(), signing_keys);
    node.anonymous().redeem(&tokens.refresh).await.expect(200);
    node.stop();
}
