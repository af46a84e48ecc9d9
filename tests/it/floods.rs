//! Clients that send endless requests or bodies, or never read their answers: other clients are still served.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use keyward_testkit::http::{LIMIT, client_options};
use reqwest::{Method, header::HeaderMap};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
};

use crate::harness::{Client, Node, Place, Raw, eventually, on_both};

on_both!(a_suspension_never_queues_behind_its_accounts_flood);

async fn a_suspension_never_queues_behind_its_accounts_flood(place: Place) {
    let node = place.sandbox().serve();
    let demo = node.demo();
    let partner = node.client(&demo.partner.app_secret);
    let merchant = partner.create(&demo.merchant, "Till", &["api-keys:write"]).await;
    let (stop, path) = (Arc::new(AtomicBool::new(false)), format!("/v1/merchants/{}", demo.merchant));
    let mut flood = JoinSet::new();
    for _ in 0..48 {
        let (client, stop) = (node.client(&merchant.value), Arc::clone(&stop));
        let pairs = format!("{path}/api-keys");
        flood.spawn(async move {
            let body = Some(("application/json", json!({"name": "flood"}).to_string()));
            let mut answers = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                answers.push(client.try_send(Method::POST, &pairs, body.clone(), HeaderMap::new()).await.unwrap());
            }
            answers
        });
    }
    for _ in 0..39 {
        partner.post(&format!("{path}/suspend"), &json!({})).await.expect(200);
        partner.post(&format!("{path}/resume"), &json!({})).await.expect(200);
    }
    stop.store(true, Ordering::Relaxed);
    for answer in flood.join_all().await.into_iter().flatten() {
        match answer.status {
            201 | 401 => {}
            409 => drop(answer.expect_problem(409, "account_not_active")),
            // Its account was repeatedly suspended and resumed, each time just before it was judged anew.
            503 => {
                assert!(answer.header("retry-after").is_some(), "{}", answer.text);
                drop(answer.expect_problem(503, "unavailable"));
            }
            _ => {
                assert!(answer.header("retry-after").is_some(), "{}", answer.text);
                drop(answer.expect_problem(429, "too_many_requests"));
            }
        }
    }
    node.stop();
}

/// A request whose body is announced and never sent. Returns whether it got a place and waits for its body there.
async fn parked(node: &Node, path: &str, credential: &str) -> (bool, Raw) {
    let mut raw = Raw::connect(node.address()).await.unwrap();
    raw.send(&format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\n{credential}Content-Type: application/json\r\nContent-Length: 100\r\n\
         Expect: 100-continue\r\n\r\n"
    ))
    .await;
    let head = raw.read_until("\r\n\r\n").await.unwrap();
    let waits = head.starts_with("HTTP/1.1 100 ");
    assert!(waits || head.starts_with("HTTP/1.1 429 ") || head.starts_with("HTTP/1.1 503 "), "{head}");
    (waits, raw)
}

/// The same service from another address of this machine.
fn from(node: &Node, address: [u8; 4]) -> Client {
    let http = client_options(LIMIT).local_address(IpAddr::from(address)).build().unwrap();
    Client::over(http, node.base_url())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_that_never_arrive_lock_out_no_other_client() {
    let place = Place::embedded();
    let node = place
        .sandbox()
        .env("KEYWARD_LIMITS__MAX_REQUESTS_AT_ONCE", "16")
        .env("KEYWARD_LIMITS__BODY_READ_TIMEOUT", "10m")
        .env("KEYWARD_LIMITS__REQUEST_TIMEOUT", "10m")
        .serve();
    let demo = node.demo();
    let platform = node.client(&demo.platform.app_secret);
    platform.get("/v1/merchants").await.expect(200);
    let by = format!("Authorization: Bearer {}\r\n", demo.partner.app_secret);
    let mut waiting = Vec::new();
    for (path, credential) in [("/v1/oauth2/token", ""), ("/v1/api-keys", &by), ("/v1/verify", &by)] {
        for _ in 0..40 {
            waiting.push(parked(&node, path, credential).await);
        }
    }
    let held = waiting.iter().filter(|(waits, _)| *waits).count();
    assert!((3..=3 * 9).contains(&held), "{held} of 48 places are held");
    let elsewhere = from(&node, [127, 0, 0, 2]);
    elsewhere.tokens(&demo.partner.app_key, &demo.partner.app_secret).await;
    // Another account, from the same address.
    let key = platform.create(&demo.merchant, "Till", &[]).await;
    assert_eq!(platform.verdict(&key.value).await, "VALID");
    drop(waiting);
    let partner = node.client(&demo.partner.app_secret);
    eventually("there is room again", async || partner.get("/v1/merchants").await.status == 200).await;
    node.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_sends_first_sees_its_answer() {
    let place = Place::embedded();
    let node = place.sandbox().serve();
    let by = format!("Authorization: Bearer {}\r\n", node.demo().partner.app_secret);
    let json = "Content-Type: application/json\r\n";
    for (path, headers, bytes, status) in [
        ("/v1/auth", by.clone(), 1_000_000, 204),
        ("/v1/api-keys", format!("{by}{json}"), 5_000_000, 413),
        ("/v1/api-keys", by.clone(), 1_000_000, 415),
        ("/v1/api-keys", json.to_owned(), 1_000_000, 401),
        ("/v1/oauth2/token", json.to_owned(), 1_000_000, 413),
        ("/v1/nowhere", String::new(), 1_000_000, 404),
        ("/healthz", String::new(), 1_000_000, 405),
    ] {
        let mut connection = TcpStream::connect(node.address()).await.unwrap();
        let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\n{headers}Content-Length: {bytes}\r\n\r\n");
        // Most clients read the answer only after sending everything.
        connection.write_all(head.as_bytes()).await.unwrap();
        connection.write_all(&vec![b'x'; bytes]).await.unwrap_or_else(|error| panic!("{path}: {error}"));
        let mut answer = String::new();
        let read = tokio::time::timeout(Duration::from_mins(1), connection.read_to_string(&mut answer)).await;
        read.expect("the connection ends").unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{path}: {answer}");
    }
    node.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_of_http2_that_sends_first_sees_its_answer() {
    let place = Place::embedded();
    let node = place.sandbox().serve();
    let http = client_options(LIMIT).http2_prior_knowledge();
    let client = Client::over(http.build().unwrap(), node.base_url()).with(&node.demo().partner.app_secret);
    let json = "application/json";
    for (path, kind, bytes, status) in [
        ("/v1/auth", "text/plain", 1_000_000, 204),
        ("/v1/api-keys", json, 5_000_000, 413),
        ("/v1/api-keys", "text/plain", 1_000_000, 415),
        ("/v1/nowhere", json, 5_000_000, 404),
    ] {
        for _ in 0..4 {
            let body = Some((kind, "x".repeat(bytes)));
            let answer = client.try_send(Method::POST, path, body, HeaderMap::new()).await;
            assert_eq!(answer.unwrap_or_else(|error| panic!("{path}: {error:?}")).status, status, "{path}");
        }
    }
    node.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_reads_nothing_is_disconnected() {
    let place = Place::embedded();
    let program = place.sandbox().words("--metrics-listen 127.0.0.1:0");
    let node = program.env("KEYWARD_LIMITS__WRITE_TIMEOUT", "300ms").serve();
    let mut raw = Raw::connect(node.address()).await.unwrap();
    // More answers than the sockets hold, and none of them is read.
    raw.send(&"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n".repeat(1_000)).await;
    eventually("it is disconnected", async || node.metric("keyward_connections_given_up_total").await > 0.5).await;
    node.anonymous().get("/openapi.json").await.expect(200);
    drop(raw);
    node.stop();
}
