//! Two concurrent callers with the same goal: over two nodes on Postgres, over two connections on the embedded
//! database.

use std::collections::BTreeSet;

use serde_json::json;
use tokio::task::JoinSet;

use crate::harness::{Client, Fleet, Place, on_both};

/// Number of rounds of a race: a single one may not overlap.
const ROUNDS: usize = 8;

on_both!(
    of_two_revokes_of_the_last_manager_keys_one_wins,
    a_refresh_token_is_redeemed_once,
    pairs_of_one_name_get_different_unique_names
);

/// One node on the embedded database, two on Postgres.
async fn nodes(place: Place) -> Fleet {
    let number = if place.is_embedded() { 1 } else { 2 };
    Fleet::on(place, number).await
}

/// A client of the nodes in turn.
fn client_of(fleet: &Fleet, turn: usize) -> Client {
    fleet.nodes[turn % fleet.nodes.len()].anonymous()
}

async fn of_two_revokes_of_the_last_manager_keys_one_wins(place: Place) {
    let fleet = nodes(place).await;
    let (left, right) = (client_of(&fleet, 0), client_of(&fleet, 1));
    let partner = left.with(&fleet.demo.partner.app_secret);
    for round in 0..ROUNDS {
        let shop =
            partner.post("/v1/merchants", &json!({ "name": format!("Shop {round}") })).await.expect(201).member("mid");
        let one = partner.create(&shop, "one", &["api-keys:write"]).await;
        let other = partner.create(&shop, "other", &["api-keys:write"]).await;
        let (one_asks, other_asks) = (left.with(&one.value), right.with(&other.value));
        let (by_one, by_other) = tokio::join!(one_asks.revoke(&other.id), other_asks.revoke(&one.id));
        let mut statuses = [by_one.status, by_other.status];
        statuses.sort_unstable();
        // The later caller is refused, or its key was already revoked.
        assert!([[204, 401], [204, 409]].contains(&statuses), "{statuses:?} {} {}", by_one.text, by_other.text);
        for lost in [by_one, by_other].into_iter().filter(|answer| answer.status == 409) {
            lost.expect_problem(409, "lock_out");
        }
        let mut verdicts = [partner.verdict(&one.value).await, partner.verdict(&other.value).await];
        verdicts.sort();
        assert_eq!(verdicts, ["REVOKED", "VALID"]);
    }
    fleet.stop();
}

async fn a_refresh_token_is_redeemed_once(place: Place) {
    let fleet = nodes(place).await;
    let (left, right) = (client_of(&fleet, 0), client_of(&fleet, 1));
    for _ in 0..ROUNDS {
        let tokens = left.tokens(&fleet.demo.partner.app_key, &fleet.demo.partner.app_secret).await;
        let (one, other) = tokio::join!(left.redeem(&tokens.refresh), right.redeem(&tokens.refresh));
        let mut statuses = [one.status, other.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 401], "{} {}", one.text, other.text);
        let won = if one.status == 200 { one } else { other };
        // Another client held the token too: no refresh in this family is possible any more.
        right.redeem(&won.member("refreshToken")).await.expect_problem(401, "invalid_credential");
        right.with(&won.member("accessToken")).get("/v1/merchants").await.expect(200);
    }
    fleet.stop();
}

async fn pairs_of_one_name_get_different_unique_names(place: Place) {
    const CONCURRENT: usize = 6;
    let fleet = nodes(place).await;
    let path = format!("/v1/merchants/{}/api-keys", fleet.demo.merchant);
    let mut racing = JoinSet::new();
    for turn in 0..CONCURRENT {
        let (client, path) = (client_of(&fleet, turn).with(&fleet.demo.partner.app_secret), path.clone());
        racing.spawn(async move { client.post(&path, &json!({ "name": "Till", "scopes": ["charges:read"] })).await });
    }
    let made = racing.join_all().await;
    let names: BTreeSet<String> = made.into_iter().map(|made| made.expect(201).member("uniqueName")).collect();
    assert_eq!(
        names,
        (1..=CONCURRENT).map(|place| if place == 1 { "Till".into() } else { format!("Till-{place}") }).collect()
    );
    fleet.stop();
}
