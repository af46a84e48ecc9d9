//! Limits on one client: endless headers, headers and bodies that are too large, too many connections.

use serde_json::json;

use crate::harness::{Client, Http2, Node, Place, Raw};

#[tokio::test]
async fn the_smallest_limits_fit_everything_the_service_issues() {
    let place = Place::embedded();
    let program = place.sandbox().env("KEYWARD_LIMITS__MAX_HEADER_BYTES", "16384");
    let node = program.env("KEYWARD_LIMITS__MAX_BODY_BYTES", "16384").serve();
    let demo = node.demo();
    let scopes: Vec<String> = (0..32).map(|n| format!("{n:0>64}")).collect();
    let pair = json!({ "name": "longest", "scopes": scopes });
    let (partner, path) = (node.client(&demo.partner.app_secret), format!("/v1/merchants/{}/api-keys", demo.merchant));
    let pair = partner.post(&path, &pair).await.expect(201).json();
    let (app_key, app_secret) = (pair["appKey"].as_str().unwrap(), pair["appSecret"].as_str().unwrap());
    let tokens = node.anonymous().tokens(app_key, app_secret).await;
    let passed = node.client(&tokens.access).get("/v1/auth").await.expect(204);
    // Common gateways accept 4 KiB of headers.
    assert!(passed.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum::<usize>() < 4096);
    node.anonymous().redeem(&tokens.refresh).await.expect(200);
    let mut larger = Client::new_key(&demo.merchant, "large", &[]);
    larger["ignored"] = json!("x".repeat(16_384));
    partner.post("/v1/api-keys", &larger).await.expect_problem(413, "body_too_large");
    for (name, less) in [("KEYWARD_LIMITS__MAX_HEADER_BYTES", "16383"), ("KEYWARD_LIMITS__MAX_BODY_BYTES", "16383")] {
        Place::embedded().sandbox().env(name, less).run().refuses_with(&["must be a whole number from 16384"]);
    }
    node.stop();
}

/// A request that is answered with `ok`, and leaves its connection open.
const ASK: &str = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";

/// Whether a request over this connection is answered.
async fn is_answered(raw: &mut Raw) -> bool {
    raw.send(ASK).await;
    raw.read_until("ok\n").await.is_some()
}

/// Opens this many connections. A request on each is answered.
async fn answered_connections(node: &Node, number: usize) -> Vec<Raw> {
    let mut open = Vec::new();
    for _ in 0..number {
        let mut raw = Raw::connect(node.address()).await.unwrap();
        assert!(is_answered(&mut raw).await, "there is room for {number}");
        open.push(raw);
    }
    open
}

/// Checks that one more connection is closed without an answer.
async fn is_refused(node: &Node) {
    let mut beyond = Raw::connect(node.address()).await.unwrap();
    beyond.send(ASK).await;
    assert_eq!(beyond.read_to_the_end().await, "");
}

#[tokio::test]
async fn one_source_leaves_room_for_others() {
    let place = Place::embedded();
    let node = place.sandbox().env("KEYWARD_LIMITS__MAX_CONNECTIONS", "8").serve();
    // A quarter is for one source.
    let _greedy = answered_connections(&node, 2).await;
    is_refused(&node).await;
    for other in ["127.0.0.2", "127.0.0.3"] {
        assert!(is_answered(&mut Raw::connect_from(other, node.address()).await.unwrap()).await, "there is room");
    }
    let log = node.stop().err;
    assert!(log.contains("limits.max_connections_per_source") && log.contains("trusted_proxies"), "{log}");
}

/// Opens connections from this address until one is refused.
async fn flood_from(address: &str, node: &Node, open: &mut Vec<Raw>) {
    loop {
        let mut raw = Raw::connect_from(address, node.address()).await.unwrap();
        if !is_answered(&mut raw).await {
            return;
        }
        open.push(raw);
    }
}

#[tokio::test]
async fn a_few_sources_together_leave_room_for_others() {
    let place = Place::embedded();
    let node = place.sandbox().env("KEYWARD_LIMITS__MAX_CONNECTIONS", "16").serve();
    let served =
        async |address: &str| is_answered(&mut Raw::connect_from(address, node.address()).await.unwrap()).await;
    // All from one network: one party may own all of its addresses.
    let mut open = Vec::new();
    for last in 1..=8 {
        flood_from(&format!("127.0.0.{last}"), &node, &mut open).await;
    }
    assert!((8..=9).contains(&open.len()), "{}", open.len());
    assert!(served("127.0.9.1").await);
    // Four that have a quarter each by the maximum.
    for network in 1..=3 {
        flood_from(&format!("127.0.{network}.1"), &node, &mut open).await;
    }
    assert!(served("127.0.9.1").await);
    node.stop();
}

#[tokio::test]
async fn other_sources_leave_room_for_trusted_proxies() {
    let place = Place::embedded();
    let program = place.sandbox().env("KEYWARD_LIMITS__MAX_CONNECTIONS", "16");
    let node = program.env("KEYWARD_TRUSTED_PROXIES", "127.0.9.1").serve();
    let mut open = Vec::new();
    for network in 10..40 {
        flood_from(&format!("127.0.{network}.1"), &node, &mut open).await;
    }
    assert_eq!(open.len(), 15, "the last one is kept");
    assert!(is_answered(&mut Raw::connect_from("127.0.9.1", node.address()).await.unwrap()).await);
    node.stop();
}

#[tokio::test]
async fn a_trusted_proxy_may_have_all_connections() {
    let place = Place::embedded();
    let program = place.sandbox().env("KEYWARD_LIMITS__MAX_CONNECTIONS", "4");
    let node = program.env("KEYWARD_TRUSTED_PROXIES", "127.0.0.1").serve();
    let _open = answered_connections(&node, 4).await;
    node.stop();
}

#[tokio::test]
async fn an_idle_connection_is_closed_in_either_version_of_http() {
    let place = Place::embedded();
    let quick = [("KEYWARD_LIMITS__IDLE_TIMEOUT", "500ms"), ("KEYWARD_LIMITS__HEADER_READ_TIMEOUT", "500ms")];
    let node = place.sandbox().envs(&quick).serve();
    let mut old = Raw::connect(node.address()).await.unwrap();
    assert!(is_answered(&mut old).await, "it is alive");
    let mut new = Http2::connect_alive(node.address()).await;
    new.ask().await;
    assert!(new.ends_with_goaway().await, "the connection ended without a GOAWAY");
    assert_eq!(old.read_to_the_end().await, "");
    // The same for one that never sent a request.
    assert!(!Http2::connect_alive(node.address()).await.ends_with_goaway().await);
    node.stop();
}

#[tokio::test]
async fn as_many_files_may_be_open_as_connections_need() {
    let place = Place::embedded();
    let node = place.sandbox().under("ulimit -S -n 64").serve();
    let _open = answered_connections(&node, 100).await;
    node.stop();
    let node = place.sandbox().under("ulimit -n 200").serve();
    let log = node.stop().err;
    assert!(log.contains("only 72 fit") && log.contains("LimitNOFILE"), "{log}");
}

/// A request whose body is requested and never sent.
async fn in_flight(node: &Node, secret: &str) -> Raw {
    let mut raw = Raw::connect(node.address()).await.unwrap();
    let head = format!(
        "POST /v1/api-keys HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {secret}\r\nContent-Type: application/json\r\n\
         Content-Length: 100\r\nExpect: 100-continue\r\n\r\n"
    );
    raw.send(&head).await;
    raw.read_until("100 Continue\r\n\r\n").await.expect("the server requests the body");
    raw
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_answered() {
    let place = Place::embedded();
    let node = place.sandbox().env("KEYWARD_LIMITS__REQUEST_TIMEOUT", "300ms").serve();
    let mut slow = in_flight(&node, &node.demo().partner.app_secret).await;
    let answer = slow.read_until("\"code\":\"timeout\"").await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 504 "), "{answer}");
    node.stop();
}
