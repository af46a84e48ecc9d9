//! A node whose wall clock is or was weeks ahead of the database's: shared data stays unchanged, and a key
//! can sign.

use std::{sync::Arc, time::Duration};

use keyward_app::access::rotate_signing_keys::{forget_families, keep_signing_keys};
use keyward_domain::{FamilyId, RefreshId, Timestamp};
use keyward_storage::{PgControl, PgStore, Redeemed, Redemption, Tokens as _};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Database, Dial, Node, Ports, Setup, World};

const DAY: Duration = Duration::from_hours(24);

/// A node on this database with its own clock at this time.
async fn node(database: &(Arc<PgStore>, Arc<PgControl>), now: Timestamp) -> Node {
    let (store, control) = database;
    let ports = Ports {
        store: Arc::clone(store) as _,
        credentials: Arc::clone(store) as _,
        feed: Arc::clone(control) as _,
        membership: Some(Arc::clone(control) as _),
        clock: Arc::new(Dial::at(now)),
        entropy: Arc::default(),
    };
    Node::over(ports, Setup::default()).await
}

#[tokio::test]
async fn a_node_that_is_forty_days_ahead_rotates_no_key_and_forgets_no_redemption() {
    let database = Database::create().await;
    let (store, control) = database.connect().await;
    let stored = (Arc::new(store), Arc::new(control));
    let now = stored.0.signing_keys().await.unwrap().database_time.unwrap();
    let right = node(&stored, now).await;
    let before = right.kids().await;
    assert_eq!(before.len(), 1);
    let (token, family) = (RefreshId::from_uuid(Uuid::from_u128(1)), FamilyId::from_uuid(Uuid::from_u128(2)));
    let redemption = Redemption {
        token,
        family,
        family_ends_at: now.saturating_add(DAY),
        at: now,
        by: keyward_storage::Authority::operator(),
    };
    assert_eq!(stored.0.redeem(&redemption).await.unwrap(), Redeemed::First);
    let ahead = node(&stored, now.saturating_add(40 * DAY)).await;
    for _ in 0..2 {
        keep_signing_keys(&ahead.access).await.unwrap();
        forget_families(&ahead.access).await.unwrap();
    }
    keep_signing_keys(&right.access).await.unwrap();
    assert_eq!(right.kids().await, before);
    assert_eq!(stored.0.redeem(&redemption).await.unwrap(), Redeemed::Again, "what was used stays used");
}

/// The only clock of an embedded database is the machine's: only the boot clock shows that it is wrong.
#[tokio::test]
async fn a_machine_that_is_forty_days_ahead_for_two_minutes_rotates_no_key_and_forgets_no_redemption() {
    let world = World::new().await;
    world.advance(Duration::from_mins(10));
    let pair = world.pair("merchant_a1", &["api-keys:read"]).await;
    let tokens = world.token(&pair.body()).await.json(200);
    let refresh = json!({"refreshToken": tokens["refreshToken"]});
    world.token(&refresh).await.json(200);
    let before = world.kids().await;
    let run_upkeep = async || {
        for _ in 0..4 {
            keep_signing_keys(&world.access).await.unwrap();
            forget_families(&world.access).await.unwrap();
            world.advance(Duration::from_secs(30));
        }
    };
    world.clock.set_ahead(40 * DAY);
    run_upkeep().await;
    let readiness = world.request("GET", "/readyz").send().await;
    assert_eq!(readiness.text(), "ready\nthe clock that dates what is stored jumped 3456000 s ahead\n");
    world.clock.set_back(40 * DAY);
    run_upkeep().await;
    assert_eq!(world.kids().await, before);
    let again = world.token(&refresh).await;
    again.problem(401, "invalid_credential");
    assert_eq!(world.request("GET", "/readyz").send().await.text(), "ready\n");
}

#[tokio::test]
async fn without_a_signing_key_the_first_token_request_creates_one() {
    let world = World::new().await;
    let pair = world.pair("merchant_a1", &["api-keys:read"]).await;
    let body = pair.body();
    let tokens = async |body: Value| world.token(&body).await.json(200);
    let refresh = tokens(body.clone()).await["refreshToken"].clone();
    let mut published = world.kids().await.len();
    // The clock that dated the keys was ahead: none of them signs for another day.
    for body in [body, json!({"refreshToken": refresh})] {
        world.advance(Duration::from_secs(1));
        world.clock.set_back(DAY);
        let access = tokens(body).await["accessToken"].as_str().unwrap().to_owned();
        world.get(&access, "/v1/auth").await.empty(204);
        published += 1;
        assert_eq!(world.kids().await.len(), published);
    }
}
