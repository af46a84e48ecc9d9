//! `GET /v1/merchants`: all accounts strictly below the caller.

use serde_json::{Value, json};

use crate::harness::{START, World};

fn mids(page: &Value) -> Vec<&str> {
    page["merchants"].as_array().unwrap().iter().map(|account| account["mid"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_caller_lists_the_accounts_strictly_below_newest_first() {
    let world = World::new().await;
    for (by, below) in [
        ("platform", &["merchant_b1", "merchant_a2", "merchant_a1", "merchant_p1", "partner_b", "partner_a"][..]),
        ("partner_a", &["merchant_a2", "merchant_a1"]),
        ("partner_b", &["merchant_b1"]),
        ("merchant_a1", &[]),
    ] {
        let by = world.key(by, &["merchants:read"]).await;
        let answer = world.get(&by.value, "/v1/merchants").await;
        let page = answer.json(200);
        assert_eq!(mids(&page), below);
        assert_eq!(page["next_cursor"], Value::Null);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
}

#[tokio::test]
async fn an_item_is_an_account_and_an_empty_list_has_none() {
    let world = World::new().await;
    let by = world.root("partner_b").await;
    assert_eq!(
        world.get(&by.value, "/v1/merchants").await.json(200),
        json!({"merchants": [{
            "mid": "merchant_b1", "name": "merchant_b1", "role": "merchant", "parent_mid": "partner_b",
            "status": "active", "created_at": START, "errors": [],
        }], "next_cursor": null})
    );
    let by = world.root("merchant_b1").await;
    assert_eq!(world.get(&by.value, "/v1/merchants").await.json(200), json!({"merchants": [], "next_cursor": null}));
}

#[tokio::test]
async fn paging_to_the_end_skips_and_repeats_no_account() {
    let world = World::new().await;
    let by = world.root("platform").await;
    let whole = world.get(&by.value, "/v1/merchants").await.json(200);
    for limit in 1..=7 {
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = world.get(&by.value, &format!("/v1/merchants?limit={limit}{cursor}")).await.json(200);
            assert!(mids(&page).len() <= limit);
            seen.extend(mids(&page).into_iter().map(str::to_owned));
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(seen, mids(&whole), "by {limit}");
    }
}

#[tokio::test]
async fn suspended_and_closed_accounts_stay_in_the_list() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    world.post(&by.value, "/v1/merchants/merchant_a1/suspend").await.json(200);
    world.post(&by.value, "/v1/merchants/merchant_a2/close").await.json(200);
    let page = world.get(&by.value, "/v1/merchants").await.json(200);
    let statuses: Vec<_> = page["merchants"].as_array().unwrap().iter().map(|it| &it["status"]).collect();
    assert_eq!(statuses, ["closed", "suspended"]);
}

#[tokio::test]
async fn an_invalid_query_parameter_is_named() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    for _ in 0..2 {
        world.key("merchant_a1", &[]).await;
    }
    let other = world.get(&by.value, "/v1/api-keys/merchant_a1?limit=1").await.json(200);
    let other = format!("cursor={}", other["next_cursor"].as_str().unwrap());
    for (query, fields) in [
        ("limit=0", &["limit"][..]),
        ("limit=1001", &["limit"]),
        ("limit=x", &["limit"]),
        ("cursor=x", &["cursor"]),
        (&other, &["cursor"]),
        ("cursor=x&limit=x", &["cursor", "limit"]),
    ] {
        world.get(&by.value, &format!("/v1/merchants?{query}")).await.invalid(fields);
    }
}
