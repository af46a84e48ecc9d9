//! `/v1/merchants/{mid}/policy`: in effect with the answer, also for keys that exist, and by whom it is set.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Answer, Held, World};

const PATH: &str = "/v1/merchants/merchant_a1/policy";
const DAY: u64 = 24 * 60 * 60;

async fn put(world: &World, by: &Held, path: &str, body: &Value) -> Answer {
    world.request("PUT", path).bearer(&by.value).json(body).send().await
}

async fn verdict(world: &World, by: &Held, key: &Held) -> String {
    let body = json!({"key": key.value});
    let answer = world.request("POST", "/v1/verify").bearer(&by.value).json(&body).send().await.json(200);
    answer["code"].as_str().unwrap().to_owned()
}

fn policy(members: &Value) -> Value {
    let mut whole = json!({
        "max_life_seconds": null, "default_life_seconds": null, "max_secret_age_seconds": null,
        "max_overlap_seconds": null, "max_keys": null, "idle_seconds": null, "idle_action": null,
    });
    whole.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    whole
}

#[tokio::test]
async fn a_policy_is_shown_as_it_was_set_with_the_strictest_values_of_the_chain() {
    let world = World::new().await;
    let (partner, platform) = (world.root("partner_a").await, world.root("platform").await);
    let none = policy(&json!({}));
    let shown = world.get(&partner.value, PATH).await;
    assert_eq!(shown.header("etag"), Some("\"1\""));
    assert_eq!(shown.json(200), json!({"mid": "merchant_a1", "own": none, "effective": none, "errors": []}));
    let above = json!({"max_life_seconds": 9 * DAY, "max_keys": 5});
    put(&world, &platform, "/v1/merchants/partner_a/policy", &above).await.json(200);
    let own = json!({
        "max_life_seconds": 30 * DAY, "default_life_seconds": DAY, "max_secret_age_seconds": 7 * DAY,
        "max_overlap_seconds": 60, "idle_seconds": DAY, "idle_action": "suspend",
    });
    let set = put(&world, &partner, PATH, &own).await;
    assert_eq!(set.header("etag"), Some("\"2\""));
    assert!(set.header("revocation-seq").is_some());
    let mut effective = policy(&own);
    effective["max_life_seconds"] = json!(9 * DAY);
    effective["max_keys"] = json!(5);
    let expected = json!({"mid": "merchant_a1", "own": policy(&own), "effective": effective, "errors": []});
    assert_eq!(set.json(200), expected);
    assert_eq!(world.get(&partner.value, PATH).await.json(200), expected);
}

#[tokio::test]
async fn tightening_ends_keys_that_exist_and_loosening_revives_what_only_the_policy_had_ended() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let key = world.key("merchant_a1", &["charges:read"]).await;
    let short = world.key_of("merchant_a1", "public", &[], Some("2026-11-23T12:00:30.000Z")).await;
    world.advance(Duration::from_mins(1));
    assert_eq!(verdict(&world, &by, &key).await, "VALID");
    put(&world, &by, PATH, &json!({"max_life_seconds": 60})).await.json(200);
    assert_eq!(verdict(&world, &by, &key).await, "EXPIRED");
    let shown = world.get(&by.value, &key.path()).await.json(200);
    assert_eq!((&shown["state"], &shown["expires_at"]), (&json!("expired"), &Value::Null));
    assert_eq!(shown["effective_expires_at"], "2026-11-23T12:01:00.000Z");
    put(&world, &by, PATH, &json!({"max_life_seconds": 61})).await.json(200);
    assert_eq!(verdict(&world, &by, &key).await, "VALID");
    put(&world, &by, PATH, &json!({"max_secret_age_seconds": 60})).await.json(200);
    assert_eq!(verdict(&world, &by, &key).await, "ROTATION_DUE");
    assert_eq!(world.get(&by.value, &key.path()).await.json(200)["state"], "active");
    world.get(&key.value, "/v1/auth").await.problem(401, "invalid_credential");
    put(&world, &by, PATH, &json!({})).await.json(200);
    assert_eq!(verdict(&world, &by, &key).await, "VALID");
    // Its own end is final.
    let body = json!({"key": short.value, "type": "public"});
    let answer = world.request("POST", "/v1/verify").bearer(&by.value).json(&body).send().await.json(200);
    assert_eq!(answer["code"], "EXPIRED");
}

#[tokio::test]
async fn new_keys_take_the_default_life_and_later_ends_are_refused() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    put(&world, &by, PATH, &json!({"max_life_seconds": 3 * DAY, "default_life_seconds": DAY})).await.json(200);
    let create = async |end: Value| {
        let body = json!({"mid": "merchant_a1", "name": "x", "type": "secret", "expires_at": end});
        world.request("POST", "/v1/api-keys").bearer(&by.value).json(&body).send().await
    };
    let made = create(Value::Null).await.json(201);
    assert_eq!(made["expires_at"], "2026-11-24T12:00:00.000Z");
    assert_eq!(create(json!("2026-11-26T12:00:00Z")).await.json(201)["expires_at"], "2026-11-26T12:00:00.000Z");
    create(json!("2026-11-26T12:00:00.001Z")).await.invalid(&["expires_at"]);
    let pair = json!({"name": "till"});
    let pairs = "/v1/merchants/merchant_a1/api-keys";
    let pair = world.request("POST", pairs).bearer(&by.value).json(&pair).send().await.json(201);
    assert_eq!(pair["keys"][1]["expires_at"], "2026-11-24T12:00:00.000Z");
    let key = Held { id: made["id"].as_str().unwrap().to_owned(), value: String::new() };
    for (end, is_valid) in [("2026-11-26T12:00:00Z", true), ("2026-11-27T12:00:00Z", false)] {
        let request = world.request("PATCH", &key.path()).bearer(&by.value).json(&json!({"expires_at": end}));
        let answer = request.send().await;
        if is_valid { drop(answer.json(200)) } else { answer.invalid(&["expires_at"]) }
    }
}

#[tokio::test]
async fn an_account_has_at_most_as_many_keys_as_its_policy_allows_also_when_creates_race() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    put(&world, &by, PATH, &json!({"max_keys": 5})).await.json(200);
    let create = async || {
        let body = json!({"mid": "merchant_a1", "name": "x", "type": "public"});
        world.request("POST", "/v1/api-keys").bearer(&by.value).json(&body).send().await
    };
    let (one, two, three, four) = tokio::join!(create(), create(), create(), create());
    let (five, six, seven, eight) = tokio::join!(create(), create(), create(), create());
    let racing = [one, two, three, four, five, six, seven, eight];
    let made: Vec<_> = racing.iter().filter(|answer| answer.status.as_u16() == 201).collect();
    assert_eq!(made.len(), 5);
    for refused in racing.iter().filter(|answer| answer.status.as_u16() != 201) {
        refused.problem(409, "too_many_keys");
    }
    let pairs = "/v1/merchants/merchant_a1/api-keys";
    let pair = async || world.request("POST", pairs).bearer(&by.value).json(&json!({"name": "x"})).send().await;
    pair().await.problem(409, "too_many_keys");
    // Revoked keys do not count, suspended ones do.
    for (place, answer) in made.iter().enumerate().take(3) {
        let path = format!("/v1/api-keys/{}", answer.json(201)["id"].as_str().unwrap());
        if place == 0 {
            world.post(&by.value, &format!("{path}/suspend")).await.json(200);
        } else {
            world.delete(&by.value, &path).await.empty(204);
        }
    }
    pair().await.json(201);
    create().await.problem(409, "too_many_keys");
    // A smaller maximum ends nothing.
    put(&world, &by, PATH, &json!({"max_keys": 0})).await.json(200);
    let list = world.get(&by.value, "/v1/api-keys/merchant_a1").await.json(200);
    assert_eq!(list["keys"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn a_policy_is_set_strictly_below_the_caller_and_by_its_version() {
    let world = World::new().await;
    let (partner, merchant) = (world.root("partner_a").await, world.root("merchant_a1").await);
    put(&world, &partner, "/v1/merchants/partner_a/policy", &json!({})).await.problem(403, "own_account");
    put(&world, &merchant, PATH, &json!({})).await.problem(403, "own_account");
    world.get(&merchant.value, PATH).await.json(200);
    let put_if = async |etag: &str, count: u32| {
        let request = world.request("PUT", PATH).bearer(&partner.value).header("if-match", etag);
        request.json(&json!({"max_keys": count})).send().await
    };
    put_if("\"2\"", 1).await.problem(412, "precondition_failed");
    assert_eq!(put_if("\"1\"", 1).await.header("etag"), Some("\"2\""));
    assert_eq!(put_if("\"2\"", 1).await.header("etag"), Some("\"2\""), "the same policy again");
    assert_eq!(put_if("*", 2).await.header("etag"), Some("\"3\""));
    world.post(&partner.value, "/v1/merchants/merchant_a1/close").await.json(200);
    put(&world, &partner, PATH, &json!({"max_keys": 3})).await.problem(409, "account_closed");
}

#[tokio::test]
async fn an_unknown_member_is_refused_by_name() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    put(&world, &by, PATH, &json!({"max_life": 60, "max_keys": 1})).await.invalid(&["max_life"]);
    assert_eq!(world.get(&by.value, PATH).await.json(200)["own"]["max_keys"], Value::Null);
}

#[tokio::test]
async fn a_dry_run_reports_what_the_policy_would_end_and_changes_nothing() {
    let world = World::new().await;
    let by = world.root("platform").await;
    let partner = world.root("partner_a").await;
    let old = world.key("merchant_a1", &[]).await;
    let used = world.key("merchant_a2", &[]).await;
    let public = world.key_of("merchant_a2", "public", &[], None).await;
    let short = world.key_of("merchant_a1", "secret", &[], Some("2026-11-23T12:00:30.000Z")).await;
    let revoked = world.key("merchant_a1", &[]).await;
    world.delete(&partner.value, &revoked.path()).await.empty(204);
    let foreign = world.key("merchant_b1", &[]).await;
    world.get(&used.value, "/v1/auth").await.empty(204);
    world.access.flush_usage().await.unwrap();
    world.advance(Duration::from_mins(2));
    let run = async |mid: &str, body: Value| {
        let path = format!("/v1/merchants/{mid}/policy?dry_run=true");
        put(&world, &by, &path, &body).await.json(200)
    };
    let expired = run("partner_a", json!({"max_life_seconds": 60})).await;
    let ended = [&public.id, &used.id, &old.id, &partner.id];
    let expected = json!({"would_end": {"keys": 4, "used_last_24h": 2, "sample": ended}, "more": false});
    assert_eq!(expired, expected, "{} has ended already, {} is elsewhere", short.id, foreign.id);
    // Public keys have no secret.
    let due = run("partner_a", json!({"max_secret_age_seconds": 60})).await;
    assert_eq!(due["would_end"]["sample"], json!([used.id, old.id, partner.id]));
    let merchant = run("merchant_a1", json!({"max_life_seconds": 60})).await;
    assert_eq!(merchant["would_end"]["sample"], json!([old.id]));
    assert_eq!(run("merchant_a1", json!({"max_life_seconds": 121})).await["would_end"]["keys"], 0);
    assert_eq!(world.get(&by.value, "/v1/merchants/partner_a/policy").await.header("etag"), Some("\"1\""));
    assert_eq!(verdict(&world, &by, &old).await, "VALID");
    // What a stricter policy above has ended already is not counted again.
    put(&world, &by, "/v1/merchants/partner_a/policy", &json!({"max_life_seconds": 60})).await.json(200);
    assert_eq!(run("merchant_a1", json!({"max_life_seconds": 30})).await["would_end"]["keys"], 0);
}

#[tokio::test]
async fn a_dry_run_is_refused_as_the_change_would_be() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let run = async |mid: &str, query: &str, body: Value| {
        put(&world, &by, &format!("/v1/merchants/{mid}/policy?{query}"), &body).await
    };
    run("partner_a", "dry_run=true", json!({})).await.problem(403, "own_account");
    run("merchant_b1", "dry_run=true", json!({})).await.problem(404, "account_not_found");
    run("merchant_a1", "dry_run=true", json!({"max_keys": -1})).await.invalid(&["max_keys"]);
    run("merchant_a1", "dry_run=yes", json!({})).await.invalid(&["dry_run"]);
    run("merchant_a1", "dry-run=true", json!({"max_keys": 1})).await.invalid(&["dry-run"]);
    run("merchant_a1", "dry_run=false", json!({"max_keys": 1})).await.json(200);
    assert_eq!(world.get(&by.value, PATH).await.json(200)["own"]["max_keys"], 1);
}

#[tokio::test]
async fn a_key_that_begins_later_lives_from_then_on_and_begins_before_the_policy_ends_it() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    put(&world, &by, PATH, &json!({"default_life_seconds": 3_600})).await.json(200);
    let body =
        |not_before: &str| json!({"mid": "merchant_a1", "name": "x", "type": "secret", "not_before": not_before});
    let create = async |not_before: &str| {
        world.request("POST", "/v1/api-keys").bearer(&by.value).json(&body(not_before)).send().await
    };
    let made = create("2026-11-23T14:00:00Z").await.json(201);
    assert_eq!(made["expires_at"], "2026-11-23T15:00:00.000Z");
    let pair = json!({"name": "till", "not_before": "2026-11-23T14:00:00Z"});
    let pairs = "/v1/merchants/merchant_a1/api-keys";
    let pair = world.request("POST", pairs).bearer(&by.value).json(&pair).send().await.json(201);
    assert_eq!(pair["keys"][0]["expires_at"], "2026-11-23T15:00:00.000Z");
    put(&world, &by, PATH, &json!({"default_life_seconds": 3_600, "max_life_seconds": 7_200})).await.json(200);
    let made = create("2026-11-23T13:30:00Z").await.json(201);
    assert_eq!(made["expires_at"], "2026-11-23T14:00:00.000Z");
    create("2026-11-23T14:00:00Z").await.invalid(&["not_before"]);
    let path = format!("/v1/api-keys/{}", made["id"].as_str().unwrap());
    let change = async |body: Value| world.request("PATCH", &path).bearer(&by.value).json(&body).send().await;
    change(json!({"expires_at": null, "not_before": "2026-11-23T14:00:00Z"})).await.invalid(&["not_before"]);
    change(json!({"expires_at": null, "not_before": "2026-11-23T13:59:59Z"})).await.json(200);
}
