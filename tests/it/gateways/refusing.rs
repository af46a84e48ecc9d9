//! Requests that a gateway refuses: the application never receives them, and the client reads the reason.

use keyward_testkit::pg::{Cluster, Durability};
use reqwest::Method;
use serde_json::json;

use super::{
    challenges,
    fixture::{Fixture, Kind},
    headers,
};
use crate::harness::{Place, Program, eventually, free_address};

pub(super) async fn an_invalid_credential_is_401<K: Kind>() {
    let fixture = Fixture::of::<K>().await;
    let key = fixture.key(&["charges:read"]).await;
    let missing = fixture.refused(&fixture.anonymous()).await.expect_problem(401, "invalid_credential");
    assert_eq!(challenges(&missing.headers), ["Bearer"]);
    let unknown = another_places_key().await;
    for value in ["garbage", &unknown, &key[..key.len() - 1], &key.replace("sk_test_", "sk_live_")] {
        let answer = fixture.refused(&fixture.client(value)).await;
        assert_eq!(answer.status, 401, "{}", answer.text);
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        assert_eq!(challenges(&answer.headers), ["Bearer error=\"invalid_token\""]);
        let body = answer.json();
        assert!(body["title"].is_string() && body["errors"][0].is_string() && body["status"] == 401, "{body}");
        assert!(answer.header("cache-control").is_some_and(|value| value.contains("no-store")), "{:?}", answer.headers);
        assert!(answer.header("x-request-id").is_some());
    }
    // Two credentials, one of them valid.
    let other = headers([("x-api-key", &*unknown)]);
    let answer = fixture.kept_out(&fixture.client(&key), Method::GET, "/charges", other).await;
    answer.expect_problem(401, "invalid_credential");
    fixture.node.stop();
}

/// A well-formed value that has to be looked up, and is unknown here.
async fn another_places_key() -> String {
    let elsewhere = Place::embedded();
    let node = elsewhere.sandbox().serve();
    node.anonymous().get("/readyz").await.expect(200);
    node.demo().partner.app_secret
}

pub(super) async fn a_missing_scope_is_403_with_its_name<K: Kind>() {
    let fixture = Fixture::of::<K>().await;
    let key = fixture.key(&["charges:write", "refunds:read"]).await;
    let answer = fixture.refused(&fixture.client(&key)).await.expect_problem(403, "insufficient_scope");
    assert_eq!(challenges(&answer.headers), ["Bearer error=\"insufficient_scope\", scope=\"charges:read\""]);
    assert!(answer.json()["errors"][0].as_str().unwrap().contains("charges:read"), "{}", answer.text);
    fixture.node.stop();
}

pub(super) async fn a_key_of_another_type_is_403<K: Kind>() {
    let fixture = Fixture::of::<K>().await;
    let new_key = json!({ "mid": fixture.demo.merchant, "name": "Page", "type": "public", "scopes": ["charges:read"] });
    let public = fixture.partner().post("/v1/api-keys", &new_key).await.expect(201).member("value");
    fixture.refused(&fixture.client(&public)).await.expect_problem(403, "wrong_type");
    fixture.node.stop();
}

pub(super) async fn too_many_wrong_keys_are_429<K: Kind>() {
    let strict = |program: Program| program.env("KEYWARD_FAILED_ATTEMPTS_PER_MINUTE", "3");
    let fixture = Fixture::with::<K>(Place::embedded(), strict).await;
    let unknown = fixture.client(&another_places_key().await);
    let mut answers = Vec::new();
    for _ in 0..4 {
        answers.push(fixture.refused(&unknown).await);
    }
    let last = answers.pop().unwrap();
    assert!(answers.iter().all(|answer| answer.status == 401), "each wrong key is looked up and counted once");
    assert_eq!(last.status, 429, "{}", last.text);
    let wait: u32 = last.header("retry-after").expect("how long to wait").parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    let body = last.json();
    assert!(body["title"].is_string() && body["errors"][0].is_string() && body["status"] == 429, "{body}");
    assert_eq!(last.header("content-type"), Some("application/problem+json"));
    fixture.node.stop();
}

pub(super) async fn an_outage_of_the_database_is_503<K: Kind>() {
    let cluster = Cluster::start(Durability::Fast).unwrap();
    let fixture = Fixture::with::<K>(Place::on(&cluster.url()).await, |program| {
        program.env("KEYWARD_DATABASE__ACQUIRE_TIMEOUT", "500ms")
    })
    .await;
    // Never verified, so no node has it in memory.
    let key = fixture.key(&["charges:read"]).await;
    cluster.stop().unwrap();
    let answer = fixture.refused(&fixture.client(&key)).await.expect_outage().expect_problem(503, "unavailable");
    assert!(answer.json()["errors"][0].is_string(), "{}", answer.text);
    cluster.start_again().unwrap();
    let client = fixture.client(&key);
    eventually("it passes again", async || client.get("/charges").await.status == 200).await;
    fixture.node.stop();
}

pub(super) async fn a_revoked_key_is_refused_on_the_very_next_request<K: Kind>() {
    let fixture = Fixture::of::<K>().await;
    for _ in 0..5 {
        fixture.a_revoked_key_is_refused().await;
    }
    fixture.node.stop();
}

pub(super) async fn an_unavailable_node_fails_no_request<K: Kind>() {
    let away = free_address();
    let with_both = |example: String| K::with_another_node(&example, &away);
    let fixture = Fixture::rewritten::<K>(Place::embedded(), |program| program, with_both).await;
    let (reader, writer) = (fixture.key(&["charges:read"]).await, fixture.key(&["charges:write"]).await);
    for _ in 0..8 {
        fixture.client(&reader).get("/charges").await.expect(200);
        fixture.client(&writer).post("/charges", &json!({ "amount": 100 })).await.expect(200);
        let lacking = fixture.refused(&fixture.client(&writer)).await.expect_problem(403, "insufficient_scope");
        assert_eq!(challenges(&lacking.headers), ["Bearer error=\"insufficient_scope\", scope=\"charges:read\""]);
        fixture.refused(&fixture.anonymous()).await.expect_problem(401, "invalid_credential");
    }
    fixture.node.stop();
}

pub(super) async fn without_the_service_nothing_passes<K: Kind>() {
    let fixture = Fixture::of::<K>().await;
    let key = fixture.key(&["charges:read"]).await;
    fixture.client(&key).get("/charges").await.expect(200);
    let (alone, _place) = fixture.without_service();
    let reached = alone.application.reached();
    for _ in 0..3 {
        let answer = alone.client(&key).get("/charges").await;
        assert!([502, 503].contains(&answer.status), "{} {}", answer.status, answer.text);
    }
    assert_eq!(alone.application.reached(), reached);
}

pub(super) async fn a_frozen_service_lets_nothing_pass<K: Kind>() {
    let fixture = Fixture::of::<K>().await;
    let key = fixture.key(&["charges:read"]).await;
    let till = fixture.client(&key);
    till.get("/charges").await.expect(200);
    fixture.node.freeze();
    let answer = fixture.refused(&till).await;
    assert!([502, 503, 504].contains(&answer.status), "{} {}", answer.status, answer.text);
    fixture.node.thaw();
    till.get("/charges").await.expect(200);
    fixture.node.stop();
}

pub(super) async fn nothing_else_leads_to_the_application<K: Kind>() {
    let fixture = Fixture::of::<K>().await;
    let key = fixture.key(&["charges:*"]).await;
    for path in ["/", "/admin", "/charges/../admin", "/charges/%2e%2e/admin", "/_keyward", "/v1/auth", "//admin"] {
        for credential in [String::new(), format!("\r\nX-Api-Key: {key}")] {
            let before = fixture.application.reached();
            let answer = fixture.raw(&format!("GET {path} HTTP/1.1{credential}")).await;
            assert!(answer.starts_with("HTTP/1.1 404"), "{path}: {answer}");
            assert_eq!(fixture.application.reached(), before, "{path}");
        }
    }
    fixture.node.stop();
}
