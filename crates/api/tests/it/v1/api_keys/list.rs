//! `GET /v1/api-keys/{mid}` and `GET /v1/merchants/{mid}/api-keys`: the keys of a merchant.

use std::{collections::BTreeSet, time::Duration};

use serde_json::{Value, json};

use crate::harness::{START, World};

fn ids(page: &Value) -> Vec<String> {
    page["keys"].as_array().unwrap().iter().map(|key| key["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_list_is_newest_first_and_shows_no_secret() {
    let world = World::new().await;
    let reader = world.key("partner_a", &["api-keys:read"]).await;
    let secret = world.key("merchant_a1", &["charges:read"]).await;
    let public = world.key_of("merchant_a1", "public", &[], None).await;
    let four = |value: &str| value[value.len() - 4..].to_owned();
    let item = |id: &str, key_type: &str, scopes: Value, last_four: String| {
        json!({
            "id": id, "mid": "merchant_a1", "name": "Planted", "description": null, "type": key_type, "scopes": scopes,
            "state": "active", "created_at": START, "created_by": "operator", "not_before": null,
            "expires_at": null, "last_used": null, "effective_expires_at": null, "suspended_at": null,
            "suspended_by": null, "metadata": {}, "pair_id": null, "last_four": last_four, "errors": [],
        })
    };
    let mut shown = item(&public.id, "public", json!([]), four(&public.value));
    shown["value"] = json!(public.value);
    let hidden = item(&secret.id, "secret", json!(["charges:read"]), four(&secret.value));
    let expected = json!({"keys": [shown, hidden], "next_cursor": null});
    for path in ["/v1/api-keys/merchant_a1", "/v1/merchants/merchant_a1/api-keys"] {
        let answer = world.get(&reader.value, path).await;
        assert_eq!(answer.json(200), expected);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
}

#[tokio::test]
async fn a_merchant_without_keys_has_an_empty_list() {
    let world = World::new().await;
    let reader = world.root("platform").await;
    let page = world.get(&reader.value, "/v1/api-keys/merchant_p1").await.json(200);
    assert_eq!(page, json!({"keys": [], "next_cursor": null}));
}

#[tokio::test]
async fn a_bare_uuid_is_a_mid() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let mid = "0b2c8a5e-7f3d-4c41-9a70-5d4c3f1e2a90";
    world.get(&by.value, &format!("/v1/api-keys/{mid}")).await.problem(404, "account_not_found");
    world.post_json(&by.value, "/v1/merchants", &json!({"mid": mid, "name": "x"})).await.json(201);
    assert_eq!(ids(&world.get(&by.value, &format!("/v1/api-keys/{mid}")).await.json(200)).len(), 0);
}

#[tokio::test]
async fn a_list_is_filtered_by_state_and_type() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let active = world.key("merchant_a1", &[]).await.id;
    let public = world.key_of("merchant_a1", "public", &[], None).await.id;
    let expired = world.key_of("merchant_a1", "secret", &[], Some("2026-11-23T12:00:10.000Z")).await.id;
    let revoked = world.key_of("merchant_a1", "tokenization", &[], None).await;
    world.delete(&by.value, &revoked.path()).await.empty(204);
    world.advance(Duration::from_secs(10));
    let revoked = revoked.id;
    for (query, expected) in [
        ("", &[&public, &active][..]),
        ("?state=active", &[&public, &active]),
        ("?state=expired", &[&expired]),
        ("?state=revoked", &[&revoked]),
        ("?state=all", &[&revoked, &expired, &public, &active]),
        ("?type=secret", &[&active]),
        ("?type=publishable", &[&public]),
        ("?state=all&type=secret", &[&expired, &active]),
        ("?state=revoked&type=public", &[]),
    ] {
        let page = world.get(&by.value, &format!("/v1/api-keys/merchant_a1{query}")).await.json(200);
        assert_eq!(ids(&page).iter().collect::<Vec<_>>(), expected, "{query}");
        for key in page["keys"].as_array().unwrap() {
            let id = key["id"].as_str().unwrap();
            let state = if id == revoked {
                "revoked"
            } else if id == expired {
                "expired"
            } else {
                "active"
            };
            assert_eq!(key["state"], state, "{query}");
        }
    }
}

#[tokio::test]
async fn paging_to_the_end_skips_and_repeats_no_key() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let mut made = Vec::new();
    for n in 0..17 {
        let key = world.key_of("merchant_a1", if n % 3 == 0 { "public" } else { "secret" }, &[], None).await;
        if n % 4 == 0 {
            world.delete(&by.value, &key.path()).await.empty(204);
        }
        made.insert(0, key.id);
    }
    for query in ["state=all", "state=active", "state=revoked", "state=all&type=public", "state=revoked&type=secret"] {
        let whole = world.get(&by.value, &format!("/v1/api-keys/merchant_a1?{query}&limit=1000")).await.json(200);
        let whole = ids(&whole);
        for limit in [1, 2, 3, 5, 16, 17, 18] {
            let (mut seen, mut cursor) = (Vec::new(), String::new());
            loop {
                let path = format!("/v1/api-keys/merchant_a1?{query}&limit={limit}{cursor}");
                let page = world.get(&by.value, &path).await.json(200);
                assert!(ids(&page).len() <= limit);
                seen.extend(ids(&page));
                let Some(next) = page["next_cursor"].as_str() else { break };
                cursor = format!("&cursor={next}");
            }
            assert_eq!(seen, whole, "{query} by {limit}");
        }
    }
    let all = world.get(&by.value, "/v1/api-keys/merchant_a1?state=all").await.json(200);
    assert_eq!(ids(&all), made);
}

#[tokio::test]
async fn keys_created_while_paging_do_not_appear() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    for _ in 0..4 {
        world.key("merchant_a1", &[]).await;
    }
    let first = world.get(&by.value, "/v1/api-keys/merchant_a1?limit=2").await.json(200);
    world.key("merchant_a1", &[]).await;
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = world.get(&by.value, &format!("/v1/api-keys/merchant_a1?limit=2&cursor={cursor}")).await.json(200);
    let seen: BTreeSet<String> = ids(&first).into_iter().chain(ids(&second)).collect();
    assert_eq!((seen.len(), &second["next_cursor"]), (4, &Value::Null));
}

#[tokio::test]
async fn an_invalid_query_parameter_is_named() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    for _ in 0..2 {
        world.key("merchant_a1", &[]).await;
    }
    let other =
        world.get(&by.value, "/v1/merchants?limit=1").await.json(200)["next_cursor"].as_str().unwrap().to_owned();
    for (query, fields) in [
        ("limit=0", &["limit"][..]),
        ("limit=1001", &["limit"]),
        ("limit=-1", &["limit"]),
        ("limit=ten", &["limit"]),
        ("limit=", &["limit"]),
        ("limit=1&limit=2", &["limit"]),
        ("cursor=", &["cursor"]),
        ("cursor=x", &["cursor"]),
        ("cursor=%00", &["cursor"]),
        (&format!("cursor={other}"), &["cursor"]),
        ("state=Active", &["state"]),
        ("state=", &["state"]),
        ("state=all&state=all", &["state"]),
        ("type=server", &["type"]),
        ("state=x&type=x&limit=x&cursor=x", &["cursor", "limit", "state", "type"]),
    ] {
        for path in ["/v1/api-keys/merchant_a1", "/v1/merchants/merchant_a1/api-keys"] {
            world.get(&by.value, &format!("{path}?{query}")).await.invalid(fields);
        }
    }
    for limit in ["1", "1000"] {
        world.get(&by.value, &format!("/v1/api-keys/merchant_a1?limit={limit}")).await.json(200);
    }
}

#[tokio::test]
async fn a_cursor_of_another_tenant_reveals_none_of_its_keys() {
    let world = World::new().await;
    let (a, b) = (world.root("partner_a").await, world.root("partner_b").await);
    for mid in ["merchant_a1", "merchant_b1"] {
        for _ in 0..3 {
            world.key(mid, &[]).await;
        }
    }
    let page = world.get(&b.value, "/v1/api-keys/merchant_b1?limit=1").await.json(200);
    let cursor = page["next_cursor"].as_str().unwrap();
    let page = world.get(&a.value, &format!("/v1/api-keys/merchant_a1?cursor={cursor}")).await.json(200);
    assert!(page["keys"].as_array().unwrap().iter().all(|key| key["mid"] == "merchant_a1"));
}

#[tokio::test]
async fn one_request_examines_at_most_a_thousand_rows_and_the_next_continues_there() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let oldest = world.key_of("merchant_a1", "public", &[], None).await;
    for _ in 0..1_001 {
        world.key_of("merchant_a1", "tokenization", &[], None).await;
    }
    let page = world.get(&by.value, "/v1/api-keys/merchant_a1?type=public").await.json(200);
    assert_eq!(ids(&page).len(), 0);
    let cursor = page["next_cursor"].as_str().unwrap();
    let path = format!("/v1/api-keys/merchant_a1?type=public&cursor={cursor}");
    let page = world.get(&by.value, &path).await.json(200);
    assert_eq!((ids(&page), &page["next_cursor"]), (vec![oldest.id], &Value::Null));
}
