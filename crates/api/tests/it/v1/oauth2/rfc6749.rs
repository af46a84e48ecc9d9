//! `POST /v1/oauth2/token`, the dialect of RFC 6749: a form in, and its own format out.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::token::PATH;
use crate::harness::{Answer, World};

async fn ask(world: &World, pairs: &[(&str, &str)]) -> Answer {
    world.request("POST", PATH).form(pairs).send().await
}

fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}

/// An error of RFC 6749, section 5.2.
#[track_caller]
fn refused(answer: &Answer, status: u16, error: &str) {
    let body = answer.json(status);
    assert_eq!(body, json!({"error": error, "error_description": body["error_description"]}));
    assert!(body["error_description"].is_string());
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    // For any way of authentication, a 401 has a challenge.
    let asks_for_basic = answer.header("www-authenticate").is_some_and(|challenge| challenge.starts_with("Basic "));
    assert_eq!(asks_for_basic, status == 401);
}

fn description(answer: &Answer) -> String {
    let body: Value = serde_json::from_str(answer.text()).unwrap();
    body["error_description"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_refusal_says_what_to_send_instead() {
    let world = World::new().await;
    let pair = world.pair("merchant_a1", &["charges:read"]).await;
    let (grant, id) = (("grant_type", "client_credentials"), ("client_id", pair.public.value.as_str()));
    let wrong = pair.secret.forged();
    let production_value = pair.secret.production_value();
    let good = ("client_secret", pair.secret.value.as_str());
    let scope = |scope| [grant, id, good, ("scope", scope)];
    for (pairs, words) in [
        (&[grant][..], "authenticate the client"),
        (&[grant, id, ("client_secret", &wrong)], "not a good pair"),
        (&[grant, id, ("client_secret", &production_value)], "other environment"),
        (&[grant, ("client_id", "unknown"), good], "not a good pair"),
        (&scope("Charges"), "such as charges:read"),
        (&scope("charges:write"), "more than there is to give"),
    ] {
        let text = description(&ask(&world, pairs).await);
        assert!(text.contains(words), "{text:?} does not contain {words:?}");
    }
    let bearer = world.request("POST", PATH).header("authorization", "Bearer x").form(&[grant]).send().await;
    assert!(description(&bearer).contains("no Basic credentials"));
}

#[tokio::test]
async fn client_credentials_answer_in_rfc_form_without_a_refresh_token() {
    let world = World::new().await;
    let pair = world.pair("merchant_a1", &["merchants:read", "charges:*"]).await;
    let body = pair.form(&[]);
    let by_header = basic(&pair.public.id, &pair.secret.value);
    let grant = [("grant_type", "client_credentials")];
    for answer in [
        ask(&world, &body).await,
        world.request("POST", PATH).header("authorization", &by_header).form(&grant).send().await,
        world
            .request("POST", PATH)
            .header("authorization", &by_header.replace("Basic", "basic"))
            .form(&grant)
            .send()
            .await,
    ] {
        let tokens = answer.json(200);
        let expected = json!({
            "access_token": tokens["access_token"], "token_type": "Bearer", "expires_in": 600,
            "scope": "merchants:read charges:*",
        });
        assert_eq!(tokens, expected);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        world.get(tokens["access_token"].as_str().unwrap(), "/v1/merchants").await.json(200);
    }
}

#[tokio::test]
async fn a_client_is_named_by_value_id_or_uuid_and_form_encoded_in_basic() {
    let world = World::new().await;
    let pair = world.pair("merchant_a1", &[]).await;
    for id in [&pair.public.value, &pair.public.id, &pair.public.uuid()] {
        let header = basic(&id.replace('_', "%5F"), &pair.secret.value.replace('_', "%5f"));
        let request = world.request("POST", PATH).header("authorization", &header);
        request.form(&[("grant_type", "client_credentials")]).send().await.json(200);
        let body = [("grant_type", "client_credentials"), ("client_id", id), ("client_secret", &pair.secret.value)];
        ask(&world, &body).await.json(200);
    }
}

#[tokio::test]
async fn a_scope_narrows_and_never_widens() {
    let world = World::new().await;
    let pair = world.pair("merchant_a1", &["merchants:read", "charges:*"]).await;
    let tokens = ask(&world, &pair.form(&[("scope", "charges:read")])).await.json(200);
    assert_eq!(tokens["scope"], "charges:read");
    let token = tokens["access_token"].as_str().unwrap();
    world.get(token, "/v1/merchants").await.problem(403, "insufficient_scope");
    assert_eq!(world.get(token, "/v1/auth").await.header("x-keyward-scopes"), Some("charges:read"));
    for scope in ["merchants:write", "merchants:*", "charges:read other", "Charges", "\u{a0}"] {
        refused(&ask(&world, &pair.form(&[("scope", scope)])).await, 400, "invalid_scope");
    }
    for absent in ["", " ", "   ", "\t"] {
        let tokens = ask(&world, &pair.form(&[("scope", absent)])).await.json(200);
        assert_eq!(tokens["scope"], "merchants:read charges:*", "{absent:?}");
    }
}

#[tokio::test]
async fn a_byte_order_mark_before_a_form_is_skipped() {
    let world = World::new().await;
    let pair = world.pair("merchant_a1", &["charges:read"]).await;
    let form = serde_urlencoded::to_string(pair.form(&[])).unwrap();
    let request = world.request("POST", PATH).body("application/x-www-form-urlencoded", format!("\u{feff}{form}"));
    assert_eq!(request.send().await.json(200)["scope"], "charges:read");
}

#[tokio::test]
async fn an_unauthenticated_client_is_refused_and_challenged() {
    let world = World::new().await;
    let pair = world.pair("merchant_a1", &[]).await;
    let other = world.pair("merchant_a2", &[]).await;
    let grant = ("grant_type", "client_credentials");
    let good = basic(&pair.public.value, &pair.secret.value);
    for (id, secret) in [
        (pair.public.value.clone(), other.secret.value.clone()),
        (pair.public.value.clone(), pair.secret.forged()),
        (pair.public.value.clone(), pair.secret.production_value()),
        ("unknown".to_owned(), "nothing".to_owned()),
    ] {
        let answer = ask(&world, &[grant, ("client_id", &id), ("client_secret", &secret)]).await;
        refused(&answer, 401, "invalid_client");
        let answer = world.request("POST", PATH).header("authorization", &basic(&id, &secret)).form(&[grant]);
        let answer = answer.send().await;
        refused(&answer, 401, "invalid_client");
    }
    // Two headers count as none, even if each is valid.
    for headers in [[&good, &good], [&good, &"Bearer x".to_owned()], [&"Basic !".to_owned(), &good]] {
        let request = headers.iter().fold(world.request("POST", PATH), |it, value| it.header("authorization", value));
        let answer = request.form(&[grant]).send().await;
        refused(&answer, 401, "invalid_client");
    }
    let pair = pair.body();
    let request = world.request("POST", PATH).header("authorization", &good).header("authorization", &good);
    request.json(&pair).send().await.problem(401, "invalid_credential");
    for malformed in ["Basic", "Basic !", "Basic eA==", "Bearer x", "Digest x"] {
        let answer = world.request("POST", PATH).header("authorization", malformed).form(&[grant]).send().await;
        refused(&answer, 401, "invalid_client");
    }
    refused(&ask(&world, &[grant]).await, 401, "invalid_client");
}

#[tokio::test]
async fn a_malformed_request_is_invalid() {
    let world = World::new().await;
    let pair = world.pair("merchant_a1", &[]).await;
    let (id, secret) = (("client_id", pair.public.value.as_str()), ("client_secret", pair.secret.value.as_str()));
    let grant = ("grant_type", "client_credentials");
    for pairs in [
        &[][..],
        &[id, secret],
        &[("grant_type", ""), id, secret],
        &[grant, id],
        &[grant, secret],
        &[grant, grant, id, secret],
        &[grant, id, secret, secret],
        &[("grant_type", "refresh_token")],
        &[("grant_type", "refresh_token"), ("refresh_token", "")],
    ] {
        refused(&ask(&world, pairs).await, 400, "invalid_request");
    }
    let header = basic(id.1, secret.1);
    let by_both = world.request("POST", PATH).header("authorization", &header).form(&[grant, id, secret]);
    refused(&by_both.send().await, 400, "invalid_request");
    let other = world.request("POST", PATH).header("authorization", &header).form(&[grant, ("client_id", "x")]);
    refused(&other.send().await, 400, "invalid_request");
    for grant in ["password", "authorization_code", "Client_Credentials"] {
        refused(&ask(&world, &[("grant_type", grant), id, secret]).await, 400, "unsupported_grant_type");
    }
}

#[tokio::test]
async fn a_refresh_token_is_redeemed_for_the_next_one() {
    let world = World::new().await;
    let pair = world.pair("merchant_a1", &["charges:read"]).await;
    let first = world.tokens(&pair).await["refreshToken"].as_str().unwrap().to_owned();
    let tokens = ask(&world, &[("grant_type", "refresh_token"), ("refresh_token", &first)]).await.json(200);
    assert_eq!(
        tokens,
        json!({
            "access_token": tokens["access_token"], "token_type": "Bearer", "expires_in": 600, "scope": "charges:read",
            "refresh_token": tokens["refresh_token"],
        })
    );
    refused(&ask(&world, &[("grant_type", "refresh_token"), ("refresh_token", &first)]).await, 400, "invalid_grant");
    let next = tokens["refresh_token"].as_str().unwrap();
    refused(&ask(&world, &[("grant_type", "refresh_token"), ("refresh_token", next)]).await, 400, "invalid_grant");
    refused(&ask(&world, &[("grant_type", "refresh_token"), ("refresh_token", "x")]).await, 400, "invalid_grant");
}

#[tokio::test]
async fn a_client_that_names_itself_must_be_the_one_that_the_token_was_issued_to() {
    let world = World::new().await;
    let (pair, other) = (world.pair("merchant_a1", &[]).await, world.pair("merchant_a1", &[]).await);
    let token = world.tokens(&pair).await["refreshToken"].as_str().unwrap().to_owned();
    let redeem = |id: &str, secret: &str| {
        let fields = [("grant_type", "refresh_token"), ("refresh_token", token.as_str())];
        world.request("POST", PATH).header("authorization", &basic(id, secret)).form(&fields).send()
    };
    refused(&redeem(&other.public.value, &other.secret.value).await, 400, "invalid_grant");
    refused(&redeem(&pair.public.value, &other.secret.forged()).await, 401, "invalid_client");
    let good: Value = redeem(&pair.public.value, &pair.secret.value).await.json(200);
    assert!(good["refresh_token"].is_string());
}
