//! The log names a refused key and the reason, in either dialect, and names a valid credential that does not meet a
//! gateway's requirements as the caller.

use reqwest::Method;
use serde_json::{Value, json};

use super::{ask, line, verbose};
use crate::harness::{Answer, Issued, Node, Place};

/// A secret key of the partner's own account.
async fn secret_key(node: &Node) -> Issued {
    let partner = &node.demo().partner;
    node.client(&partner.app_secret).create(&partner.mid, "Till", &["merchants:read"]).await
}

/// The same wrong pair and the same ended refresh token, by JSON and by form.
async fn refused_tokens(node: &Node, key: &Issued, refresh: &str) -> [Answer; 4] {
    let (anonymous, app_key) = (node.anonymous(), &node.demo().partner.app_key);
    let pair = json!({ "AppKey": app_key, "AppSecret": key.value });
    let form = format!("grant_type=client_credentials&client_id={app_key}&client_secret={}", key.value);
    [
        anonymous.post("/v1/oauth2/token", &pair).await.expect(401),
        anonymous.form(&form).await.expect(401),
        anonymous.redeem(refresh).await.expect(401),
        anonymous.form(&format!("grant_type=refresh_token&refresh_token={refresh}")).await.expect(400),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_pair_or_refresh_token_is_named_with_its_reason_in_both_dialects() {
    let place = Place::embedded();
    let node = verbose(&place).words("--metrics-listen 127.0.0.1:0").serve();
    let key = secret_key(&node).await;
    let refresh = node.anonymous().tokens(&node.demo().partner.app_key, &key.value).await.refresh;
    node.client(&node.demo().partner.app_secret).revoke(&key.id).await.expect(204);
    let answers = refused_tokens(&node, &key, &refresh).await;
    let malformed = node.anonymous().form("client_id=only").await.expect(400);
    let secret = format!("client_secret={}", key.value);
    let early = node.anonymous().form(&format!("{secret}&grant_type=client_credentials&scope=No")).await.expect(400);
    let counted = node.metrics().get("/metrics").await.expect(200).text;
    let log = node.stop().err;
    for answer in &answers {
        let line = line(&log, answer);
        let logged = (&line["code"], &line["object"], &line["caller.key"]);
        assert_eq!(logged, (&json!("invalid_credential"), &json!(key.id), &Value::Null), "{line}");
        assert!(line["cause"].as_str().is_some_and(|cause| cause.contains("REVOKED")), "{line}");
    }
    assert_eq!(line(&log, &malformed)["code"], "invalid_request");
    assert_eq!(line(&log, &early)["object"], json!(key.id), "named although the form was refused before the pair");
    for line in [
        "keyward_denials_total{code=\"REVOKED\"} 4",
        "keyward_problems_total{code=\"invalid_credential\"} 4",
        "keyward_problems_total{code=\"invalid_request\"} 2",
    ] {
        assert!(counted.lines().any(|counted| counted == line), "{line} is not in:\n{counted}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_valid_credential_that_does_not_meet_the_requirements_is_named_as_the_caller() {
    let place = Place::embedded();
    let node = verbose(&place).serve();
    let (key, mid) = (secret_key(&node).await, node.demo().partner.mid.clone());
    let token = node.anonymous().tokens(&node.demo().partner.app_key, &key.value).await.access;
    let mut answers = Vec::new();
    for credential in [&key.value, &token] {
        let client = node.client(credential);
        for (path, status) in [
            ("/v1/auth?scope=charges:write", 403),
            ("/v1/auth?mid=somebody_else", 403),
            ("/v1/auth-public", 403),
            ("/v1/auth?no_such=condition", 400),
        ] {
            answers.push(client.get(path).await.expect(status));
        }
        // Requires an account that cannot exist: refused for every credential.
        answers.push(ask(&client, Method::GET, "/v1/auth", &[("x-keyward-require-mid", "")]).await.expect(403));
    }
    let log = node.stop().err;
    for answer in &answers {
        let line = line(&log, answer);
        assert_eq!((&line["caller.key"], &line["caller.mid"]), (&json!(key.id), &json!(mid)), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scope_that_is_too_wide_names_the_caller_or_the_key_of_the_refresh_token() {
    let place = Place::embedded();
    let node = verbose(&place).serve();
    let (key, app_key) = (secret_key(&node).await, node.demo().partner.app_key.clone());
    let pair = format!("client_id={app_key}&client_secret={}", key.value);
    let wide = "scope=charges:write";
    let by_pair = node.anonymous().form(&format!("grant_type=client_credentials&{pair}&{wide}")).await.expect(400);
    assert!(by_pair.text.contains("charges:write"), "{}", by_pair.text);
    let refresh = async || node.anonymous().tokens(&app_key, &key.value).await.refresh;
    let token = refresh().await;
    let by_token =
        node.anonymous().form(&format!("grant_type=refresh_token&refresh_token={token}&{wide}")).await.expect(400);
    // Another client, which proves itself, presents the token.
    let demo = node.demo().partner.clone();
    let other = format!("client_id={}&client_secret={}", demo.app_key, demo.app_secret);
    let token = refresh().await;
    let by_another =
        node.anonymous().form(&format!("grant_type=refresh_token&refresh_token={token}&{other}")).await.expect(400);
    let log = node.stop().err;
    assert_eq!(line(&log, &by_pair)["caller.key"], json!(key.id));
    for answer in [&by_token, &by_another] {
        assert_eq!(line(&log, answer)["object"], json!(key.id));
    }
    assert_eq!(line(&log, &by_another)["caller.mid"], json!(demo.mid));
}
