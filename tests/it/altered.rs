//! An operator alters tables under a running node: no request fails.

use serde_json::{Value, json};

use crate::harness::{Client, Demo, Place};

/// Columns that each kind of statement returns, whose type is changed.
const ALTERATIONS: [&str; 2] = [
    "ALTER TABLE api_key ALTER COLUMN digest TYPE varchar(300), ALTER COLUMN description TYPE varchar(600),
        ALTER COLUMN unique_name TYPE varchar(300);
     ALTER TABLE account ALTER COLUMN name TYPE varchar(300);
     ALTER TABLE installation ALTER COLUMN environment TYPE varchar(20);
     ALTER TABLE signing_key ALTER COLUMN kid TYPE varchar(100);
     ALTER TABLE node_lease ALTER COLUMN version TYPE varchar(50)",
    "ALTER TABLE api_key ALTER COLUMN digest TYPE text, ALTER COLUMN description TYPE text,
        ALTER COLUMN unique_name TYPE text;
     ALTER TABLE account ALTER COLUMN name TYPE text",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn altering_tables_under_a_node_fails_no_request() {
    let place = Place::postgres().await;
    // Few connections, so that each of them has prepared every statement.
    let program = place.sandbox().env("KEYWARD_DATABASE__MAX_CONNECTIONS", "2");
    let node = program.env("KEYWARD_DATABASE__MIN_CONNECTIONS", "2").serve();
    let demo = node.demo();
    let platform = node.client(&demo.platform.app_secret);
    for round in ["before", "warm"] {
        everything(&platform, &demo, round).await;
    }
    for (number, alteration) in ALTERATIONS.into_iter().enumerate() {
        place.execute(alteration).await;
        everything(&platform, &demo, &format!("after alteration {number}")).await;
    }
    node.stop();
}

/// Runs every kind of statement. None of it may fail.
async fn everything(by: &Client, demo: &Demo, round: &str) {
    let merchant = &demo.merchant;
    let pairs = format!("/v1/merchants/{merchant}/api-keys");
    // First a transaction that reads and writes: it meets the old statements first.
    let pair = by.post(&pairs, &json!({ "name": "pair", "overwriteExistingKey": true })).await.expect(201);
    let key = by.create(merchant, round, &["charges:read"]).await;
    for verb in ["suspend", "resume"] {
        by.post(&format!("/v1/merchants/{merchant}/{verb}"), &json!({})).await.expect(200);
    }
    assert_eq!(by.verdict(&key.value).await, "VALID", "{round}");
    by.get(&format!("/v1/api-keys/{}", key.id)).await.expect(200);
    for query in ["", "?state=all", "?state=revoked"] {
        by.get(&format!("/v1/api-keys/{merchant}{query}")).await.expect(200);
    }
    by.get("/v1/merchants").await.expect(200);
    by.get(&format!("/v1/merchants/{merchant}")).await.expect(200);
    by.tokens(&demo.platform.app_key, &demo.platform.app_secret).await;
    by.revoke(&key.id).await.expect(204);
    let writer = by.create(&demo.partner.mid, round, &["api-keys:write"]).await;
    by.revoke(&writer.id).await.expect(204);
    assert_ne!(pair.json()["appKey"], Value::Null);
}
