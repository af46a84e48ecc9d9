//! `DELETE /v1/api-keys/{id}`: irreversible, repeatable, and immediate.

use std::time::Duration;

use keyward_storage::shortcuts::StoreShortcuts as _;

use crate::harness::{Held, World};

async fn shown(world: &World, by: &Held, key: &Held) -> (String, String, String) {
    let key = world.get(&by.value, &key.path()).await.json(200);
    let text = |name: &str| key[name].as_str().unwrap().to_owned();
    (text("revoked_at"), text("revoked_by"), text("revocation_reason"))
}

#[tokio::test]
async fn a_repeated_revocation_is_204_and_the_first_one_stays() {
    let world = World::new().await;
    let (first, second) = (world.root("partner_a").await, world.root("platform").await);
    let key = world.key("merchant_a1", &[]).await;
    world.delete(&first.value, &format!("{}?reason=no_longer_needed", key.path())).await.empty(204);
    world.advance(Duration::from_mins(1));
    world.delete(&second.value, &format!("{}?reason=compromised", key.path())).await.empty(204);
    let expected = ("2026-11-23T12:00:00.000Z".to_owned(), first.id.clone(), "no_longer_needed".to_owned());
    assert_eq!(shown(&world, &first, &key).await, expected);
}

#[tokio::test]
async fn a_repeated_call_does_not_wait_for_the_only_connection_that_writes() {
    let world = World::new().await;
    let by = world.root("platform").await;
    let key = world.key("merchant_a1", &[]).await;
    let suspend = "/v1/merchants/merchant_a2/suspend";
    world.delete(&by.value, &key.path()).await.empty(204);
    world.post(&by.value, suspend).await.json(200);
    let writer = world.store.begin().await.unwrap();
    world.delete(&by.value, &key.path()).await.empty(204);
    world.post(&by.value, suspend).await.json(200);
    drop(writer);
}

#[tokio::test]
async fn every_reason_is_stored_and_any_other_word_is_refused() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    for (query, reason) in [
        ("", "unspecified"),
        ("?reason=unspecified", "unspecified"),
        ("?reason=compromised", "compromised"),
        ("?reason=superseded", "superseded"),
        ("?reason=no_longer_needed", "no_longer_needed"),
    ] {
        let key = world.key("merchant_a1", &[]).await;
        world.delete(&by.value, &format!("{}{query}", key.path())).await.empty(204);
        assert_eq!(shown(&world, &by, &key).await.2, reason);
    }
    let key = world.key("merchant_a1", &[]).await;
    for query in ["?reason=", "?reason=Compromised", "?reason=leaked", "?reason=superseded&reason=superseded"] {
        world.delete(&by.value, &format!("{}{query}", key.path())).await.invalid(&["reason"]);
    }
    assert_eq!(world.get(&by.value, &key.path()).await.json(200)["state"], "active");
}

#[tokio::test]
async fn an_expired_key_can_still_be_revoked() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let key = world.key_of("merchant_a1", "secret", &[], Some("2026-11-23T12:00:01.000Z")).await;
    world.advance(Duration::from_secs(2));
    world.delete(&by.value, &format!("{}?reason=compromised", key.path())).await.empty(204);
    assert_eq!(world.get(&by.value, &key.path()).await.json(200)["state"], "revoked");
}

#[tokio::test]
async fn no_caller_revokes_its_accounts_last_manager_key() {
    let world = World::new().await;
    let last = world.key("partner_a", &["api-keys:write"]).await;
    // None of these is a usable key that covers the scope.
    let reader = world.key("partner_a", &["api-keys:read"]).await;
    world.key_of("partner_a", "public", &[], None).await;
    let gone = world.key("partner_a", &["api-keys:*"]).await;
    world.key_of("partner_a", "secret", &["api-keys:write"], Some("2026-11-23T12:00:01.000Z")).await;
    world.root("merchant_a1").await;
    world.delete(&last.value, &gone.path()).await.empty(204);
    world.advance(Duration::from_secs(1));
    let before = world.contents().await;
    for reason in ["unspecified", "superseded", "no_longer_needed"] {
        let path = format!("{}?reason={reason}", last.path());
        world.delete(&last.value, &path).await.problem(409, "lock_out");
    }
    assert_eq!(world.contents().await, before);
    // A key that cannot write keys may be revoked, and a revoked key stays revoked.
    world.delete(&last.value, &reader.path()).await.empty(204);
    world.delete(&last.value, &gone.path()).await.empty(204);
    world.delete(&last.value, &format!("{}?reason=compromised", last.path())).await.empty(204);
    world.delete(&last.value, &last.path()).await.problem(401, "invalid_credential");
}

#[tokio::test]
async fn another_accounts_last_manager_key_may_be_revoked() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let last = world.root("merchant_a1").await;
    world.delete(&by.value, &last.path()).await.empty(204);
}

#[tokio::test]
async fn of_two_racing_revokes_of_the_last_two_manager_keys_exactly_one_is_a_lock_out() {
    for round in 0..10 {
        let world = World::new().await;
        let (one, other) = (world.root("partner_a").await, world.root("partner_a").await);
        let (paths, values) = ([one.path(), other.path()], [&one.value, &other.value]);
        // Alternately each revokes its own key, or the other's.
        let by = |n: usize| values[(n + round) % 2];
        let (first, second) = tokio::join!(world.delete(by(0), &paths[0]), world.delete(by(1), &paths[1]));
        let mut statuses = [first.status.as_u16(), second.status.as_u16()];
        statuses.sort_unstable();
        // The second call may find its own key already revoked.
        assert!(matches!(statuses, [204, 401 | 409]), "{statuses:?}");
        if round % 2 == 0 {
            assert_eq!(statuses, [204, 409]);
        }
        assert_eq!(world.contents().await[2], 1);
    }
}
