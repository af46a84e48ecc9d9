//! `POST /v1/api-keys/{id}/suspend` and `/resume`: in force with the answer, repeatable, and by whom.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Answer, Held, World};

async fn suspend(world: &World, by: &Held, key: &Held) -> Answer {
    world.post(&by.value, &format!("{}/suspend", key.path())).await
}

async fn resume(world: &World, by: &Held, key: &Held) -> Answer {
    world.post(&by.value, &format!("{}/resume", key.path())).await
}

async fn verdict(world: &World, by: &Held, key: &Held) -> Value {
    world.request("POST", "/v1/verify").bearer(&by.value).json(&json!({"key": key.value})).send().await.json(200)
}

#[tokio::test]
async fn a_suspended_key_is_refused_until_it_is_resumed() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let key = world.key("merchant_a1", &["api-keys:read"]).await;
    let list = "/v1/api-keys/merchant_a1";
    for round in 0..2 {
        assert_eq!(verdict(&world, &by, &key).await["code"], "VALID", "{round}");
        let suspended = suspend(&world, &by, &key).await;
        assert!(suspended.header("revocation-seq").is_some());
        let suspended = suspended.json(200);
        assert_eq!((&suspended["state"], &suspended["suspended_by"]), (&json!("suspended"), &json!(by.id)));
        assert_eq!(suspended["suspended_at"], "2026-11-23T12:00:00.000Z");
        assert_eq!(verdict(&world, &by, &key).await, json!({"valid": false, "code": "SUSPENDED", "id": key.id}));
        world.get(&key.value, list).await.problem(401, "invalid_credential");
        let resumed = resume(&world, &by, &key).await.json(200);
        let members = ["state", "suspended_at", "suspended_by"].map(|name| &resumed[name]);
        assert_eq!(members, [&json!("active"), &Value::Null, &Value::Null]);
        world.get(&key.value, list).await.json(200);
    }
}

#[tokio::test]
async fn a_repeated_call_is_200_and_the_first_one_stays() {
    let world = World::new().await;
    let (first, second) = (world.root("partner_a").await, world.root("partner_a").await);
    let key = world.key("merchant_a1", &[]).await;
    let suspended = suspend(&world, &first, &key).await;
    world.advance(Duration::from_mins(1));
    let again = suspend(&world, &second, &key).await;
    assert_eq!(again.json(200), suspended.json(200));
    assert_eq!((suspended.header("etag"), again.header("etag")), (Some("\"2\""), Some("\"2\"")));
    let resumed = resume(&world, &second, &key).await;
    let again = resume(&world, &first, &key).await;
    assert_eq!((resumed.header("etag"), again.header("etag")), (Some("\"3\""), Some("\"3\"")));
    assert_eq!(again.json(200), resumed.json(200));
}

#[tokio::test]
async fn only_a_caller_at_or_above_the_one_that_suspended_a_key_resumes_it() {
    let world = World::new().await;
    let callers = ["merchant_a1", "partner_a", "platform"];
    for (place, above) in callers.into_iter().enumerate() {
        for (other, caller) in callers.into_iter().enumerate() {
            let (by, caller) = (world.root(above).await, world.root(caller).await);
            let key = world.key("merchant_a1", &[]).await;
            suspend(&world, &by, &key).await.json(200);
            if other < place {
                resume(&world, &caller, &key).await.problem(403, "suspended_from_above");
            } else {
                resume(&world, &caller, &key).await.json(200);
            }
        }
    }
}

#[tokio::test]
async fn a_second_suspension_from_higher_up_counts() {
    let world = World::new().await;
    let (partner, platform) = (world.root("partner_a").await, world.root("platform").await);
    let key = world.key("merchant_a1", &[]).await;
    suspend(&world, &partner, &key).await.json(200);
    assert_eq!(suspend(&world, &platform, &key).await.json(200)["suspended_by"], platform.id);
    resume(&world, &partner, &key).await.problem(403, "suspended_from_above");
    suspend(&world, &partner, &key).await.json(200);
    resume(&world, &partner, &key).await.problem(403, "suspended_from_above");
    resume(&world, &platform, &key).await.json(200);
}

#[tokio::test]
async fn a_key_may_suspend_itself_and_its_tokens_end_until_it_is_resumed() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let pair = world.pair("merchant_a1", &["api-keys:*"]).await;
    world.root("merchant_a1").await;
    let token = world.access_token(&pair).await;
    let list = "/v1/api-keys/merchant_a1";
    world.get(&token, list).await.json(200);
    suspend(&world, &pair.secret, &pair.secret).await.json(200);
    world.get(&token, list).await.problem(401, "invalid_credential");
    resume(&world, &pair.secret, &pair.secret).await.problem(401, "invalid_credential");
    resume(&world, &by, &pair.secret).await.json(200);
    world.get(&token, list).await.json(200);
}

#[tokio::test]
async fn a_key_that_has_ended_is_neither_suspended_nor_resumed() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let revoked = world.key("merchant_a1", &[]).await;
    let expired = world.key_of("merchant_a1", "secret", &[], Some("2026-11-23T12:00:01.000Z")).await;
    suspend(&world, &by, &revoked).await.json(200);
    suspend(&world, &by, &expired).await.json(200);
    // A suspended key can be revoked.
    world.delete(&by.value, &revoked.path()).await.empty(204);
    world.advance(Duration::from_secs(1));
    for (key, state) in [(&revoked, "revoked"), (&expired, "expired")] {
        suspend(&world, &by, key).await.problem(409, "key_not_active");
        resume(&world, &by, key).await.problem(409, "key_not_active");
        let shown = world.get(&by.value, &key.path()).await.json(200);
        assert_eq!((&shown["state"], &shown["suspended_at"]), (&json!(state), &json!("2026-11-23T12:00:00.000Z")));
    }
}

#[tokio::test]
async fn a_suspended_key_can_be_changed() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let key = world.key("merchant_a1", &["charges:read"]).await;
    suspend(&world, &by, &key).await.json(200);
    let request = world.request("PATCH", &key.path()).bearer(&by.value).json(&json!({"scopes": ["charges:*"]}));
    assert_eq!(request.send().await.json(200)["state"], "suspended");
    assert_eq!(verdict(&world, &by, &key).await["code"], "SUSPENDED");
    resume(&world, &by, &key).await.json(200);
    assert_eq!(verdict(&world, &by, &key).await["scopes"], json!(["charges:*"]));
}

#[tokio::test]
async fn a_list_shows_suspended_keys_under_their_own_state() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let (active, key) = (world.key("merchant_a1", &[]).await, world.key("merchant_a1", &[]).await);
    suspend(&world, &by, &key).await.json(200);
    for (query, expected) in [
        ("", vec![&active.id]),
        ("?state=active", vec![&active.id]),
        ("?state=suspended", vec![&key.id]),
        ("?state=all", vec![&key.id, &active.id]),
        ("?state=revoked", vec![]),
    ] {
        let page = world.get(&by.value, &format!("/v1/api-keys/merchant_a1{query}")).await.json(200);
        let ids: Vec<&str> = page["keys"].as_array().unwrap().iter().map(|key| key["id"].as_str().unwrap()).collect();
        assert_eq!(ids, expected, "{query}");
    }
}

#[tokio::test]
async fn if_match_decides_on_a_suspension_too() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let key = world.key("merchant_a1", &[]).await;
    for (call, etag, status) in [("suspend", "\"2\"", 412), ("suspend", "\"1\"", 200), ("resume", "\"1\"", 412)] {
        let request = world.request("POST", &format!("{}/{call}", key.path())).bearer(&by.value);
        let answer = request.header("if-match", etag).send().await;
        assert_eq!(answer.status.as_u16(), status, "{call} {etag}");
    }
}

#[tokio::test]
async fn of_two_racing_suspensions_of_the_last_two_manager_keys_exactly_one_succeeds() {
    for _ in 0..10 {
        let world = World::new().await;
        let (one, other) = (world.root("partner_a").await, world.root("partner_a").await);
        // Each suspends itself: the second would lock its account out.
        let (first, second) = tokio::join!(suspend(&world, &one, &one), suspend(&world, &other, &other));
        let mut statuses = [first.status.as_u16(), second.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409]);
        // Each suspends the other: one of the callers is suspended when it commits.
        let world = World::new().await;
        let (one, other) = (world.root("partner_a").await, world.root("partner_a").await);
        let (first, second) = tokio::join!(suspend(&world, &one, &other), suspend(&world, &other, &one));
        let mut statuses = [first.status.as_u16(), second.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 401]);
    }
}
