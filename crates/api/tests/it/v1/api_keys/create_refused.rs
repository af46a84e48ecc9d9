//! `POST /v1/api-keys`: an invalid request is refused and stores nothing. What is invalid is tested beside the body's
//! struct.

use serde_json::json;

use crate::harness::{START, World};

const PATH: &str = "/v1/api-keys";

#[tokio::test]
async fn every_wrong_field_is_named_and_nothing_is_stored() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let before = world.contents().await;
    for (body, fields) in [
        (json!({}), &["mid", "name", "type"][..]),
        (
            json!({"mid": 1, "name": "<", "type": "x", "scopes": [1], "description": 1, "expires_at": 1}),
            &["description", "expires_at", "mid", "name", "scopes[0]", "type"],
        ),
        (
            json!({
                "mid": "merchant_a1", "name": "x", "type": "public", "scopes": ["a", "api-keys:read"],
                "expires_at": START,
            }),
            &["expires_at", "scopes[1]"],
        ),
    ] {
        world.post_json(&by.value, PATH, &body).await.invalid(fields);
    }
    assert_eq!(world.contents().await, before);
}

#[tokio::test]
async fn an_unreadable_body_is_refused_and_nothing_is_stored() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let before = world.contents().await;
    let (form, whole) = crate::harness::multipart(&[("mid", "merchant_a1"), ("name", "x"), ("type", "secret")]);
    let twice = r#"{"mid": "merchant_a1", "name": "x", "type": "secret", "type": "public"}"#;
    for (content_type, body) in
        [("application/json", twice), ("application/json", &whole), (&form, "{}"), (&form, &whole[..whole.len() / 2])]
    {
        let request = world.request("POST", PATH).bearer(&by.value).body(content_type, body.to_owned());
        request.send().await.invalid(&["body"]);
    }
    assert_eq!(world.contents().await, before);
}

#[tokio::test]
async fn an_unknown_account_and_a_foreign_one_are_the_same() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let before = world.contents().await;
    let mut told = Vec::new();
    for mid in ["nobody", "partner_b", "merchant_b1", "platform", "merchant_p1"] {
        let body = json!({"mid": mid, "name": "x", "type": "secret"});
        let answer = world.post_json(&by.value, PATH, &body).await;
        answer.problem(404, "account_not_found");
        told.push(answer.untraced());
    }
    told.dedup();
    assert_eq!(told.len(), 1);
    assert_eq!(world.contents().await, before);
}

#[tokio::test]
async fn a_suspended_or_closed_account_gets_no_keys() {
    let world = World::new().await;
    let by = world.root("platform").await;
    for (mid, end) in [("partner_a", "suspend"), ("merchant_b1", "close")] {
        world.post(&by.value, &format!("/v1/merchants/{mid}/{end}")).await.json(200);
    }
    let before = world.contents().await;
    for mid in ["partner_a", "merchant_a1", "merchant_b1"] {
        let body = json!({"mid": mid, "name": "x", "type": "public"});
        world.post_json(&by.value, PATH, &body).await.problem(409, "account_not_active");
    }
    assert_eq!(world.contents().await, before);
}
