//! Times have one format in every answer, and are rounded down in every request.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::World;

/// Collects every text of an answer whose name is that of a time.
fn times<'a>(value: &'a Value, name: &str, into: &mut Vec<&'a str>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(name, value)| times(value, name, into)),
        Value::Array(items) => items.iter().for_each(|item| times(item, name, into)),
        Value::String(text) => {
            let named = name.ends_with("_at") || ["createdOn", "lastUsed", "last_used"].contains(&name);
            into.extend(Some(text.as_str()).filter(|_| named));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[tokio::test]
async fn a_time_in_an_answer_always_has_milliseconds() {
    let world = World::new().await;
    let by = world.root("platform").await;
    let mut seen = 0;
    for micros in [0, 1, 999, 1_000, 120_000, 123_456, 500_000, 999_999] {
        world.advance(Duration::from_micros(micros));
        let body = json!({
            "mid": "merchant_a1", "name": "x", "type": "secret", "expires_at": "2027-01-01T00:00:00.5+01:00",
        });
        let key = world.post_json(&by.value, "/v1/api-keys", &body).await.json(201);
        assert_eq!(key["expires_at"], "2026-12-31T23:00:00.500Z");
        let path = format!("/v1/api-keys/{}", key["id"].as_str().unwrap());
        world.get(key["value"].as_str().unwrap(), "/v1/auth").await.empty(204);
        world.access.flush_usage().await.unwrap();
        let answers = [
            world.post_json(&by.value, "/v1/verify", &json!({"key": key["value"]})).await.json(200),
            world.post_json(&by.value, "/v1/verify", &json!({"key": key["value"]})).await.json(200),
            {
                world.delete(&by.value, &path).await.empty(204);
                world.wait_for_background().await;
                world.get(&by.value, &path).await.json(200)
            },
            world.get(&by.value, &format!("{path}/enforcement")).await.json(200),
            world.get(&by.value, "/v1/api-keys/merchant_a1?state=all").await.json(200),
            world.post_json(&by.value, "/v1/merchants", &json!({"name": "x"})).await.json(201),
            world.get(&by.value, "/v1/merchants").await.json(200),
            key,
        ];
        for answer in &answers {
            let mut found = Vec::new();
            times(answer, "", &mut found);
            for time in found {
                let shape: String = time.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
                assert_eq!(shape, "0000-00-00T00:00:00.000Z", "{time} in {answer}");
                seen += 1;
            }
        }
    }
    assert!(seen > 100, "{seen}");
}

#[tokio::test]
async fn a_time_in_a_request_is_rounded_down_to_the_millisecond() {
    let world = World::new().await;
    let by = world.root("platform").await;
    for (asked, kept) in [
        ("2027-01-01T00:00:00.1239999Z", "2027-01-01T00:00:00.123Z"),
        ("2027-01-01T00:00:00.9999-00:30", "2027-01-01T00:30:00.999Z"),
    ] {
        let body = json!({"mid": "merchant_a1", "name": "x", "type": "secret", "expires_at": asked});
        let key = world.post_json(&by.value, "/v1/api-keys", &body).await.json(201);
        assert_eq!(key["expires_at"], kept);
    }
    // A time that has passed after rounding down is not in the future.
    let body = json!({"mid": "merchant_a1", "name": "x", "type": "secret", "expires_at": "2026-11-23T12:00:00.0009Z"});
    world.post_json(&by.value, "/v1/api-keys", &body).await.invalid(&["expires_at"]);
    // The key ends at the very instant that its answer names.
    let body = json!({"mid": "merchant_a1", "name": "x", "type": "secret", "expires_at": "2026-11-23T12:00:00.0019Z"});
    let key = world.post_json(&by.value, "/v1/api-keys", &body).await.json(201);
    assert_eq!(key["expires_at"], "2026-11-23T12:00:00.001Z");
    let value = key["value"].as_str().unwrap();
    world.get(value, "/v1/auth").await.empty(204);
    world.advance(Duration::from_millis(1));
    world.get(value, "/v1/auth").await.problem(401, "invalid_credential");
}
