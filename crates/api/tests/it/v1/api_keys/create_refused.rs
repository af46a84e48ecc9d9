//! `POST /v1/api-keys`: every invalid request is refused and stores nothing.

use serde_json::{Value, json};

use crate::harness::World;

const PATH: &str = "/v1/api-keys";

fn good() -> Value {
    json!({"mid": "merchant_a1", "name": "x", "type": "secret"})
}

/// The valid body with other members.
fn with(members: &Value) -> Value {
    let mut body = good();
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    body
}

fn without(member: &str) -> Value {
    let mut body = good();
    body.as_object_mut().unwrap().remove(member);
    body
}

#[tokio::test]
async fn a_wrong_field_is_named_and_nothing_is_stored() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let before = world.contents().await;
    let too_many: Vec<String> = (0..101).map(|n| format!("charges:{n}")).collect();
    for (body, fields) in [
        (json!({}), &["mid", "name", "type"][..]),
        (without("mid"), &["mid"]),
        (without("name"), &["name"]),
        (without("type"), &["type"]),
        (with(&json!({"mid": null})), &["mid"]),
        (with(&json!({"mid": 7})), &["mid"]),
        (with(&json!({"mid": ""})), &["mid"]),
        (with(&json!({"mid": "a b"})), &["mid"]),
        (with(&json!({"mid": "m".repeat(65)})), &["mid"]),
        (with(&json!({"mid": "key_mine"})), &["mid"]),
        (with(&json!({"name": ""})), &["name"]),
        (with(&json!({"name": " \t"})), &["name"]),
        (with(&json!({"name": "é".repeat(201)})), &["name"]),
        (with(&json!({"name": "a<b"})), &["name"]),
        (with(&json!({"name": "a>b"})), &["name"]),
        (with(&json!({"name": "a\u{0}b"})), &["name"]),
        (with(&json!({"name": "a\nb"})), &["name"]),
        (with(&json!({"name": "a\u{85}b"})), &["name"]),
        (with(&json!({"name": ["x"]})), &["name"]),
        (with(&json!({"name": {"x": 1}})), &["name"]),
        (with(&json!({"name": true})), &["name"]),
        (with(&json!({"type": "Secret"})), &["type"]),
        (with(&json!({"type": "server"})), &["type"]),
        (with(&json!({"type": ""})), &["type"]),
        (with(&json!({"type": 1})), &["type"]),
        (with(&json!({"description": "x".repeat(501)})), &["description"]),
        (with(&json!({"description": "<b>"})), &["description"]),
        (with(&json!({"description": "\u{7}"})), &["description"]),
        (with(&json!({"description": 1.5})), &["description"]),
        (with(&json!({"scopes": "charges:read"})), &["scopes"]),
        (with(&json!({"scopes": {"0": "charges:read"}})), &["scopes"]),
        (with(&json!({"scopes": ["charges:read", 1]})), &["scopes[1]"]),
        (with(&json!({"scopes": ["charges:read", "charges:read"]})), &["scopes[1]"]),
        (with(&json!({"scopes": ["Charges"]})), &["scopes[0]"]),
        (with(&json!({"scopes": [""]})), &["scopes[0]"]),
        (with(&json!({"scopes": ["a:*:b"]})), &["scopes[0]"]),
        (with(&json!({"scopes": ["*"]})), &["scopes[0]"]),
        (with(&json!({"scopes": ["a b"]})), &["scopes[0]"]),
        (with(&json!({"scopes": ["s".repeat(65)]})), &["scopes[0]"]),
        (with(&json!({"scopes": ["api-keys:delete"]})), &["scopes[0]"]),
        (with(&json!({"scopes": ["merchants"]})), &["scopes[0]"]),
        (with(&json!({"scopes": ["audit:read"]})), &["scopes[0]"]),
        (with(&json!({"scopes": too_many})), &["scopes"]),
        (with(&json!({"type": "public", "scopes": ["api-keys:read"]})), &["scopes[0]"]),
        (with(&json!({"type": "tokenization", "scopes": ["charges:read", "merchants:*"]})), &["scopes[1]"]),
        (with(&json!({"expires_at": "2026-11-23T12:00:00Z"})), &["expires_at"]),
        (with(&json!({"expires_at": "2020-01-01T00:00:00Z"})), &["expires_at"]),
        (with(&json!({"expires_at": "tomorrow"})), &["expires_at"]),
        (with(&json!({"expires_at": "2027-01-01"})), &["expires_at"]),
        (with(&json!({"expires_at": "2027-02-30T00:00:00Z"})), &["expires_at"]),
        (with(&json!({"expires_at": ""})), &["expires_at"]),
        (with(&json!({"expires_at": 1_900_000_000})), &["expires_at"]),
        (
            with(&json!({"mid": 1, "name": "<", "type": "x", "scopes": [1], "description": 1, "expires_at": 1})),
            &["description", "expires_at", "mid", "name", "scopes[0]", "type"],
        ),
    ] {
        let answer = world.post_json(&by.value, PATH, &body).await;
        println!("{body}");
        answer.invalid(fields);
    }
    assert_eq!(world.contents().await, before);
}

#[tokio::test]
async fn a_body_that_is_not_a_json_object_is_refused() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let before = world.contents().await;
    let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    let twice = r#"{"mid": "merchant_a1", "name": "x", "type": "secret", "type": "public"}"#;
    let twice_below = r#"{"mid": "merchant_a1", "name": "x", "type": "secret", "x": [{"a": 1, "a": 1}]}"#;
    let two = format!("{0}{0}", good());
    let bodies = ["", " ", "{", "null", "[]", "7", "\"x\"", "{\"mid\": }", "mid=1", &two, &deep, twice, twice_below];
    for body in bodies.map(str::to_owned) {
        let answer = world.request("POST", PATH).bearer(&by.value).body("application/json", body).send().await;
        answer.invalid(&["body"]);
    }
    let broken = b"{\"mid\": \"\xff\"}".to_vec();
    let answer = world.request("POST", PATH).bearer(&by.value).body("application/json", broken).send().await;
    answer.invalid(&["body"]);
    assert_eq!(world.contents().await, before);
}

#[tokio::test]
async fn a_malformed_form_is_refused() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let before = world.contents().await;
    let (content_type, whole) = crate::harness::multipart(&[("mid", "merchant_a1"), ("name", "x"), ("type", "secret")]);
    let cut = whole[..whole.len() / 2].to_owned();
    let nameless = whole.replace("name=\"mid\"", "");
    let binary = [whole.as_bytes().split_at(90).0, b"\xff\xfe", whole.as_bytes().split_at(90).1].concat();
    for (content_type, body) in [
        ("multipart/form-data", whole.clone().into_bytes()),
        ("multipart/form-data; boundary=another", whole.into_bytes()),
        (&content_type, cut.into_bytes()),
        (&content_type, nameless.into_bytes()),
        (&content_type, binary),
        (&content_type, Vec::new()),
    ] {
        let answer = world.request("POST", PATH).bearer(&by.value).body(content_type, body).send().await;
        answer.problem(400, "invalid_request");
    }
    for (parts, field) in [
        (&[("name", "x"), ("name", "y")][..], "name"),
        (&[("name", ""), ("mid", "merchant_a1")], "name"),
        (&[("name", "x"), ("mid", "merchant_a1"), ("mid", "merchant_a1")], "mid"),
        (&[("name", "x"), ("scopes", "charges:read,charges:read")], "scopes[1]"),
        (&[("name", "x"), ("description", "a"), ("description", "b")], "description"),
    ] {
        let fixed = [("type", "secret")];
        let parts = [&fixed[..], parts].concat();
        let answer = world.request("POST", PATH).bearer(&by.value).multipart(&parts).send().await;
        let body = answer.problem(400, "invalid_request");
        assert!(body["fields"].get(field).is_some(), "{field}: {body}");
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

#[tokio::test]
async fn a_problem_quotes_nothing_of_the_body() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let odd = "an-odd-text";
    for body in [
        format!("{{\"mid\": \"{odd}\" \"{odd}\": 1}}"),
        with(&json!({"name": odd, "type": odd, "scopes": [odd.to_uppercase()], "expires_at": odd})).to_string(),
    ] {
        let answer = world.request("POST", PATH).bearer(&by.value).body("application/json", body).send().await;
        answer.problem(400, "invalid_request");
        assert!(!answer.text().to_lowercase().contains(odd), "{}", answer.text());
    }
}
