//! A database that misbehaves: an unknown answer is never a verdict, and the cause stays in the log.

use std::{
    future::Future as _,
    pin::pin,
    task::{Context, Waker},
};

use keyward_api::http::Entrance;
use keyward_storage::shortcuts::StoreShortcuts as _;
use keyward_storage::{StorageError, mock::MockStore};
use serde_json::{Value, json};

use crate::harness::{Answer, Known, Request, Setup, Target, World, rule};

/// Text of a cause, which no client may receive.
const CAUSE: &str = "disk on fire at 10.0.0.7";

fn unavailable() -> StorageError {
    StorageError::Unavailable(CAUSE.into())
}

fn corrupt() -> StorageError {
    StorageError::Corrupt { table: "api_key", id: CAUSE.to_owned() }
}

fn unexpected() -> StorageError {
    StorageError::Unexpected(CAUSE.into())
}

fn outcome_unknown() -> StorageError {
    StorageError::OutcomeUnknown(CAUSE.into())
}

/// Every request of the walk over the document, and those that redeem or use the other dialect.
async fn requests(world: &World, known: &Known) -> Vec<(String, String, Option<Value>)> {
    let about = Target { mid: "merchant_a1".to_owned(), key: known.about.clone() };
    let mut requests = Vec::new();
    // Other operations look nothing up.
    let operations = world.operations().await.into_iter().filter(|(_, template)| template.starts_with("/v1/"));
    for (method, template) in operations {
        for (path, body) in rule(&method, &template, &about).requests {
            let pair = known.pair.body();
            let body = if template == "/v1/oauth2/token" { Some(pair) } else { body };
            requests.push((method.to_uppercase(), path, body));
        }
    }
    let refresh = world.tokens(&known.pair).await["refreshToken"].clone();
    requests.push(("POST".to_owned(), "/v1/oauth2/token".to_owned(), Some(json!({"refreshToken": refresh}))));
    requests
}

async fn send(router: &Entrance, known: &Known, (method, path, body): &(String, String, Option<Value>)) -> Answer {
    let request = Request::new(router, method, path);
    // The token endpoint has its own credentials.
    let request = if path == "/v1/oauth2/token" { request } else { request.bearer(&known.by.value) };
    match body {
        Some(body) => request.json(body).send().await,
        None => request.send().await,
    }
}

#[tokio::test]
async fn an_outage_is_never_a_verdict_about_a_credential() {
    let world = World::new().await;
    let known = Known::of(&world).await;
    for (failure, status, code) in [
        (unavailable as fn() -> StorageError, 503, "unavailable"),
        (corrupt, 500, "internal"),
        (unexpected, 500, "internal"),
    ] {
        let mut store = known.store();
        store.expect_credential().returning(move |_| Err(failure()));
        let router = world.behind(store, Setup::default()).await;
        for request in requests(&world, &known).await {
            let answer = send(&router, &known, &request).await;
            answer.problem(status, code);
            assert!(!answer.text().contains("fire"), "{}", answer.text());
        }
        // The same with a token.
        let token = world.access_token(&known.pair).await;
        for path in ["/v1/merchants", "/v1/auth"] {
            Request::new(&router, "GET", path).bearer(&token).send().await.problem(status, code);
        }
    }
}

#[tokio::test]
async fn an_outage_behind_the_credential_is_never_an_answer_about_an_object() {
    let world = World::new().await;
    let known = Known::of(&world).await;
    for (failure, status, code) in
        [(unavailable as fn() -> StorageError, 503, "unavailable"), (corrupt, 500, "internal")]
    {
        let mut store = known.knowing();
        store.expect_key().returning(move |_, _| Err(failure()));
        store.expect_keys().returning(move |_, _, _| Err(failure()));
        store.expect_account().returning(move |_, _| Err(failure()));
        store.expect_accounts().returning(move |_, _| Err(failure()));
        store.expect_redeem().returning(move |_| Err(failure()));
        store.expect_begin_as().returning(move |_| Err(failure()));
        let router = world.behind(store, Setup::default()).await;
        for request in requests(&world, &known).await {
            let answer = send(&router, &known, &request).await;
            let (_, path, body) = &request;
            // These need only the credentials.
            let redeems = body.as_ref().is_some_and(|body| body.get("refreshToken").is_some());
            if path.starts_with("/v1/auth-") {
                answer.problem(403, "wrong_type");
            } else if path.starts_with("/v1/verify") || path == "/v1/auth" || path == "/v1/oauth2/token" && !redeems {
                assert!(answer.status.is_success(), "{path}: {}", answer.text());
            } else {
                answer.problem(status, code);
                assert!(!answer.text().contains("fire"), "{}", answer.text());
            }
        }
    }
}

#[tokio::test]
async fn a_write_whose_outcome_is_unknown_is_never_acknowledged() {
    let world = World::new().await;
    let known = Known::of(&world).await;
    for (end, status, code) in [
        (outcome_unknown as fn() -> StorageError, 503, "outcome_unknown"),
        (unavailable, 503, "unavailable"),
        (unexpected, 500, "internal"),
    ] {
        let mut store = known.managing();
        let shared = known.clone();
        store.expect_begin_as().returning(move |_| {
            let mut unit = shared.unit();
            unit.expect_commit().returning(move || Err(end()));
            Ok(Box::new(unit))
        });
        let router = world.behind(store, Setup::default()).await;
        for (method, path, body) in [
            ("POST", "/v1/api-keys", json!({"mid": "merchant_a1", "name": "x", "type": "secret"})),
            ("POST", "/v1/merchants/merchant_a1/api-keys", json!({"name": "x", "overwriteExistingKey": true})),
            ("POST", "/v1/merchants", json!({"name": "x", "parent_mid": "partner_a"})),
            ("POST", "/v1/merchants/merchant_a1/suspend", Value::Null),
            ("POST", "/v1/merchants/merchant_a1/close", Value::Null),
            ("DELETE", &known.about.path(), Value::Null),
        ] {
            let answer = send(&router, &known, &(method.to_owned(), path.to_owned(), Some(body))).await;
            answer.problem(status, code);
            for word in ["fire", "sk_test_", "pk_test_"] {
                assert!(!answer.text().contains(word), "{method} {path}: {}", answer.text());
            }
        }
    }
}

#[tokio::test]
async fn a_redemption_whose_outcome_is_unknown_gives_no_tokens() {
    let world = World::new().await;
    let known = Known::of(&world).await;
    let refresh = world.tokens(&known.pair).await["refreshToken"].as_str().unwrap().to_owned();
    let mut store = known.knowing();
    store.expect_redeem().returning(|_| Err(outcome_unknown()));
    let router = world.behind(store, Setup::default()).await;
    let request = Request::new(&router, "POST", "/v1/oauth2/token").json(&json!({"refreshToken": refresh}));
    request.send().await.problem(503, "outcome_unknown");
}

#[tokio::test]
async fn the_other_dialect_reports_an_outage_in_its_own_format() {
    let world = World::new().await;
    let known = Known::of(&world).await;
    let form = known.pair.form(&[]);
    for (failure, status, error) in
        [(unavailable as fn() -> StorageError, 503, "temporarily_unavailable"), (corrupt, 500, "server_error")]
    {
        let mut store = known.store();
        store.expect_credential().returning(move |_| Err(failure()));
        let router = world.behind(store, Setup::default()).await;
        let answer = Request::new(&router, "POST", "/v1/oauth2/token").form(&form).send().await;
        assert_eq!(answer.json(status)["error"], error);
        assert_eq!(answer.headers.contains_key("retry-after"), status == 503);
        assert!(!answer.text().contains("fire"));
    }
}

#[tokio::test]
async fn without_a_signing_key_tokens_are_neither_issued_nor_judged() {
    let world = World::new().await;
    let known = Known::of(&world).await;
    let mut store = MockStore::new();
    store.expect_signing_keys().returning(|| Err(unavailable()));
    let shared = known.clone();
    store.expect_credential().returning(move |id| Ok(shared.credential(id)));
    let router = world.behind(store, Setup::default()).await;
    let request = Request::new(&router, "POST", "/v1/oauth2/token").json(&known.pair.body());
    request.send().await.problem(503, "unavailable");
    // A token that names an unknown key may be valid: without a look-up there is no verdict.
    let token = world.access_token(&known.pair).await;
    // Also the second one in the same second, for which no look-up is repeated.
    for _ in 0..3 {
        Request::new(&router, "GET", "/v1/merchants").bearer(&token).send().await.problem(503, "unavailable");
    }
}

#[tokio::test]
async fn usage_that_could_not_be_written_is_written_later() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    world.get(&by.value, "/v1/merchants").await.json(200);
    world.store.on_the_writer("ALTER TABLE key_usage RENAME TO gone").await.unwrap();
    assert!(world.access.flush_usage().await.is_err());
    world.store.on_the_writer("ALTER TABLE gone RENAME TO key_usage").await.unwrap();
    world.access.flush_usage().await.unwrap();
    assert!(world.get(&by.value, &by.path()).await.json(200)["last_used"].is_string());
}

#[tokio::test]
async fn usage_whose_writing_was_cut_off_is_written_later() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    world.get(&by.value, "/v1/merchants").await.json(200);
    let writing = world.store.begin().await.unwrap();
    let mut context = Context::from_waker(Waker::noop());
    assert!(pin!(world.access.flush_usage()).poll(&mut context).is_pending(), "it waits for the database");
    drop(writing);
    world.access.flush_usage().await.unwrap();
    assert!(world.get(&by.value, &by.path()).await.json(200)["last_used"].is_string());
}

#[tokio::test]
async fn a_database_that_comes_back_is_used_again() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    world.store.on_the_writer("ALTER TABLE account RENAME TO gone").await.unwrap();
    let answer = world.get(&by.value, "/v1/merchants").await;
    assert!(answer.status.is_server_error(), "{}", answer.text());
    world.store.on_the_writer("ALTER TABLE gone RENAME TO account").await.unwrap();
    world.get(&by.value, "/v1/merchants").await.json(200);
}
