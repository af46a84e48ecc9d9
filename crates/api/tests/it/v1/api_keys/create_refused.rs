//! `POST /v1/api-keys`: an invalid request is refused and stores nothing. The rules of each field are tested beside
//! the body's struct.

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
