//! SIGTERM: load balancers get time to notice, pending requests are finished, memory is written, no new connection is
//! accepted, and the exit code is zero.

use serde_json::Value;

use crate::harness::{Client, Http2, Node, Place, Raw, eventually, on_both};

on_both!(
    a_request_in_flight_gets_its_answer,
    uses_of_keys_are_written,
    a_stop_while_idle_is_quick_and_clean,
    a_load_balancer_has_time_to_notice,
);

async fn a_request_in_flight_gets_its_answer(place: Place) {
    let node = place.sandbox().serve();
    let demo = node.demo();
    let address = node.address().to_owned();

    // In flight: the server has requested the body, and half of it has arrived.
    let body = Client::new_key(&demo.merchant, "in flight", &[]).to_string();
    let (sent, held_back) = body.split_at(body.len() / 2);
    let mut in_flight = Raw::connect(&address).await.unwrap();
    let head = format!(
        "POST /v1/api-keys HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        demo.partner.app_secret,
        body.len()
    );
    in_flight.send(&head).await;
    in_flight.read_until("100 Continue\r\n\r\n").await.expect("the server requests the body");
    in_flight.send(sent).await;

    node.terminate();
    eventually("new connections are refused", async || Raw::connect(&address).await.is_err()).await;
    assert!(node.is_running(), "it ended before it finished pending requests");
    in_flight.send(held_back).await;
    let answer = in_flight.read_to_the_end().await;
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    let (_, created) = answer.split_once("\r\n\r\n").unwrap();
    let created: Value = serde_json::from_str(created).unwrap();
    node.finish();

    let node = place.sandbox().serve();
    let partner = node.client(&demo.partner.app_secret);
    assert_eq!(partner.verdict(created["value"].as_str().unwrap()).await, "VALID");
    node.stop();
}

async fn uses_of_keys_are_written(place: Place) {
    // Only stopping writes it.
    let node = place.sandbox().env("KEYWARD_USAGE_FLUSH_INTERVAL", "12h").serve();
    let demo = node.demo();
    let partner = node.client(&demo.partner.app_secret);
    let used = partner.create(&demo.merchant, "used", &[]).await;
    let unused = partner.create(&demo.merchant, "unused", &[]).await;
    partner.with(&used.value).get("/v1/auth").await.expect(204);
    node.stop();

    let node = place.sandbox().serve();
    let partner = node.client(&demo.partner.app_secret);
    let last_used =
        async |id: &str| partner.get(&format!("/v1/api-keys/{id}")).await.expect(200).json()["last_used"].clone();
    assert!(last_used(&used.id).await.is_string());
    assert!(last_used(&unused.id).await.is_null());
    node.stop();
}

async fn a_stop_while_idle_is_quick_and_clean(place: Place) {
    let node = place.sandbox().env("KEYWARD_LIMITS__SHUTDOWN_TIMEOUT", "1h").serve();
    // An idle kept-alive connection does not delay the stop.
    let mut idle = Raw::connect(node.address()).await.unwrap();
    idle.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await;
    idle.read_until("ok\n").await.expect("it is alive");
    node.terminate();
    assert_eq!(idle.read_to_the_end().await, "");
    let finished = node.finish();
    assert!(finished.err.contains("stopped"), "{}", finished.err);
    if place.is_embedded() {
        // Everything is in the one file: it may be copied as it is.
        for side in ["keyward.db-wal", "keyward.db-shm"] {
            assert!(!place.data().join(side).exists(), "{side} was left behind");
        }
    }
}

#[tokio::test]
async fn a_client_that_never_finishes_does_not_delay_a_stop_forever() {
    let place = Place::embedded();
    let node = place.sandbox().env("KEYWARD_LIMITS__SHUTDOWN_TIMEOUT", "2s").serve();
    let mut endless = Raw::connect(node.address()).await.unwrap();
    let head = format!(
        "POST /v1/api-keys HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n",
        node.demo().partner.app_secret
    );
    endless.send(&head).await;
    endless.read_until("100 Continue\r\n\r\n").await.expect("the server requests the body");
    node.stop();
    place.sandbox().serve().stop();
}

/// Sends a request on a connection that would be kept alive, and reads to its end.
async fn whole_connection(mut raw: Raw, path: &str, credential: &str) -> String {
    raw.send(&format!("GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {credential}\r\n\r\n")).await;
    raw.read_to_the_end().await
}

async fn a_load_balancer_has_time_to_notice(place: Place) {
    let node = place.sandbox().env("KEYWARD_LIMITS__DRAIN", "5s").serve();
    let (demo, address) = (node.demo(), node.address().to_owned());
    let secret = &demo.partner.app_secret;
    let partner = node.client(secret);
    let key = partner.create(&demo.merchant, "still good", &[]).await;
    let kept = Raw::connect(&address).await.unwrap();
    let mut half = Raw::connect(&address).await.unwrap();
    half.send("GET /readyz HTTP/1.1\r\nHost: x\r\n").await;
    let mut new = Http2::connect(&address).await;
    new.ask().await;

    node.terminate();
    // Open connections are answered, and then asked to close; HTTP/2 has its own way.
    new.until_goaway().await;
    half.send("\r\n").await;
    let not_ready = half.read_to_the_end().await;
    assert!(not_ready.starts_with("HTTP/1.1 503 ") && not_ready.contains("connection: close"), "{not_ready}");
    // No revoke waits for this node any more, and it still answers.
    if !place.is_embedded() {
        assert_eq!(place.column("SELECT node::text FROM node_lease").await, [""; 0]);
    }
    assert_eq!(partner.verdict(&key.value).await, "VALID");
    let answer = whole_connection(kept, "/v1/auth", secret).await;
    assert!(answer.starts_with("HTTP/1.1 204 ") && answer.contains("connection: close"), "{answer}");
    // New connections are accepted, in either version, for one request each.
    let again = whole_connection(Raw::connect(&address).await.unwrap(), "/readyz", secret).await;
    assert!(again.starts_with("HTTP/1.1 503 ") && again.contains("connection: close"), "{again}");
    let mut late = Http2::connect(&address).await;
    late.ask().await;
    late.until_goaway().await;
    partner.create(&demo.merchant, "made while leaving", &[]).await;

    eventually("new connections are refused", async || Raw::connect(&address).await.is_err()).await;
    node.finish();
}

#[tokio::test]
async fn an_idle_client_does_not_delay_a_stop() {
    let place = Place::embedded();
    let patient = [("KEYWARD_LIMITS__SHUTDOWN_TIMEOUT", "1h"), ("KEYWARD_LIMITS__HEADER_READ_TIMEOUT", "12h")];
    let node = place.sandbox().envs(&patient).serve();
    let mut open = Vec::new();
    for begun in ["", "GET /healthz HT", "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: "] {
        let mut raw = Raw::connect(node.address()).await.unwrap();
        raw.send(begun).await;
        open.push(raw);
    }
    // Also after the second request of a connection.
    let mut second = Raw::connect(node.address()).await.unwrap();
    second.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await;
    second.read_until("ok\n").await.expect("it is alive");
    second.send("GET /healthz HTTP/1.1\r\nHo").await;
    // It never answers a ping.
    let mut idle = Http2::connect(node.address()).await;
    idle.ask().await;
    let mut silent = Http2::connect(node.address()).await;
    node.terminate();
    assert!(idle.ends_with_goaway().await, "the connection ended without a GOAWAY");
    silent.ends_with_goaway().await;
    node.finish();
}

#[tokio::test]
async fn a_person_does_not_wait_for_load_balancers() {
    let place = Place::embedded();
    let node: Node = place.sandbox().env("KEYWARD_LIMITS__DRAIN", "1h").serve();
    node.interrupt();
    node.finish();
}
