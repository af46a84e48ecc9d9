//! Limits: a source that guesses has to wait; other callers and keys in memory do not.

use std::{pin::pin, time::Duration};

use keyward_storage::shortcuts::StoreShortcuts as _;
use serde_json::json;

use crate::harness::{Answer, ID, Request, Setup, World, absent, stuck};

const HERE: &str = "192.0.2.1:1";
const ELSEWHERE: &str = "192.0.2.2:1";

async fn get(world: &World, from: &str, credential: &str) -> Answer {
    world.request("GET", "/v1/merchants").from(from).bearer(credential).send().await
}

/// Guesses until the source has to wait. Returns the number of admitted guesses.
async fn use_up(world: &World) -> u32 {
    for n in 0..10_000 {
        if get(world, HERE, &absent()).await.status == 429 {
            return n;
        }
    }
    panic!("no guess was refused");
}

#[tokio::test]
async fn after_six_hundred_wrong_secrets_a_minute_a_source_has_to_wait() {
    let world = World::new().await;
    let key = world.root("partner_a").await;
    assert_eq!(use_up(&world).await, 600);
    let answer = get(&world, HERE, &absent()).await;
    answer.problem(429, "too_many_attempts");
    assert_eq!(answer.header("retry-after"), Some("1"));
    for value in [&key.value, &key.forged()] {
        for path in ["/v1/auth", "/v1/merchants"] {
            let looked_up = world.request("GET", path).from(HERE).bearer(value).send().await;
            looked_up.problem(429, "too_many_attempts");
        }
    }
    assert!(!world.remembers(&key), "it was looked up");
    get(&world, ELSEWHERE, &key.forged()).await.problem(401, "invalid_credential");
    get(&world, ELSEWHERE, &key.value).await.json(200);
}

#[tokio::test]
async fn a_key_in_memory_keeps_working_while_its_source_has_to_wait() {
    let world = World::allowing(3).await;
    let by = world.root("partner_a").await;
    let pair = world.pair("merchant_a1", &["merchants:read"]).await;
    let tokens = world.tokens(&pair).await;
    get(&world, ELSEWHERE, &by.value).await.json(200);
    use_up(&world).await;
    let from_here = |method: &str, path: &str| world.request(method, path).from(HERE);
    for value in [&by.value, &pair.secret.value] {
        get(&world, HERE, value).await.json(200);
        from_here("GET", "/v1/auth").header("x-api-key", value).send().await.empty(204);
    }
    let check = json!({"key": pair.public.value, "type": "public"});
    let verdict = from_here("POST", "/v1/verify").bearer(&by.value).json(&check).send().await.json(200);
    assert_eq!(verdict["code"], "VALID");
    from_here("POST", "/v1/oauth2/token").json(&pair.body()).send().await.json(200);
    let refresh = json!({"refreshToken": tokens["refreshToken"]});
    from_here("POST", "/v1/oauth2/token").json(&refresh).send().await.json(200);
    // A wrong secret of such a key costs no look-up either: the answer is 401, not 429.
    get(&world, HERE, &pair.secret.forged()).await.problem(401, "invalid_credential");
    world.forget(&pair.secret);
    get(&world, HERE, &pair.secret.value).await.problem(429, "too_many_attempts");
}

#[tokio::test]
async fn a_revoked_key_leaves_memory_and_is_looked_up_like_any_other() {
    let world = World::allowing(3).await;
    let (by, key) = (world.root("platform").await, world.root("partner_a").await);
    get(&world, HERE, &key.value).await.json(200);
    use_up(&world).await;
    world.delete(&by.value, &key.path()).await.empty(204);
    get(&world, HERE, &key.value).await.problem(429, "too_many_attempts");
    get(&world, ELSEWHERE, &key.value).await.problem(401, "invalid_credential");
}

#[tokio::test]
async fn waiting_gives_attempts_back() {
    let world = World::allowing(60).await;
    let key = world.root("partner_a").await;
    use_up(&world).await;
    world.advance(Duration::from_secs(1));
    get(&world, HERE, &key.value).await.json(200);
    get(&world, HERE, &absent()).await.problem(401, "invalid_credential");
    world.advance(Duration::from_hours(1));
    world.access.forget_attempts();
    assert_eq!(use_up(&world).await, 60);
}

#[tokio::test]
async fn only_unknown_keys_and_wrong_secrets_count() {
    let world = World::allowing(3).await;
    let by = world.root("platform").await;
    let revoked = world.key("partner_a", &[]).await;
    world.delete(&by.value, &revoked.path()).await.empty(204);
    let public = world.key_of("partner_a", "public", &[], None).await;
    let suspended = world.root("merchant_a1").await;
    world.post(&by.value, "/v1/merchants/merchant_a1/suspend").await.json(200);
    let expired = world.key_of("partner_a", "secret", &[], Some("2026-11-23T12:00:01.000Z")).await;
    world.advance(Duration::from_secs(1));
    for _ in 0..5 {
        for value in [&revoked.value, &public.value, &suspended.value, &expired.value, &by.production_value()] {
            assert_eq!(get(&world, HERE, value).await.status, 401);
        }
        get(&world, HERE, &by.value).await.json(200);
        world.request("GET", "/v1/merchants").from(HERE).send().await.problem(401, "invalid_credential");
    }
}

#[tokio::test]
async fn an_access_token_never_waits() {
    let world = World::allowing(3).await;
    let pair = world.pair("partner_a", &["merchants:read"]).await;
    let token = world.access_token(&pair).await;
    use_up(&world).await;
    get(&world, HERE, &token).await.json(200);
    // Even if its keys have to be looked up: a client cannot guess a signed token.
    world.forget(&pair.public);
    world.forget(&pair.secret);
    get(&world, HERE, &token).await.json(200);
}

#[tokio::test]
async fn the_token_endpoint_counts_by_source_too() {
    let world = World::allowing(3).await;
    let pair = world.pair("merchant_a1", &[]).await;
    let body = json!({"AppKey": ID, "AppSecret": pair.secret.value});
    for status in [401, 401, 401, 429] {
        let answer = world.request("POST", "/v1/oauth2/token").from(HERE).json(&body).send().await;
        assert_eq!(answer.status, status);
    }
    let unremembered = world.root("partner_a").await;
    get(&world, HERE, &unremembered.value).await.problem(429, "too_many_attempts");
}

#[tokio::test]
async fn only_trusted_proxies_report_a_source() {
    for (trusted, status) in [(vec!["192.0.2.0/24".parse().unwrap()], 200), (Vec::new(), 429)] {
        let mut setup = Setup::default();
        setup.settings.failed_attempts_per_minute = 3;
        setup.options.trusted_proxies = trusted;
        let world = World::with(setup).await;
        let key = world.root("partner_a").await;
        let ask = |client: &str, value: &str| {
            let request = world.request("GET", "/v1/merchants").from(HERE).header("x-forwarded-for", client);
            request.bearer(value).send()
        };
        for _ in 0..5 {
            ask("198.51.100.7", &absent()).await;
        }
        ask("198.51.100.7", &key.value).await.problem(429, "too_many_attempts");
        assert_eq!(ask("198.51.100.8", &key.value).await.status, status);
    }
}

#[tokio::test]
async fn verifying_wrong_secrets_of_others_costs_the_caller_nothing() {
    let world = World::allowing(3).await;
    let by = world.root("partner_a").await;
    let key = world.key("merchant_a1", &[]).await;
    for _ in 0..10 {
        world.post_json(&by.value, "/v1/verify", &json!({"key": key.forged()})).await.json(200);
    }
}

#[tokio::test]
async fn a_request_beyond_the_maximum_is_refused_with_retry_after() {
    let mut setup = Setup::default();
    setup.options.max_concurrent_requests = 1;
    let world = World::with(setup).await;
    let (by, stranger) = (world.root("partner_a").await, world.root("partner_b").await);
    world.get(&by.value, "/v1/merchants").await.json(200);
    // No other writer runs while this one is open.
    let held = world.store.begin().await.unwrap();
    let body = json!({"mid": "partner_a", "name": "x", "type": "public"});
    let mut waiting = pin!(world.post_json(&by.value, "/v1/api-keys", &body));
    let refused = tokio::select! {
        biased;
        _ = &mut waiting => panic!("the database is held"),
        answer = world.get(&by.value, "/v1/merchants") => answer,
    };
    refused.problem(503, "unavailable");
    assert_eq!(refused.header("retry-after"), Some("1"));
    for path in ["/healthz", "/readyz", "/.well-known/jwks.json"] {
        assert_eq!(Request::new(&world.router, "GET", path).send().await.status, 200);
    }
    // Each kind has places of its own: management load does not delay verification.
    for key in [&by, &stranger] {
        world.request("GET", "/v1/auth").bearer(&key.value).send().await.empty(204);
    }
    drop(held);
    waiting.await.json(201);
    world.get(&by.value, "/v1/merchants").await.json(200);
}

#[tokio::test]
async fn a_body_that_does_not_arrive_times_out_before_the_request() {
    let mut setup = Setup::default();
    // Data that has already arrived takes no time.
    setup.options.body_read_timeout = Duration::ZERO;
    let world = World::with(setup).await;
    for (path, body) in [("/v1/oauth2/token", &b"{\"AppKey\""[..]), ("/v1/api-keys", b"{")] {
        let by = world.root("partner_a").await;
        let unfinished = stuck(body);
        let request = world.request("POST", path).bearer(&by.value).body("application/json", unfinished);
        request.send().await.invalid(&["body"]);
    }
}

#[tokio::test]
async fn a_client_that_waits_for_retry_after_is_admitted_in_every_dialect() {
    // A wait of 8.57 seconds, which the header rounds up.
    let world = World::allowing(7).await;
    let pair = world.pair("partner_a", &["merchants:read"]).await;
    let form = pair.form(&[]);
    let by_form = || world.request("POST", "/v1/oauth2/token").from(HERE).form(&form).send();
    let by_value = || get(&world, HERE, &pair.secret.value);
    for dialect in 0..2 {
        world.forget(&pair.secret);
        use_up(&world).await;
        let refused = if dialect == 0 { by_form().await } else { by_value().await };
        assert_eq!(refused.status, 429);
        world.advance(Duration::from_secs(refused.header("retry-after").unwrap().parse().unwrap()));
        let again = if dialect == 0 { by_form().await } else { by_value().await };
        assert_eq!(again.status, 200, "{}", again.text());
    }
}
