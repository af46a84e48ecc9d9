//! Two nodes on one Postgres are one service: they share signing keys, issuer, schema and demo. `revocation` shows that
//! each sees the other's changes.

use std::thread;

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{Fleet, Node, Place, Program, eventually, master_key};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_signing_key_of_the_command_line_is_known_to_both() {
    let fleet = Fleet::of(2).await;
    let [one, other] = &fleet.nodes[..] else { panic!("two nodes") };
    let kids = async |node: &Node| {
        let keys = node.anonymous().get("/.well-known/jwks.json").await.expect(200).json();
        keys["keys"].as_array().unwrap().iter().map(|key| key["kid"].clone()).collect::<Vec<Value>>()
    };
    let before = kids(one).await;
    assert_eq!(kids(other).await, before);
    let rotated = fleet.place.keyward().words("signing-key rotate").run().json();
    assert_eq!(rotated["generation"], before.len() + 1, "{rotated}");
    // Each reads the keys again when a token names an unknown one, and every minute in any case.
    let unknown = "eyJhbGciOiJFZERTQSIsInR5cCI6ImF0K2p3dCIsImtpZCI6InVua25vd24ifQ.e30.AAAA";
    for node in [one, other] {
        eventually("the new key is published", async || {
            node.client(unknown).get("/v1/merchants").await.expect(401);
            kids(node).await.len() == before.len() + 1
        })
        .await;
    }
    assert_eq!(kids(one).await, kids(other).await);
    // The old key's tokens, signed now and for ten minutes more, are valid.
    let tokens = one.anonymous().tokens(&fleet.demo.partner.app_key, &fleet.demo.partner.app_secret).await;
    other.client(&tokens.access).get("/v1/merchants").await.expect(200);
    fleet.stop();
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
                scope.spawn(move || program.words("serve --demo --listen 127.0.0.1:0").serve())
            })
            .collect();
        starting.into_iter().map(|node| node.join().unwrap()).collect()
    });
    let with_demo: Vec<&Node> = nodes.iter().filter(|node| node.demo_path().exists()).collect();
    assert_eq!(with_demo.len(), 1);
    let demo = with_demo[0].demo();
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
        program.env("KEYWARD_MASTER_KEY_FILE", place.data().join("master.key")).words("serve --listen 127.0.0.1:0")
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
    // Usually on another port.
    let again = place.sandbox().serve();
    assert_eq!(issuer(&again).await, before);
    again.client(&tokens.access).get("/v1/merchants").await.expect(200);
    other.stop();
    // Another issuer makes another service, even with the same database and master key.
    let foreign = beside(place.keyward_in(folder.path())).env("KEYWARD_PUBLIC_URL", "http://other.test").serve();
    let tokens = foreign.anonymous().tokens(&demo.partner.app_key, &demo.partner.app_secret).await;
    again.client(&tokens.access).get("/v1/merchants").await.expect_problem(401, "invalid_credential");
    foreign.stop();
    again.stop();
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
