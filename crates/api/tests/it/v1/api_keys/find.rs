//! `GET /v1/api-keys`: keys within reach, by every condition, page by page.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Held, World};

fn ids(page: &Value) -> Vec<String> {
    page["keys"].as_array().unwrap().iter().map(|key| key["id"].as_str().unwrap().to_owned()).collect()
}

async fn find(world: &World, by: &Held, query: &str) -> Vec<String> {
    let page = world.get(&by.value, &format!("/v1/api-keys{query}")).await.json(200);
    assert_eq!(page["next_cursor"], Value::Null, "{query}");
    ids(&page)
}

#[tokio::test]
async fn a_caller_finds_the_keys_within_its_reach_and_no_others() {
    let world = World::new().await;
    let mut keys = Vec::new();
    for mid in ["platform", "partner_a", "merchant_a1", "merchant_a2", "partner_b", "merchant_b1", "merchant_p1"] {
        keys.push((mid, world.key(mid, &["api-keys:read"]).await));
    }
    let expected = |mids: &[&str]| {
        let found = keys.iter().rev().filter(|(mid, _)| mids.contains(mid));
        found.map(|(_, key)| key.id.clone()).collect::<Vec<_>>()
    };
    let of = |mid: &str| &keys.iter().find(|(other, _)| *other == mid).unwrap().1;
    let all = ["platform", "partner_a", "merchant_a1", "merchant_a2", "partner_b", "merchant_b1", "merchant_p1"];
    for (caller, reach) in [
        ("platform", &all[..]),
        ("partner_a", &["partner_a", "merchant_a1", "merchant_a2"]),
        ("merchant_a1", &["merchant_a1"]),
        ("merchant_p1", &["merchant_p1"]),
    ] {
        assert_eq!(find(&world, of(caller), "").await, expected(reach), "{caller}");
        for mid in all {
            let path = format!("/v1/api-keys?mid={mid}");
            let answer = world.get(&of(caller).value, &path).await;
            if reach.contains(&mid) {
                let below: Vec<_> = match mid {
                    "platform" => reach.to_vec(),
                    "partner_a" => vec!["partner_a", "merchant_a1", "merchant_a2"],
                    "partner_b" => vec!["partner_b", "merchant_b1"],
                    alone => vec![alone],
                };
                assert_eq!(ids(&answer.json(200)), expected(&below), "{caller}, {mid}");
            } else {
                answer.problem(404, "account_not_found");
            }
        }
    }
}

#[tokio::test]
async fn a_search_is_filtered_by_each_condition() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let create = async |mid: &str, members: Value| {
        let mut body = json!({"mid": mid, "name": "Till", "type": "secret"});
        body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let made = world.request("POST", "/v1/api-keys").bearer(&by.value).json(&body).send().await.json(201);
        Held { id: made["id"].as_str().unwrap().to_owned(), value: made["value"].as_str().unwrap().to_owned() }
    };
    let old = create("merchant_a1", json!({"name": "Old till"})).await;
    world.advance(Duration::from_mins(1));
    let till = create("merchant_a1", json!({"scopes": ["charges:read"]})).await;
    let ends = create("merchant_a2", json!({"expires_at": "2026-11-23T13:00:00Z"})).await;
    let pending = create("merchant_a2", json!({"not_before": "2026-11-24T12:00:00Z"})).await;
    let public = create("merchant_a1", json!({"type": "public", "name": "ÄPFEL"})).await;
    let planted = world.key("merchant_a2", &["charges:*"]).await;
    let revoked = create("merchant_a1", json!({})).await;
    world.delete(&by.value, &revoked.path()).await.empty(204);
    let suspended = create("merchant_a1", json!({})).await;
    world.post(&by.value, &format!("{}/suspend", suspended.path())).await.json(200);
    world.access.flush_usage().await.unwrap();
    let by_me = format!("?created_by={}", by.id);
    for (query, expected) in [
        ("", &[&planted, &public, &ends, &till, &old, &by][..]),
        ("?state=pending", &[&pending]),
        ("?state=suspended", &[&suspended]),
        ("?state=revoked", &[&revoked]),
        ("?state=all", &[&suspended, &revoked, &planted, &public, &pending, &ends, &till, &old, &by]),
        ("?type=public", &[&public]),
        (&by_me, &[&public, &ends, &till, &old]),
        ("?created_by=operator", &[&planted, &by]),
        ("?created_by=service", &[]),
        ("?scope=charges:read", &[&planted, &till]),
        ("?scope=charges:write", &[&planted]),
        ("?q=till", &[&ends, &till]),
        ("?q=TIL", &[&ends, &till]),
        ("?q=%C3%A4pf", &[&public]),
        ("?q=", &[&planted, &public, &ends, &till, &old, &by]),
        ("?expires_before=2026-11-23T13:00:00.001Z", &[&ends]),
        ("?expires_before=2026-11-23T13:00:00Z", &[]),
        ("?expires_before=2026-11-23T13:00:00.001Z&mid=merchant_a1", &[]),
        ("?unused_since=2026-11-23T12:00:00.001Z", &[&old]),
        ("?secret_older_than=2026-11-23T12:00:00.001Z", &[&old, &by]),
        ("?mid=merchant_a2", &[&planted, &ends]),
        ("?mid=merchant_a2&scope=charges:read&type=secret&created_by=operator", &[&planted]),
    ] {
        let expected: Vec<_> = expected.iter().map(|key| key.id.clone()).collect();
        assert_eq!(find(&world, &by, query).await, expected, "{query}");
    }
    // The list of a merchant takes the same conditions.
    let page = world.get(&by.value, "/v1/api-keys/merchant_a1?q=till&scope=charges:read").await.json(200);
    assert_eq!(ids(&page), [till.id]);
}

#[tokio::test]
async fn keys_that_a_policy_ends_are_found_by_their_effective_end() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let key = world.key("merchant_a1", &[]).await;
    let query = "?expires_before=2026-11-23T12:02:00Z&mid=merchant_a1";
    assert_eq!(find(&world, &by, query).await, Vec::<String>::new());
    let set = async |path: &str, body: Value| {
        world.request("PUT", path).bearer(&by.value).json(&body).send().await.json(200);
    };
    set("/v1/merchants/merchant_a1/policy", json!({"max_life_seconds": 60})).await;
    for query in [query, "?expires_before=2026-11-23T12:02:00Z"] {
        assert_eq!(find(&world, &by, query).await, std::slice::from_ref(&key.id), "{query}");
    }
    world.advance(Duration::from_mins(1));
    assert_eq!(find(&world, &by, query).await, Vec::<String>::new());
    for query in ["?state=expired", "?state=expired&expires_before=2026-11-23T12:02:00Z"] {
        assert_eq!(find(&world, &by, query).await, std::slice::from_ref(&key.id), "{query}");
    }
}

#[tokio::test]
async fn keys_of_a_closed_account_are_found_as_revoked() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let key = world.key("merchant_a1", &[]).await;
    world.post(&by.value, "/v1/merchants/merchant_a1/close").await.json(200);
    for mid in ["", "&mid=merchant_a1", "&mid=partner_a"] {
        assert_eq!(find(&world, &by, &format!("?state=revoked{mid}")).await, std::slice::from_ref(&key.id), "{mid}");
        assert!(!find(&world, &by, &format!("?state=active{mid}")).await.contains(&key.id), "{mid}");
    }
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_overlap() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let mut expected = vec![by.id.clone()];
    for n in 0..7 {
        let mid = if n % 2 == 0 { "merchant_a1" } else { "merchant_a2" };
        let key = world.key_of(mid, "secret", &[], Some("2027-01-01T00:00:00.000Z")).await;
        if n % 3 == 0 {
            world.delete(&by.value, &key.path()).await.empty(204);
        }
        expected.insert(0, key.id);
    }
    for (query, is_in) in [
        ("state=all", (|_| true) as fn(usize) -> bool),
        ("state=all&created_by=operator", |_| true),
        ("expires_before=2028-01-01T00:00:00Z", |n| n != 7 && !(6 - n).is_multiple_of(3)),
    ] {
        for limit in 1..=3 {
            let (mut found, mut cursor) = (Vec::new(), String::new());
            for _ in 0..20 {
                let path = format!("/v1/api-keys?{query}&limit={limit}{cursor}");
                let page = world.get(&by.value, &path).await.json(200);
                found.extend(ids(&page));
                let Some(next) = page["next_cursor"].as_str() else { break };
                cursor = format!("&cursor={next}");
            }
            let all: Vec<_> = (0..8).filter(|n| is_in(*n)).map(|n| expected[n].clone()).collect();
            assert_eq!(found, all, "{query}, {limit}");
        }
    }
}

#[tokio::test]
async fn an_invalid_condition_is_refused_by_name() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let key = world.key("merchant_a1", &[]).await;
    let long = format!("?q={}", "x".repeat(201));
    for (query, fields) in [
        ("?state=dead", &["state"][..]),
        ("?type=x", &["type"]),
        ("?created_by=somebody", &["created_by"]),
        ("?scope=*", &["scope"]),
        ("?expires_before=tomorrow", &["expires_before"]),
        ("?unused_since=1&secret_older_than=2", &["secret_older_than", "unused_since"]),
        ("?mid=key_1", &["mid"]),
        ("?limit=0&cursor=x", &["cursor", "limit"]),
        ("?created=x", &["created"]),
        (&long, &["q"]),
    ] {
        world.get(&by.value, &format!("/v1/api-keys{query}")).await.invalid(fields);
    }
    world.get(&by.value, "/v1/api-keys/merchant_a1?mid=merchant_a1").await.invalid(&["mid"]);
    world.get(&by.value, &format!("{}?state=all&q=x", key.path())).await.invalid(&["q", "state"]);
    world.get(&by.value, &format!("{}?limit=5", key.path())).await.json(200);
}
