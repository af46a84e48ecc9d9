//! SIGTERM: what runs is finished, what is in memory is written down, nothing new is taken, and the code is zero.

use serde_json::Value;

use crate::harness::{Client, Place, Raw, eventually, on_both};

on_both!(a_request_in_flight_gets_its_answer, what_was_used_is_written_down, a_stop_while_idle_is_quick_and_clean);

async fn a_request_in_flight_gets_its_answer(place: Place) {
    let node = place.sandbox().serve();
    let demo = node.demo();
    let address = node.address().to_owned();

    // Several who are just about to ask whether the node is ready. Nothing tells when the server has read so much of a
    // question, so each step below comes after them.
    let mut asking = Vec::new();
    for _ in 0..4 {
        let mut raw = Raw::connect(&address).await.unwrap();
        raw.send(&format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\n")).await;
        asking.push(raw);
    }
    node.anonymous().get("/readyz").await.expect(200);

    // In flight: the server has asked for the body, and half of it is there.
    let body = Client::wish(&demo.merchant, "in flight", &[]).to_string();
    let (sent, held_back) = body.split_at(body.len() / 2);
    let mut in_flight = Raw::connect(&address).await.unwrap();
    let head = format!(
        "POST /v1/api-keys HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        demo.partner.app_secret,
        body.len()
    );
    in_flight.send(&head).await;
    in_flight.read_until("100 Continue\r\n\r\n").await.expect("the server asks for the body");
    in_flight.send(sent).await;

    node.terminate();
    eventually("new connections are refused", async || Raw::connect(&address).await.is_err()).await;
    assert!(node.is_running(), "it went without finishing what ran");
    let mut told = 0;
    for raw in &mut asking {
        raw.send("\r\n").await;
        let not_ready = raw.read_to_the_end().await;
        assert!(not_ready.is_empty() || not_ready.starts_with("HTTP/1.1 503 "), "{not_ready:?}");
        told += usize::from(!not_ready.is_empty());
    }
    assert!(told > 0, "nobody was told that the node is not ready");

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

async fn what_was_used_is_written_down(place: Place) {
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
    let node = place.sandbox().env("KEYWARD_LIMITS__SHUTDOWN_TIMEOUT", "12h").serve();
    // A connection that is kept alive and says nothing holds nobody up.
    let mut idle = Raw::connect(node.address()).await.unwrap();
    idle.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await;
    idle.read_until("ok\n").await.expect("it is alive");
    node.terminate();
    assert_eq!(idle.read_to_the_end().await, "");
    let finished = node.finish();
    assert!(finished.err.contains("stopped"), "{}", finished.err);
    if place.is_embedded() {
        // All of it is in the one file: it may be copied as it is.
        for side in ["keyward.db-wal", "keyward.db-shm"] {
            assert!(!place.data().join(side).exists(), "{side} was left behind");
        }
    }
}

#[tokio::test]
async fn a_client_that_never_finishes_holds_nobody_up_for_ever() {
    let place = Place::embedded();
    let node = place.sandbox().env("KEYWARD_LIMITS__SHUTDOWN_TIMEOUT", "2s").serve();
    let mut endless = Raw::connect(node.address()).await.unwrap();
    let head = format!(
        "POST /v1/api-keys HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Content-Length: 100\r\nExpect: 100-continue\r\n\r\n",
        node.demo().partner.app_secret
    );
    endless.send(&head).await;
    endless.read_until("100 Continue\r\n\r\n").await.expect("the server asks for the body");
    node.stop();
    place.sandbox().serve().stop();
}
