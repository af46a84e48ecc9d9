//! The `detail` of a problem depends on the request alone, so that two requests of the same form get the same text.

use keyward_api::http::{CredentialHeader, Gateway};
use serde_json::{Value, json};

use crate::harness::{Answer, ID, Setup, World};

fn detail(problem: &Value) -> &str {
    problem["detail"].as_str().unwrap()
}

#[tokio::test]
async fn the_detail_is_the_first_error() {
    let world = World::new().await;
    let by = world.root("partner_a").await.value;
    for (path, body, code) in [
        ("/v1/api-keys", json!({"name": "<", "type": "x"}), "invalid_request"),
        ("/v1/merchants", json!({"name": "<", "mid": "key_x"}), "invalid_request"),
        ("/v1/verify", json!({"key": "x", "scopse": []}), "unknown_condition"),
    ] {
        let problem = world.post_json(&by, path, &body).await.problem(400, code);
        assert_eq!(problem["detail"], problem["errors"][0], "{problem}");
    }
}

#[tokio::test]
async fn all_errors_of_a_new_key_are_named_together() {
    let world = World::new().await;
    let by = world.root("partner_a").await.value;
    let past = "2020-01-01T00:00:00Z";
    for (body, fields) in [
        (
            json!({
                "mid": "merchant_a1", "name": "x", "type": "public", "scopes": ["api-keys:read"], "expires_at": past,
            }),
            &["expires_at", "scopes[0]"][..],
        ),
        (json!({"type": "public", "scopes": ["api-keys:read"]}), &["mid", "name", "scopes[0]"]),
        (json!({"mid": "merchant_a1", "name": "x", "expires_at": past}), &["expires_at", "type"]),
        (
            json!({
                "mid": "merchant_a1", "name": "x", "type": "secret", "expires_at": past,
                "scopes": ["Charges", "charges:read", "api-keys:delete", "charges:read", ""],
            }),
            &["expires_at", "scopes[0]", "scopes[2]", "scopes[3]", "scopes[4]"],
        ),
        (
            json!({"mid": "merchant_a1", "name": "x", "type": "secret", "scopes": [1, "charges:read", null]}),
            &["scopes[0]", "scopes[2]"],
        ),
    ] {
        world.post_json(&by, "/v1/api-keys", &body).await.invalid(fields);
    }
}

#[tokio::test]
async fn every_scope_that_only_a_secret_key_may_hold_is_named() {
    let world = World::new().await;
    let by = world.root("partner_a").await.value;
    let scopes = ["api-keys:read", "charges:read", "merchants:*"];
    for key_type in ["public", "tokenization"] {
        let body = json!({"mid": "merchant_a1", "name": "x", "type": key_type, "scopes": scopes});
        let problem = world.post_json(&by, "/v1/api-keys", &body).await.problem(400, "invalid_request");
        let error = |place: usize| {
            let scope = scopes[place];
            json!(format!("scopes[{place}] must not be {scope}, which only secret keys may hold"))
        };
        assert_eq!(problem["errors"], json!([error(0), error(2)]), "{problem}");
    }
}

#[tokio::test]
async fn all_scopes_that_a_caller_does_not_hold_are_named() {
    let world = World::new().await;
    let by = world.key("merchant_a1", &["api-keys:write", "charges:read"]).await.value;
    let scopes = ["charges:write", "charges:read", "refunds:read"];
    for (path, body) in [
        ("/v1/api-keys", json!({"mid": "merchant_a1", "name": "x", "type": "secret", "scopes": scopes})),
        ("/v1/merchants/merchant_a1/api-keys", json!({"name": "x", "scopes": scopes})),
    ] {
        let problem = world.post_json(&by, path, &body).await.problem(403, "scope_not_held");
        assert!(detail(&problem).contains("does not hold charges:write, refunds:read:"), "{problem}");
    }
    let many: Vec<String> = (0..100).map(|n| format!("refunds:{n}")).collect();
    let body = json!({"mid": "merchant_a1", "name": "x", "type": "secret", "scopes": many});
    let problem = world.post_json(&by, "/v1/api-keys", &body).await.problem(403, "scope_not_held");
    assert!(detail(&problem).contains("refunds:19, and 80 more:"), "{problem}");
}

#[tokio::test]
async fn a_refusal_names_the_kind_of_a_credential_and_what_to_send() {
    let world = World::new().await;
    let (pair, revoked) = (world.pair("merchant_a1", &[]).await, world.pair("merchant_a1", &[]).await);
    let by = world.root("partner_a").await;
    world.delete(&by.value, &revoked.public.path()).await.empty(204);
    let tokenization = world.key_of("merchant_a1", "tokenization", &[], None).await.value;
    let secret = pair.secret.value.as_str();
    let bearer = |value: &str| format!("Bearer {value}");
    let public = [&pair.public.value, &pair.public.forged(), &revoked.public.value].map(|value| bearer(value));
    for (name, values, word) in [
        ("authorization", &public[..], "a public key"),
        ("authorization", &[bearer(&tokenization)], "a tokenization key"),
        ("authorization", &["Basic eDp5".to_owned()], "Basic authentication"),
        ("authorization", &[secret.to_owned(), "Bearer".to_owned(), "Digest x".to_owned()], "the word `Bearer`"),
        ("x-api-key", &[secret.to_owned(), "garbage".to_owned()], "`X-Api-Key`"),
    ] {
        let mut texts = Vec::new();
        for value in values {
            for path in ["/v1/merchants", "/v1/api-keys/merchant_a1"] {
                let answer = world.request("GET", path).header(name, value).send().await;
                let problem = answer.problem(401, "invalid_credential");
                let detail = detail(&problem);
                assert!(detail.contains(word) && detail.contains("send `Authorization: Bearer`"), "{detail}");
                assert_eq!(
                    answer.header("www-authenticate"),
                    Some("Bearer error=\"invalid_token\""),
                    "{name}: {value}"
                );
                texts.push(answer.untraced());
            }
        }
        texts.dedup();
        assert_eq!(texts.len(), 1, "{texts:?}");
    }
    let twice = world.request("GET", "/v1/merchants").bearer(secret).bearer(secret).send().await;
    assert!(detail(&twice.problem(401, "invalid_credential")).contains("More than one `Authorization`"));
}

#[tokio::test]
async fn a_refusal_names_the_gateways_own_header_and_type_of_key() {
    for (credential, header, not) in [
        (CredentialHeader::Either, "`Authorization: Bearer` or `X-Api-Key`", "Basic"),
        (CredentialHeader::Authorization, "`Authorization: Bearer`", "X-Api-Key"),
        (CredentialHeader::XApiKey, "`X-Api-Key`", "Bearer"),
    ] {
        let mut setup = Setup::default();
        setup.options.gateway = Gateway { credential, ..Gateway::default() };
        let world = World::with(setup).await;
        let forged = world.key("merchant_a1", &[]).await.forged();
        for (path, key_type, others) in [
            ("/v1/auth", "secret", ["public", "tokenization"]),
            ("/v1/auth-public/x", "public", ["secret", "tokenization"]),
            ("/v1/auth-tokenization?unknown=1", "tokenization", ["secret", "public"]),
        ] {
            let none = world.request("GET", path).send().await;
            let bad = world.request("GET", path).bearer(&forged).send().await;
            let other = world.request("GET", path).header("x-api-key", &forged).send().await;
            for answer in [none, bad, other] {
                let problem = answer.problem(401, "invalid_credential");
                let detail = detail(&problem);
                assert!(detail.contains(header) && detail.contains(&format!("a {key_type} key")), "{detail}");
                assert!(!detail.contains(not) && others.iter().all(|other| !detail.contains(other)), "{detail}");
            }
        }
        let basic = world.request("GET", "/v1/auth").header("authorization", "Basic eDp5").send().await;
        let is_read = credential != CredentialHeader::XApiKey;
        assert_eq!(
            detail(&basic.problem(401, "invalid_credential")).contains("does not accept Basic authentication"),
            is_read
        );
    }
}

#[tokio::test]
async fn the_token_call_never_asks_for_a_bearer_credential() {
    let world = World::new().await;
    let pair = world.pair("merchant_a1", &[]).await;
    let request = || world.request("POST", "/v1/oauth2/token");
    let wrong = json!({"AppKey": pair.public.value, "AppSecret": pair.secret.forged()});
    let production_value = json!({"AppKey": pair.public.value, "AppSecret": pair.secret.production_value()});
    let answers: [Answer; 4] = [
        request().json(&wrong).send().await,
        request().json(&production_value).send().await,
        request().json(&json!({"refreshToken": "x"})).send().await,
        request().bearer("x").bearer("y").json(&wrong).send().await,
    ];
    for answer in &answers {
        assert_eq!(answer.status, 401);
        assert_eq!(answer.header("www-authenticate"), Some("Basic realm=\"keyward\""));
        assert!(!answer.text().contains("Bearer"), "{}", answer.text());
    }
    assert!(answers[0].text().contains("AppKey and AppSecret"), "{}", answers[0].text());
    assert!(answers[2].text().contains("refresh token"), "{}", answers[2].text());
}

#[tokio::test]
async fn a_refusal_of_a_method_names_the_header_that_lists_the_allowed_ones() {
    let world = World::new().await;
    let answer = world.request("PUT", "/v1/api-keys").send().await;
    assert_eq!(answer.header("allow"), Some("POST,GET,HEAD"));
    let problem = answer.problem(405, "method_not_allowed");
    assert!(detail(&problem).contains("Allow"), "{problem}");
}

#[tokio::test]
async fn a_refusal_of_a_bare_uuid_names_the_id_that_it_may_mean() {
    let world = World::new().await;
    let by = world.root("partner_a").await.value;
    let (own, foreign) = (world.key("merchant_a1", &[]).await, world.key("merchant_b1", &[]).await);
    let unknown = ID.parse::<keyward_domain::KeyId>().unwrap().uuid().to_string();
    for (id, uuid) in [(ID, unknown), (&own.id, own.uuid()), (&foreign.id, foreign.uuid())] {
        let path = format!("/v1/api-keys/{uuid}");
        for (method, path, code) in [
            ("GET", path.clone(), "account_not_found"),
            ("DELETE", path.clone(), "key_not_found"),
            ("GET", format!("{path}/enforcement"), "key_not_found"),
        ] {
            let problem = world.request(method, &path).bearer(&by).send().await.problem(404, code);
            assert!(detail(&problem).contains(id), "{problem}");
        }
    }
}
