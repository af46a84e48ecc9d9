//! Refresh tokens: each works once, a family for a day, and never with more scopes than it began with.

use std::time::Duration;

use keyward_app::access::rotate_signing_keys::keep_signing_keys;
use serde_json::{Value, json};

use super::token::{PATH, ask};
use crate::harness::{Node, Pair, Setup, World};

async fn refresh(world: &World, token: &Value) -> crate::harness::Answer {
    ask(world, &json!({"refreshToken": token})).await
}

async fn scope_of(world: &World, token: &Value) -> String {
    let answer = world.get(token.as_str().unwrap(), "/v1/auth").await;
    answer.empty(204);
    answer.header("x-keyward-scopes").unwrap().to_owned()
}

async fn first(world: &World, scopes: &[&str]) -> (Pair, Value) {
    let pair = world.pair("merchant_a1", scopes).await;
    let tokens = world.tokens(&pair).await;
    (pair, tokens)
}

#[tokio::test]
async fn a_redemption_returns_a_new_pair_of_tokens() {
    let world = World::new().await;
    let (pair, tokens) = first(&world, &["merchants:read"]).await;
    world.advance(Duration::from_secs(30));
    for name in ["refreshToken", "RefreshToken", "refreshtoken"] {
        // Each time the first of a separate family.
        let tokens = if name == "refreshToken" { tokens.clone() } else { world.tokens(&pair).await };
        let fresh = ask(&world, &json!({name: tokens["refreshToken"]})).await.json(200);
        let expires = world.access.now().recorded().saturating_add(Duration::from_mins(10)).as_millis();
        assert_eq!((&fresh["expires"], &fresh["id"]), (&json!(expires), &json!(pair.secret.uuid())));
        assert_ne!(fresh["refreshToken"], tokens["refreshToken"]);
        assert_ne!(fresh["accessToken"], tokens["accessToken"]);
        world.get(fresh["accessToken"].as_str().unwrap(), "/v1/merchants").await.json(200);
    }
}

#[tokio::test]
async fn a_second_redemption_ends_the_family_and_access_tokens_last_until_their_expiry() {
    let world = World::new().await;
    let (pair, tokens) = first(&world, &["merchants:read"]).await;
    let second = refresh(&world, &tokens["refreshToken"]).await.json(200);
    let third = refresh(&world, &second["refreshToken"]).await.json(200);
    refresh(&world, &tokens["refreshToken"]).await.problem(401, "invalid_credential");
    for tokens in [&tokens, &second, &third] {
        refresh(&world, &tokens["refreshToken"]).await.problem(401, "invalid_credential");
        world.get(tokens["accessToken"].as_str().unwrap(), "/v1/merchants").await.json(200);
    }
    // Another family of the same pair is not affected.
    let other = world.tokens(&pair).await;
    refresh(&world, &other["refreshToken"]).await.json(200);
}

#[tokio::test]
async fn a_family_lives_for_a_day_from_its_first_token() {
    let world = World::new().await;
    let (_, mut tokens) = first(&world, &[]).await;
    for _ in 0..23 {
        world.advance(Duration::from_hours(1));
        tokens = refresh(&world, &tokens["refreshToken"]).await.json(200);
    }
    world.advance(Duration::from_hours(1) - Duration::from_micros(1));
    tokens = refresh(&world, &tokens["refreshToken"]).await.json(200);
    world.advance(Duration::from_micros(1));
    refresh(&world, &tokens["refreshToken"]).await.problem(401, "invalid_credential");
}

#[tokio::test]
async fn the_life_of_a_family_is_a_setting() {
    let mut setup = crate::harness::Setup::default();
    setup.settings.refresh_family_life = Duration::from_mins(1);
    let world = World::with(setup).await;
    let (_, tokens) = first(&world, &[]).await;
    world.advance(Duration::from_mins(1));
    refresh(&world, &tokens["refreshToken"]).await.problem(401, "invalid_credential");
}

#[tokio::test]
async fn garbage_and_forged_refresh_tokens_are_refused() {
    let world = World::new().await;
    let (_, tokens) = first(&world, &[]).await;
    let good = tokens["refreshToken"].as_str().unwrap();
    let other = if &good[40..41] == "A" { "B" } else { "A" };
    let forged = format!("{}{other}{}", &good[..40], &good[41..]);
    for bad in ["", "x", "AAAA", &forged, tokens["accessToken"].as_str().unwrap()] {
        refresh(&world, &json!(bad)).await.problem(401, "invalid_credential");
    }
    // A refresh token is no access token.
    world.get(good, "/v1/merchants").await.problem(401, "invalid_credential");
    refresh(&world, &json!(good)).await.json(200);
}

#[tokio::test]
async fn the_scope_of_a_family_never_widens() {
    let world = World::new().await;
    let (pair, tokens) = first(&world, &["merchants:read", "charges:read"]).await;
    let narrow = form(&world, &tokens["refreshToken"], Some("charges:read")).await.json(200);
    assert_eq!(narrow["scope"], "charges:read");
    assert_eq!(scope_of(&world, &narrow["access_token"]).await, "charges:read");
    // The family keeps its initial scopes (RFC 6749, section 6).
    let whole = form(&world, &narrow["refresh_token"], None).await.json(200);
    assert_eq!(whole["scope"], "merchants:read charges:read");
    let wide = form(&world, &whole["refresh_token"], Some("charges:write")).await;
    assert_eq!(wide.json(400)["error"], "invalid_scope");
    // A refused token was not redeemed.
    form(&world, &whole["refresh_token"], None).await.json(200);
    drop(pair);
}

async fn form(world: &World, token: &Value, scope: Option<&str>) -> crate::harness::Answer {
    let mut pairs = vec![("grant_type", "refresh_token"), ("refresh_token", token.as_str().unwrap())];
    pairs.extend(scope.map(|scope| ("scope", scope)));
    world.request("POST", PATH).form(&pairs).send().await
}

#[tokio::test]
async fn of_two_racing_redemptions_exactly_one_wins_and_the_family_ends() {
    for _ in 0..5 {
        let world = World::new().await;
        let (_, tokens) = first(&world, &[]).await;
        let (one, other) =
            tokio::join!(refresh(&world, &tokens["refreshToken"]), refresh(&world, &tokens["refreshToken"]));
        let mut answers = [one, other];
        answers.sort_by_key(|answer| answer.status);
        let won = answers[0].json(200);
        answers[1].problem(401, "invalid_credential");
        refresh(&world, &won["refreshToken"]).await.problem(401, "invalid_credential");
    }
}

#[tokio::test]
async fn where_no_key_can_sign_a_refresh_token_is_not_used_up() {
    let world = World::new().await;
    let (_, tokens) = first(&world, &["merchants:read"]).await;
    let refused = "CREATE TRIGGER refused BEFORE INSERT ON signing_key BEGIN SELECT RAISE(ABORT, 'refused'); END";
    for sql in ["DELETE FROM signing_key", refused] {
        world.store.on_the_writer(sql).await.unwrap();
    }
    // A node that starts now has no key to sign with.
    let node = Node::over(world.ports(), Setup::default()).await;
    let redeem =
        async || node.request("POST", PATH).json(&json!({"refreshToken": tokens["refreshToken"]})).send().await;
    for _ in 0..2 {
        redeem().await.problem(503, "unavailable");
    }
    world.store.on_the_writer("DROP TRIGGER refused").await.unwrap();
    keep_signing_keys(&node.access).await.unwrap();
    redeem().await.json(200);
    redeem().await.problem(401, "invalid_credential");
}
