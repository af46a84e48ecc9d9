//! Requests that pass a gateway, and how they arrive: with the identity headers of the service, and none of the
//! client's.

use reqwest::{Method, header::HeaderMap};
use serde_json::json;

use super::{
    challenges,
    fixture::{Echo, Fixture, Kind},
    headers,
};
use crate::harness::{Demo, Place, Program};

const IDENTITY: [&str; 5] =
    ["X-Keyward-Key-Id", "X-Keyward-Mid", "X-Keyward-Partner-Mid", "X-Keyward-Type", "X-Keyward-Scopes"];

/// The identity headers for a key of the demo's merchant.
fn identity(demo: &Demo, id: &str, scopes: &str) -> [String; 5] {
    [id, &demo.merchant, &demo.partner.mid, "secret", scopes].map(str::to_owned)
}

pub(super) async fn a_valid_key_passes_and_the_application_receives_its_identity<K: Kind>() {
    let fixture = Fixture::of::<K>().await;
    let partner = fixture.partner();
    let key = partner.create(&fixture.demo.merchant, "Till", &["charges:read", "charges:write"]).await;
    let till = fixture.client(&key.value);
    let seen = Echo::of(&till.get("/charges/ch_1?expand=card&x=%2F").await);
    assert_eq!((&seen.0["method"], &seen.0["path"]), (&json!("GET"), &json!("/charges/ch_1?expand=card&x=%2F")));
    let written = Echo::of(&till.post("/charges", &json!({ "amount": 100 })).await);
    assert_eq!((&written.0["method"], &written.0["body"]), (&json!("POST"), &json!("{\"amount\":100}")));
    let by_api_key = headers([("x-api-key", &*key.value)]);
    let by_api_key = fixture.anonymous().try_send(Method::GET, "/charges", None, by_api_key).await.unwrap();
    for echo in [seen, written, Echo::of(&by_api_key)] {
        let expected = identity(&fixture.demo, &key.id, "charges:read charges:write");
        assert_eq!(IDENTITY.map(|name| echo.all(name).concat()), expected);
        assert_eq!(echo.all("x-request-id").len(), 1, "{}", echo.0);
    }

    // An access token has the identity of the key behind it.
    let new_pair = json!({ "name": "Shop", "scopes": ["charges:read"] });
    let pair = partner.post(&format!("/v1/merchants/{}/api-keys", fixture.demo.merchant), &new_pair).await.expect(201);
    let tokens = fixture.node.anonymous().tokens(&pair.member("appKey"), &pair.member("appSecret")).await;
    let echo = Echo::of(&fixture.client(&tokens.access).get("/charges").await);
    assert_eq!(
        (echo.all("x-keyward-mid"), echo.all("x-keyward-scopes").concat()),
        (vec![fixture.demo.merchant.clone()], "charges:read".to_owned())
    );
    fixture.node.stop();
}

pub(super) async fn identity_headers_of_a_client_are_replaced<K: Kind>() {
    let fixture = Fixture::of::<K>().await;
    let key = fixture.partner().create(&fixture.demo.merchant, "Till", &["charges:read"]).await;
    let of_merchant = identity(&fixture.demo, &key.id, "charges:read");
    // A key directly below the platform has no partner: there, too, none of the client's headers remain.
    let platform = fixture.node.client(&fixture.demo.platform.app_secret);
    let own = platform.create(&fixture.demo.platform.mid, "Own", &["charges:read"]).await;
    let of_platform = [&own.id, &fixture.demo.platform.mid, "", "secret", "charges:read"].map(str::to_owned);
    for (value, expected) in [(&key.value, of_merchant), (&own.value, of_platform)] {
        for spelled in [
            |name: &str| name.to_owned(),
            |name: &str| name.to_lowercase(),
            |name: &str| name.to_uppercase(),
            |name: &str| name.replace('-', "_"),
            |name: &str| name.replacen('-', "_", 1),
            |name: &str| name.replace("d-", "d_").to_lowercase(),
        ] {
            let spoofed: Vec<String> = IDENTITY.iter().map(|name| format!("\r\n{}: spoofed", spelled(name))).collect();
            // Twice, and with the instruction to the gateway to drop its own.
            let twice = spoofed.concat().repeat(2);
            let drop = format!("\r\nConnection: {}", IDENTITY.join(", "));
            for more in [&twice, &drop, &format!("{twice}{drop}")] {
                let head = format!("GET /charges HTTP/1.1\r\nAuthorization: Bearer {value}{more}");
                let answer = fixture.raw(&head).await;
                let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default();
                assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
                let echo = Echo(serde_json::from_str(&body).unwrap());
                assert_eq!(IDENTITY.map(|name| echo.all(name).concat()), expected, "{more}\n{}", echo.0);
                assert!(!body.contains("spoofed"), "{body}");
            }
        }
    }
    // Requirements that the client adds can only restrict; those that it drops are still checked.
    let reader = format!("\r\nAuthorization: Bearer {}", key.value);
    for more in ["X-Keyward-Require-Scope: charges:read", "Connection: X-Keyward-Require-Scope", "Connection: close"] {
        let before = fixture.application.reached();
        let answer = fixture.raw(&format!("POST /charges HTTP/1.1\r\nContent-Length: 0{reader}\r\n{more}")).await;
        assert!(answer.starts_with("HTTP/1.1 403"), "{more}: {answer}");
        assert_eq!(fixture.application.reached(), before);
    }
    fixture.node.stop();
}

pub(super) async fn a_credential_never_reaches_the_application<K: Kind>() {
    let fixture = Fixture::of::<K>().await;
    let key = fixture.key(&["charges:read", "charges:write"]).await;
    let both = headers([("x-api-key", &*key)]);
    for (client, method, headers) in [
        (fixture.client(&key), Method::GET, HeaderMap::new()),
        (fixture.client(&key), Method::POST, both.clone()),
        (fixture.anonymous(), Method::GET, both),
    ] {
        let answer = client.try_send(method, "/charges", None, headers).await.unwrap();
        let echo = Echo::of(&answer);
        assert!(!answer.text.contains(&key), "the value of the key arrived");
        assert_eq!((echo.all("authorization"), echo.all("x-api-key")), (vec![], vec![]));
    }
    assert!(!fixture.log().contains(&key), "the gateway's log has the value of a key");
    fixture.node.stop();
}

pub(super) async fn reading_and_writing_need_different_scopes<K: Kind>() {
    let fixture = Fixture::of::<K>().await;
    let (reader, writer) = (fixture.key(&["charges:read"]).await, fixture.key(&["charges:write"]).await);
    let (reader, writer, all) = (fixture.client(&reader), fixture.client(&writer), fixture.key(&["charges:*"]).await);
    for (method, may, may_not) in
        [(Method::GET, &reader, &writer), (Method::HEAD, &reader, &writer), (Method::POST, &writer, &reader)]
    {
        for client in [may, &fixture.client(&all)] {
            let passed = client.try_send(method.clone(), "/charges", None, HeaderMap::new()).await.unwrap();
            assert_eq!(passed.status, 200, "{method}");
        }
        assert_eq!(fixture.kept_out(may_not, method, "/charges", HeaderMap::new()).await.status, 403);
    }
    // A request without a scope in the example is refused, not let through.
    for method in [Method::DELETE, Method::PUT, Method::PATCH, Method::from_bytes(b"PURGE").unwrap()] {
        let answer = fixture.kept_out(&fixture.client(&all), method.clone(), "/charges", HeaderMap::new()).await;
        assert_eq!(answer.status, 405, "{method}");
    }
    fixture.node.stop();
}

pub(super) async fn a_key_with_the_maximum_of_scopes_passes<K: Kind>() {
    let fixture = Fixture::of::<K>().await;
    // 2,048 characters in total.
    let mut scopes: Vec<String> = (0..31).map(|n| format!("{n:0>2}{}", "x".repeat(62))).collect();
    scopes.extend(["charges:read".into(), "y".repeat(52)]);
    let scopes: Vec<&str> = scopes.iter().map(String::as_str).collect();
    assert_eq!(scopes.concat().len(), 2_048);
    let key = fixture.key(&scopes).await;
    let echo = Echo::of(&fixture.client(&key).get("/charges").await);
    let mut arrived: Vec<String> = echo.all("x-keyward-scopes").concat().split(' ').map(str::to_owned).collect();
    arrived.sort();
    let mut granted = scopes;
    granted.sort_unstable();
    assert_eq!(arrived, granted);
    fixture.node.stop();
}

pub(super) async fn a_preflight_passes_where_that_is_allowed_and_nowhere_else<K: Kind>() {
    let preflight = || {
        headers([
            ("origin", "https://shop.example"),
            ("access-control-request-method", "POST"),
            ("x-keyward-mid", "spoofed"),
            ("x-keyward-scopes", "spoofed"),
        ])
    };
    let allowed = |program: Program| program.env("KEYWARD_GATEWAY__ALLOW_PREFLIGHT", "true");
    let fixture = Fixture::with::<K>(Place::embedded(), allowed).await;
    let anonymous = fixture.anonymous();
    let passed = anonymous.try_send(Method::OPTIONS, "/charges", None, preflight()).await.unwrap();
    let echo = Echo::of(&passed);
    assert_eq!(echo.0["method"], "OPTIONS");
    // It names no caller, and neither does the client.
    assert_eq!(IDENTITY.map(|name| echo.all(name).concat()), [""; 5]);
    // A request that only looks like one has no credential.
    let origin_alone = headers([("origin", "https://shop.example")]);
    for (method, headers) in [(Method::OPTIONS, origin_alone), (Method::GET, preflight()), (Method::POST, preflight())]
    {
        let answer = fixture.kept_out(&anonymous, method, "/charges", headers).await;
        answer.expect_problem(401, "invalid_credential");
    }
    fixture.node.stop();

    let fixture = Fixture::of::<K>().await;
    let answer = fixture.kept_out(&fixture.anonymous(), Method::OPTIONS, "/charges", preflight()).await;
    answer.expect_problem(401, "invalid_credential");
    fixture.node.stop();
}

pub(super) async fn refusals_of_the_application_are_its_own<K: Kind>() {
    let fixture = Fixture::of::<K>().await;
    let till = fixture.client(&fixture.key(&["charges:read"]).await);
    for status in [401, 403, 404, 429, 500, 503] {
        let answer = till.get(&format!("/charges/status/{status}")).await.expect(status);
        assert_eq!(answer.json()["method"], "GET", "the gateway answered in its place: {}", answer.text);
        assert_eq!(challenges(&answer.headers), [""; 0]);
    }
    fixture.node.stop();
}
