//! The names of parameters: in every call, and where memory or the RFC 6749 dialect reads names itself. Tests beside
//! the body reader cover its rules.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::harness::{Answer, Target, World, rule, with_query};

#[tokio::test]
async fn a_misspelled_condition_is_checked() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let key = world.key("merchant_a1", &["charges:read"]).await.value;
    for (body, code) in [
        (json!({"Key": key}), "VALID"),
        (json!({"key": key, "Scopes": ["charges:read"]}), "VALID"),
        (json!({"key": key, "scopes[]": ["charges:write"]}), "INSUFFICIENT_SCOPE"),
        (json!({"key": key, "M-I-D": "merchant_a2"}), "WRONG_ACCOUNT"),
        (json!({"key": key, "TYPE": "public"}), "WRONG_TYPE"),
    ] {
        for _ in 0..2 {
            assert_eq!(world.post_json(&by.value, "/v1/verify", &body).await.json(200)["code"], code, "{body}");
        }
        let batch = json!({"Checks": [body]});
        let verdicts = world.post_json(&by.value, "/v1/verify/batch", &batch).await.json(200);
        assert_eq!(verdicts["results"][0]["code"], code);
    }
    let both = json!({"key": key, "mid": "merchant_a1", "Mid": "merchant_a1"});
    world.post_json(&by.value, "/v1/verify", &both).await.invalid(&["mid"]);
    let both = json!({"checks": [{"key": key, "KEY": key}]});
    world.post_json(&by.value, "/v1/verify/batch", &both).await.invalid(&["checks[0].key"]);
}

#[tokio::test]
async fn both_dialects_of_the_token_endpoint_accept_near_misses_too() {
    let world = World::new().await;
    let pair = world.pair("merchant_a1", &["charges:read"]).await;
    let (id, secret) = (pair.public.value.as_str(), pair.secret.value.as_str());
    let ask = || world.request("POST", "/v1/oauth2/token");
    let tokens = ask().json(&json!({"app_key": id, "app-secret": secret})).send().await.json(200);
    ask().json(&json!({"refresh_token": tokens["refreshToken"]})).send().await.json(200);
    let form =
        [("grantType", "client_credentials"), ("clientId", id), ("client-secret", secret), ("Scope", "charges:read")];
    ask().form(&form).send().await.json(200);
    let twice = [&form[..], &[("scope", "charges:read")]].concat();
    assert_eq!(ask().form(&twice).send().await.json(400)["error"], "invalid_request");
    let in_the_url = || world.request("POST", "/v1/oauth2/token?scope=charges:read");
    assert_eq!(in_the_url().form(&form).send().await.json(400)["error"], "invalid_request");
    in_the_url().json(&json!({"AppKey": id, "AppSecret": secret})).send().await.invalid(&["scope"]);
}

#[tokio::test]
async fn every_call_refuses_an_unknown_parameter() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let mut walked = BTreeSet::new();
    let before = world.contents().await;
    for (method, path) in world.operations().await {
        if !path.starts_with("/v1/") {
            continue;
        }
        let about = Target::of(&world, "merchant_a1").await;
        // From now on memory could answer.
        let check = json!({"key": about.key.value});
        assert_eq!(world.post_json(&by.value, "/v1/verify", &check).await.json(200)["code"], "VALID");
        for (asked, body) in rule(&method, &path, &about).requests {
            for name in ["resaon", "Limit", "unknown", "", "state[]"] {
                let ask = (with_query(&asked, &format!("{name}=compromised")), body.clone());
                let answer: Answer = world.try_out(&method, Some(&by.value), &ask).await;
                assert_eq!(answer.status.as_u16(), 400, "{method} {path} {name}: {}", answer.text());
                let problem: Value = serde_json::from_slice(&answer.body).unwrap();
                let field = if name.is_empty() { "query" } else { name };
                assert!(problem["fields"][field].is_array(), "{method} {path}: {problem}");
            }
            walked.insert((method.clone(), path.clone()));
        }
    }
    assert!(walked.len() >= 16, "{walked:?}");
    let mut expected = before;
    expected[1] += i64::try_from(walked.len()).unwrap();
    assert_eq!(world.contents().await, expected, "a refused request changed something");
}
