//! Two nodes on one Postgres are one service: each sees the other's changes in its next request.

use std::thread;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{Client, Demo, Node, Place, Program, eventually, master_key};

/// The public URL of both: they accept each other's tokens.
const PUBLIC_URL: &str = "http://keys.test";

struct Two {
    place: Place,
    one: Node,
    other: Node,
    demo: Demo,
    _folder: TempDir,
}

/// The second node's program: its own folder, the first one's master key.
fn beside(place: &Place, folder: &TempDir) -> Program {
    let program = place.keyward_in(folder.path()).env("KEYWARD_PUBLIC_URL", PUBLIC_URL);
    program.env("KEYWARD_MASTER_KEY_FILE", place.data().join("master.key"))
}

async fn two() -> Two {
    let place = Place::postgres().await;
    let one = place.sandbox().env("KEYWARD_PUBLIC_URL", PUBLIC_URL).serve();
    let folder = tempfile::tempdir().unwrap();
    let other = beside(&place, &folder).say("serve --listen 127.0.0.1:0").serve();
    Two { demo: one.demo(), place, one, other, _folder: folder }
}

impl Two {
    fn clients(&self, credential: &str) -> (Client, Client) {
        (self.one.client(credential), self.other.client(credential))
    }

    fn stop(self) {
        self.one.stop();
        self.other.stop();
    }
}

#[tokio::test]
async fn each_node_sees_the_others_changes() {
    let two = two().await;
    let (here, there) = two.clients(&two.demo.partner.app_secret);
    for round in 0..10 {
        let (here, there) = if round % 2 == 0 { (&here, &there) } else { (&there, &here) };
        let key = here.create(&two.demo.merchant, &format!("key {round}"), &[]).await;
        assert_eq!(there.verdict(&key.value).await, "VALID");
        there.with(&key.value).get("/v1/auth").await.expect(204);
        here.revoke(&key.id).await.expect(204);
        assert_eq!(there.verdict(&key.value).await, "REVOKED");
        there.with(&key.value).get("/v1/auth").await.expect_problem(401, "invalid_credential");
    }
    let key = here.create(&two.demo.merchant, "of a suspended account", &[]).await;
    here.post(&format!("/v1/merchants/{}/suspend", two.demo.merchant), &json!({})).await.expect(200);
    assert_eq!(there.verdict(&key.value).await, "SUSPENDED");
    there.post(&format!("/v1/merchants/{}/resume", two.demo.merchant), &json!({})).await.expect(200);
    assert_eq!(here.verdict(&key.value).await, "VALID");
    two.stop();
}

#[tokio::test]
async fn a_token_of_one_is_valid_at_the_other_and_ends_with_its_keys_on_both() {
    let two = two().await;
    let (here, there) = two.clients(&two.demo.partner.app_secret);
    let path = format!("/v1/merchants/{}/api-keys", two.demo.partner.mid);
    let pair = here.post(&path, &json!({ "name": "Back office", "scopes": ["merchants:read"] })).await.expect(201);
    let tokens = there.tokens(&pair.member("appKey"), &pair.member("appSecret")).await;
    here.with(&tokens.access).get("/v1/merchants").await.expect(200);
    there.with(&tokens.access).get("/v1/merchants").await.expect(200);
    let refreshed = here.redeem(&tokens.refresh).await.expect(200);
    there.revoke(&format!("key_{}", key_suffix(&pair.member("appKey")))).await.expect(204);
    for access in [tokens.access, refreshed.member("accessToken")] {
        here.with(&access).get("/v1/merchants").await.expect_problem(401, "invalid_credential");
        there.with(&access).get("/v1/merchants").await.expect_problem(401, "invalid_credential");
    }
    here.redeem(&refreshed.member("refreshToken")).await.expect_problem(401, "invalid_credential");
    two.stop();
}

/// The id in the key's value.
fn key_suffix(value: &str) -> &str {
    &value["pk_test_".len()..][..26]
}

#[tokio::test]
async fn a_new_signing_key_of_the_command_line_is_known_to_both() {
    let two = two().await;
    let kids = async |node: &Node| {
        let keys = node.anonymous().get("/.well-known/jwks.json").await.expect(200).json();
        keys["keys"].as_array().unwrap().iter().map(|key| key["kid"].clone()).collect::<Vec<Value>>()
    };
    let before = kids(&two.one).await;
    assert_eq!(kids(&two.other).await, before);
    let rotated = two.place.keyward().say("signing-key rotate").run().json();
    assert_eq!(rotated["generation"], before.len() + 1, "{rotated}");
    // Each reads the keys again when a token names an unknown one, and every minute in any case.
    let unknown = "eyJhbGciOiJFZERTQSIsInR5cCI6ImF0K2p3dCIsImtpZCI6InVua25vd24ifQ.e30.AAAA";
    for node in [&two.one, &two.other] {
        eventually("the new key is published", async || {
            node.client(unknown).get("/v1/merchants").await.expect(401);
            kids(node).await.len() == before.len() + 1
        })
        .await;
    }
    assert_eq!(kids(&two.one).await, kids(&two.other).await);
    // The old key's tokens, signed now and for ten minutes more, are valid.
    let tokens = two.one.anonymous().tokens(&two.demo.partner.app_key, &two.demo.partner.app_secret).await;
    two.other.client(&tokens.access).get("/v1/merchants").await.expect(200);
    two.stop();
}

#[tokio::test]
async fn a_node_with_another_master_key_stays_out() {
    let place = Place::postgres().await;
    let node = place.sandbox().serve();
    let folder = tempfile::tempdir().unwrap();
    let stranger = place.keyward_in(folder.path()).say("serve --listen 127.0.0.1:0");
    stranger.run().refuses_with(&["master.key is missing", "from another node"]);
    let other_key = folder.path().join("other.key");
    master_key(&other_key, 3, 0o600);
    stranger
        .env("KEYWARD_MASTER_KEY_FILE", &other_key)
        .run()
        .refuses_with(&["other.key is not the one", "copy the file"]);
    node.anonymous().get("/readyz").await.expect(200);
    node.stop();
}

#[tokio::test]
async fn nodes_that_start_concurrently_on_an_empty_database_create_one_schema_and_one_demo() {
    let place = Place::postgres().await;
    let folders: Vec<TempDir> = (0..3).map(|_| tempfile::tempdir().unwrap()).collect();
    let key = place.folder().join("master.key");
    master_key(&key, 5, 0o600);
    let nodes: Vec<Node> = thread::scope(|scope| {
        let starting: Vec<_> = folders
            .iter()
            .map(|folder| {
                let program = place.keyward_in(folder.path()).env("KEYWARD_MASTER_KEY_FILE", &key);
                scope.spawn(move || program.say("serve --demo --listen 127.0.0.1:0").serve())
            })
            .collect();
        starting.into_iter().map(|node| node.join().unwrap()).collect()
    });
    let planted: Vec<&Node> = nodes.iter().filter(|node| node.demo_path().exists()).collect();
    assert_eq!(planted.len(), 1);
    let demo = planted[0].demo();
    for node in &nodes {
        let accounts = node.client(&demo.platform.app_secret).get("/v1/merchants").await.expect(200).json();
        assert_eq!(accounts["merchants"].as_array().map(Vec::len), Some(2), "{accounts}");
    }
    for node in nodes {
        node.stop();
    }
}

#[tokio::test]
async fn nodes_without_a_public_url_accept_each_others_tokens_and_those_from_before_a_restart() {
    let place = Place::postgres().await;
    let one = place.sandbox().serve();
    let (demo, folder) = (one.demo(), tempfile::tempdir().unwrap());
    let beside = |program: Program| {
        program.env("KEYWARD_MASTER_KEY_FILE", place.data().join("master.key")).say("serve --listen 127.0.0.1:0")
    };
    let other = beside(place.keyward_in(folder.path())).serve();
    let issuer = async |node: &Node| {
        let path = "/.well-known/oauth-authorization-server";
        node.anonymous().get(path).await.expect(200).member("issuer")
    };
    assert_eq!(issuer(&one).await, one.base_url());
    assert_eq!(issuer(&other).await, one.base_url());
    let tokens = one.anonymous().tokens(&demo.partner.app_key, &demo.partner.app_secret).await;
    other.client(&tokens.access).get("/v1/merchants").await.expect(200);
    let before = one.base_url().to_owned();
    one.stop();
    // Probably on another port.
    let again = place.sandbox().serve();
    assert_eq!(issuer(&again).await, before);
    again.client(&tokens.access).get("/v1/merchants").await.expect(200);
    again.stop();
    other.stop();
}

#[tokio::test]
async fn an_embedded_node_accepts_tokens_from_before_a_restart_on_another_port() {
    let place = Place::embedded();
    let node = place.sandbox().serve();
    let demo = node.demo();
    let tokens = node.anonymous().tokens(&demo.partner.app_key, &demo.partner.app_secret).await;
    let before = node.address().to_owned();
    node.stop();
    // Another process has the port now.
    let _held = std::net::TcpListener::bind(&before).unwrap();
    let node = place.sandbox().serve();
    assert_ne!(node.address(), before);
    node.client(&tokens.access).get("/v1/merchants").await.expect(200);
    node.stop();
}
