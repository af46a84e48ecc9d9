//! Problems: the table of the contract, and the errors that arise outside handlers.

use std::{collections::BTreeSet, time::Duration};

use keyward_api::http::problem::Code;
use keyward_storage::mock::MockStore;
use keyward_storage::shortcuts::StoreShortcuts as _;

use crate::harness::{PUBLIC_URL, Request, Setup, World};

mod many;

/// Contract, section 10.
const TABLE: [(u16, &str); 32] = [
    (400, "invalid_request"),
    (400, "unknown_condition"),
    (401, "invalid_credential"),
    (401, "wrong_environment"),
    (403, "insufficient_scope"),
    (403, "scope_not_held"),
    (403, "mid_not_allowed"),
    (403, "own_account"),
    (403, "own_key"),
    (403, "suspended_from_above"),
    (403, "wrong_type"),
    (403, "wrong_account"),
    (404, "not_found"),
    (404, "key_not_found"),
    (404, "account_not_found"),
    (405, "method_not_allowed"),
    (413, "body_too_large"),
    (415, "unsupported_media_type"),
    (409, "mid_taken"),
    (409, "account_not_active"),
    (409, "account_closed"),
    (409, "lock_out"),
    (409, "key_not_active"),
    (409, "too_many_keys"),
    (412, "precondition_failed"),
    (429, "too_many_attempts"),
    (429, "too_many_requests"),
    (500, "internal"),
    (502, "bad_gateway"),
    (503, "unavailable"),
    (503, "outcome_unknown"),
    (504, "timeout"),
];

#[test]
fn the_codes_are_those_of_the_contract() {
    let used: BTreeSet<_> = Code::ALL.iter().map(|code| (code.status().as_u16(), code.as_str())).collect();
    assert_eq!(used, TABLE.into_iter().collect());
    assert_eq!(used.len(), Code::ALL.len());
}

#[test]
fn type_and_code_correspond_one_to_one() {
    let types: BTreeSet<_> = Code::ALL.iter().map(|code| code.type_url(PUBLIC_URL)).collect();
    assert_eq!(types.len(), Code::ALL.len());
    for code in Code::ALL {
        assert_eq!(code.type_url(PUBLIC_URL), format!("{PUBLIC_URL}/docs/problems#{}", code.as_str()));
        assert!(!code.title().is_empty() && !code.advice().is_empty());
    }
}

#[tokio::test]
async fn an_unknown_path_or_a_trailing_slash_is_not_found() {
    let world = World::new().await;
    let by = world.root("platform").await;
    // From now on memory could answer.
    world.get(&by.value, "/v1/auth").await.empty(204);
    for path in [
        "/v1",
        "/v1/",
        "/v2/api-keys",
        "/v1/api-keys/",
        "/v1/api-keys/merchant_a1/",
        "/v1/api-keys/merchant_a1/x",
        "/v1/merchants/",
        "/v1/merchants/merchant_a1/api-keys/",
        "/v1/merchants/merchant_a1/reopen",
        "/v1/oauth2",
        "/v1/verify/",
        "/v1/authx",
        "/v1/auth-",
        "/v1/auth-secret",
        "/v1/auth-publicx",
        "/v1/auth%2Fx",
        "/v1/auth;x",
        "/V1/auth",
        "//v1/merchants",
        "/V1/merchants",
        "/metrics",
        "/healthz/",
        "/docs/",
        "/.well-known/",
        "/.well-known/openid-configuration",
    ] {
        for method in ["GET", "POST", "DELETE", "QUERY"] {
            world.request(method, path).bearer(&by.value).send().await.problem(404, "not_found");
        }
    }
    // The path is checked before the credential.
    world.request("GET", "/nowhere").bearer("garbage").send().await.problem(404, "not_found");
}

#[tokio::test]
async fn a_panic_is_a_problem_without_its_message() {
    let world = World::new().await;
    let mut store = MockStore::new();
    store
        .expect_signing_keys()
        .returning(|| Ok(keyward_storage::SigningKeys { keys: Vec::new(), database_time: None }));
    store.expect_add_signing_key().returning(|_, _, _| Ok(keyward_storage::Write::Stale));
    store.expect_credential().returning(|_| panic!("a word that no client may read"));
    let router = world.behind(store, Setup::default()).await;
    let key = world.root("platform").await;
    for path in ["/v1/merchants", "/v1/auth"] {
        let answer = Request::new(&router, "GET", path).bearer(&key.value).send().await;
        answer.problem(500, "internal");
        assert!(!answer.text().contains("no client may read"));
    }
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_a_problem() {
    let world = World::new().await;
    let mut setup = Setup::default();
    setup.options.request_timeout = Duration::ZERO;
    let key = world.root("platform").await;
    let router = world.behind(world.store.as_ref().clone(), setup).await;
    // No other writer runs while this one is open.
    let held = world.store.begin().await.unwrap();
    let body = serde_json::json!({"mid": "platform", "name": "x", "type": "public"});
    let answer = Request::new(&router, "POST", "/v1/api-keys").bearer(&key.value).json(&body).send().await;
    answer.problem(504, "timeout");
    drop(held);
    assert_eq!(Request::new(&router, "GET", "/healthz").send().await.status, 200);
}

#[tokio::test]
async fn a_valid_request_id_is_returned_and_any_other_replaced() {
    let world = World::new().await;
    let long = "x".repeat(64);
    for id in ["a", "A-1_2.3", &long] {
        let answer = world.request("GET", "/healthz").header("x-request-id", id).send().await;
        assert_eq!(answer.header("x-request-id"), Some(id));
    }
    let too_long = "x".repeat(65);
    for id in ["", "a b", "a/b", "é", "<x>", &too_long] {
        for path in ["/healthz", "/nowhere", "/v1/merchants"] {
            let answer = world.request("GET", path).header("x-request-id", id).send().await;
            let ours = answer.header("x-request-id").unwrap();
            assert!(ours != id && ours.len() == 32, "{ours}");
        }
    }
    let one = world.request("GET", "/healthz").send().await;
    let other = world.request("GET", "/healthz").send().await;
    assert_ne!(one.header("x-request-id"), other.header("x-request-id"));
}

#[tokio::test]
async fn a_problem_belongs_to_the_callers_trace() {
    let world = World::new().await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let parent = format!("00-{trace}-00f067aa0ba902b7-01");
    let answer = world.request("GET", "/nowhere").header("traceparent", &parent).send().await;
    let problem = answer.problem(404, "not_found");
    let id = problem["traceId"].as_str().unwrap();
    assert!(id.starts_with(&format!("00-{trace}-")) && id.ends_with("-01") && id != parent, "{id}");
    let answer = world.request("GET", "/nowhere").header("traceparent", "00-garbage").send().await;
    assert!(!answer.problem(404, "not_found")["traceId"].as_str().unwrap().contains("garbage"));
}
