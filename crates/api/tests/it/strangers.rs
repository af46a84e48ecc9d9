//! Unauthenticated clients that guess: they wait, and lock out neither the owner of the guessed key nor each other.

use std::time::Duration;

use serde_json::json;

use crate::harness::{Answer, Pair, World, absent};

const OWNER: &str = "192.0.2.1:1";
const ELSEWHERE: &str = "192.0.2.2:1";

async fn token(world: &World, from: &str, app_key: &str, secret: &str) -> Answer {
    let body = json!({"AppKey": app_key, "AppSecret": secret});
    world.request("POST", "/v1/oauth2/token").from(from).json(&body).send().await
}

async fn form(world: &World, from: &str, pair: &Pair, secret: &str) -> Answer {
    let form = [("grant_type", "client_credentials"), ("client_id", &pair.public.id), ("client_secret", secret)];
    world.request("POST", "/v1/oauth2/token").from(from).form(&form).send().await
}

#[tokio::test]
async fn wrong_secrets_from_other_sources_never_cost_the_owner_a_token() {
    let world = World::allowing(3).await;
    let pair = world.pair("merchant_a1", &[]).await;
    for guess in 0..30 {
        let from = format!("198.51.100.{}:1", guess / 3);
        token(&world, &from, &pair.public.id, &pair.secret.forged()).await.problem(401, "invalid_credential");
    }
    for app_key in [pair.public.value.clone(), pair.public.id.clone(), pair.public.uuid()] {
        token(&world, OWNER, &app_key, &pair.secret.value).await.json(200);
    }
    form(&world, OWNER, &pair, &pair.secret.value).await.json(200);
}

#[tokio::test]
async fn a_right_pair_in_memory_passes_whatever_its_own_source_has_guessed() {
    let world = World::allowing(3).await;
    let (pair, other) = (world.pair("merchant_a1", &[]).await, world.pair("merchant_a1", &[]).await);
    for pair in [&pair, &other] {
        token(&world, OWNER, &pair.public.value, &pair.secret.value).await.json(200);
    }
    for (guess, status) in [(&pair, 401), (&pair, 401), (&other, 401), (&other, 429), (&pair, 429)] {
        let answer = token(&world, OWNER, &guess.public.value, &guess.secret.forged()).await;
        assert_eq!(answer.status, status, "{}", answer.text());
    }
    let answer = form(&world, OWNER, &pair, &pair.secret.forged()).await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after").is_some()), (429, true));
    for _ in 0..25 {
        token(&world, OWNER, &pair.public.value, &pair.secret.value).await.json(200);
        form(&world, OWNER, &pair, &pair.secret.value).await.json(200);
    }
    // A look-up counts against the source's own limit only.
    world.forget(&pair.secret);
    token(&world, OWNER, &pair.public.value, &pair.secret.value).await.problem(429, "too_many_attempts");
    token(&world, ELSEWHERE, &pair.public.value, &pair.secret.value).await.json(200);
}

/// A request with this credential through a gateway, for one of its clients.
async fn through(world: &World, gateway: &str, client: &str, credential: &str) -> Answer {
    let request = world.request("GET", "/v1/merchants").from(&format!("{gateway}:1"));
    request.header("x-forwarded-for", client).bearer(credential).send().await
}

#[tokio::test]
async fn one_client_of_a_gateway_that_is_not_configured_does_not_lock_out_the_others() {
    let world = World::allowing(3).await;
    for gateway in ["10.0.0.7", "127.0.0.1", "[fd00::7]"] {
        let key = world.root("partner_a").await;
        for _ in 0..3 {
            through(&world, gateway, "198.51.100.7", &absent()).await.problem(401, "invalid_credential");
        }
        through(&world, gateway, "198.51.100.7", &absent()).await.problem(429, "too_many_attempts");
        through(&world, gateway, "198.51.100.8", &key.value).await.json(200);
    }
    // From a distant address the header is ignored.
    for n in 0..3 {
        through(&world, "192.0.2.9", &format!("198.51.100.{n}"), &absent()).await.problem(401, "invalid_credential");
    }
    through(&world, "192.0.2.9", "198.51.100.9", &absent()).await.problem(429, "too_many_attempts");
}

#[tokio::test]
async fn a_gateway_whose_clients_keep_guessing_looks_up_slowly_and_is_not_refused() {
    let world = World::allowing(6).await;
    let (warm, cold) = (world.root("partner_a").await, world.root("partner_a").await);
    through(&world, "10.0.0.7", "198.51.100.1", &warm.value).await.json(200);
    // A client that writes the header itself is another source each time.
    for n in 0..60 {
        through(&world, "10.0.0.7", &format!("203.0.113.{n}"), &absent()).await.problem(401, "invalid_credential");
    }
    // Six look-ups a minute are left to all of them.
    for n in 60..66 {
        through(&world, "10.0.0.7", &format!("203.0.113.{n}"), &absent()).await.problem(401, "invalid_credential");
    }
    let refused = through(&world, "10.0.0.7", "198.51.100.1", &cold.value).await;
    refused.problem(429, "too_many_attempts");
    through(&world, "10.0.0.7", "198.51.100.1", &warm.value).await.json(200);
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!(wait <= 10, "{wait}");
    world.advance(Duration::from_secs(wait));
    through(&world, "10.0.0.7", "198.51.100.1", &cold.value).await.json(200);
    // A client that is not behind it is not affected.
    world.forget(&cold);
    through(&world, "10.0.0.8", "198.51.100.1", &cold.value).await.json(200);
}
