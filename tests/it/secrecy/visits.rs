//! Every use of a secret by a client, correct or not: every call that takes or returns one.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use keyward_testkit::http::{LIMIT, client_options};
use reqwest::{
    Method,
    header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue},
};
use serde_json::json;

use super::Needles;
use crate::harness::{Client, Demo, Node, eventually};

/// The trace of the clients.
pub(super) const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// Makes all visits. Adds issued and tried secrets to the needles.
pub(super) async fn visit(node: &Node, needles: &mut Needles) {
    let demo = node.demo();
    for who in [&demo.platform, &demo.partner] {
        needles.add_value(&who.app_secret);
    }
    let issued = keys(node, &demo, needles).await;
    tokens(node, &demo, needles).await;
    wrong_credentials(node, &demo, needles).await;
    wrong_requests(node, &demo, &issued).await;
    traced(node, &demo).await;
    over_http2(node, &demo).await;
}

/// Keys by every way of creating them; each used, verified, and one revoked.
async fn keys(node: &Node, demo: &Demo, needles: &mut Needles) -> String {
    let partner = node.client(&demo.partner.app_secret);
    let key = partner.create(&demo.merchant, "json", &["charges:read"]).await;
    let form = format!(
        "--xx\r\nContent-Disposition: form-data; name=\"mid\"\r\n\r\n{}\r\n--xx\r\nContent-Disposition: form-data; \
         name=\"name\"\r\n\r\nmultipart\r\n--xx\r\nContent-Disposition: form-data; \
                name=\"type\"\r\n\r\nsecret\r\n--xx--\r\n",
        demo.merchant
    );
    let by_form = partner.post_as("/v1/api-keys", "multipart/form-data; boundary=xx", &form).await.expect(201);
    let pair = format!("/v1/merchants/{}/api-keys", demo.merchant);
    let pair = partner.post(&pair, &json!({ "name": "pair", "scopes": ["charges:read"] })).await.expect(201);
    let values = [key.value.clone(), by_form.member("value"), pair.member("appSecret")];
    for value in &values {
        needles.add_value(value);
        assert_eq!(partner.verdict(value).await, "VALID");
        node.client(value).get("/v1/auth").await.expect(204);
        let as_api_key = headers(&[("x-api-key", value)]);
        node.anonymous().try_send(Method::GET, "/v1/auth", None, as_api_key).await.unwrap().expect(204);
        let checks = json!({ "checks": [{ "key": value }, { "key": value, "mid": "unknown" }] });
        partner.post("/v1/verify/batch", &checks).await.expect(200);
    }
    partner.revoke(&by_form.member("id")).await.expect(204);
    node.client(&by_form.member("value")).get("/v1/auth").await.expect(401);
    partner.get(&format!("/v1/api-keys/{}?state=all", demo.merchant)).await.expect(200);
    key.value
}

/// Tokens in both dialects, used and refreshed, also twice.
async fn tokens(node: &Node, demo: &Demo, needles: &mut Needles) {
    let anonymous = node.anonymous();
    let (app_key, app_secret) = (&demo.partner.app_key, &demo.partner.app_secret);
    let tokens = anonymous.tokens(app_key, app_secret).await;
    let again = anonymous.redeem(&tokens.refresh).await.expect(200);
    anonymous.redeem(&tokens.refresh).await.expect(401);
    anonymous.redeem(&again.member("refreshToken")).await.expect(401);
    let form = format!("grant_type=client_credentials&client_id={app_key}&client_secret={app_secret}");
    let by_form = anonymous.form(&form).await.expect(200).member("access_token");
    let basic = BASE64_STANDARD.encode(format!("{app_key}:{app_secret}"));
    let body = Some(("application/x-www-form-urlencoded", "grant_type=client_credentials".to_owned()));
    let basic_header = headers(&[("authorization", &format!("Basic {basic}"))]);
    let by_basic = anonymous.try_send(Method::POST, "/v1/oauth2/token", body, basic_header).await.unwrap().expect(200);
    needles.add(basic.as_bytes());
    for access in [tokens.access, again.member("accessToken"), by_form, by_basic.member("access_token")] {
        node.client(&access).get("/v1/merchants").await.expect(200);
        node.client(&access).get("/v1/auth").await.expect(204);
        // A token with a tampered signature still reveals a real one.
        let tampered = format!("{}AAAA", &access[..access.len() - 4]);
        node.client(&tampered).get("/v1/merchants").await.expect(401);
        needles.add_token(&access);
        needles.add_token(&tampered);
    }
    needles.add_token(&tokens.refresh);
    needles.add_token(&again.member("refreshToken"));
}

/// Wrong secrets: mistyped, of the other environment, in the wrong place.
async fn wrong_credentials(node: &Node, demo: &Demo, needles: &mut Needles) {
    let secret = &demo.partner.app_secret;
    let last = if secret.ends_with('0') { "1" } else { "0" };
    let mistyped = format!("{}{last}", &secret[..secret.len() - 1]);
    for wrong in [&mistyped, &secret.replace("sk_test_", "sk_live_"), &secret.replace("sk_test_", "pk_test_")] {
        needles.add_value(wrong);
        node.client(wrong).get("/v1/merchants").await.expect(401);
        node.client(wrong).get("/v1/auth").await.expect(401);
        let pair = json!({ "AppKey": demo.partner.app_key, "AppSecret": wrong });
        node.anonymous().post("/v1/oauth2/token", &pair).await.expect(401);
        node.client(secret).post("/v1/verify", &json!({ "key": wrong })).await.expect(200);
    }
    node.anonymous().redeem(&mistyped).await.expect(401);
    let two = headers(&[("authorization", &format!("Bearer {secret}")), ("x-api-key", &mistyped)]);
    node.anonymous().try_send(Method::GET, "/v1/auth", None, two).await.unwrap().expect(401);
    let unknown_scheme = headers(&[("authorization", &format!("Secret {secret}"))]);
    node.anonymous().try_send(Method::GET, "/v1/merchants", None, unknown_scheme).await.unwrap().expect(401);
}

/// Secrets in wrong places, and bodies that cannot be read.
async fn wrong_requests(node: &Node, demo: &Demo, value: &str) {
    let partner = node.client(&demo.partner.app_secret);
    let not_found = [404, 400];
    for path in [format!("/v1/api-keys/{value}"), format!("/v1/merchants/{value}"), format!("/{value}")] {
        let answer = partner.get(&path).await;
        assert!(not_found.contains(&answer.status), "{path}: {}", answer.text);
    }
    partner.get(&format!("/v1/auth?key={value}")).await.expect_problem(400, "unknown_condition");
    partner.get(&format!("/v1/api-keys/{}?cursor={value}", demo.merchant)).await.expect(400);
    partner.post_as("/v1/verify", "application/json", &format!("{{\"key\": \"{value}\"")).await.expect(400);
    partner.post_as("/v1/verify", "application/json", &format!("\"{value}\"")).await.expect(400);
    partner.post("/v1/verify", &json!({ "key": [value] })).await.expect(400);
    partner.post("/v1/verify", &json!({ value: value })).await.expect(400);
    partner.post_as("/v1/verify", "text/plain", value).await.expect(415);
    let new_key = json!({ "mid": demo.merchant, "name": format!("<{value}>"), "type": value, "scopes": [value] });
    partner.post("/v1/api-keys", &new_key).await.expect(400);
    node.anonymous().form(&format!("grant_type={value}&client_secret={value}")).await.expect(400);
    node.anonymous().post_as("/v1/oauth2/token", "application/json", value).await.expect(400);
}

async fn traced(node: &Node, demo: &Demo) {
    let context = format!("00-{TRACE}-00f067aa0ba902b7-01");
    let bearer = format!("Bearer {}", demo.partner.app_secret);
    let headers = || headers(&[("traceparent", &context), ("authorization", &bearer), ("x-request-id", "mine-1")]);
    let anonymous = node.anonymous();
    let answer = anonymous.try_send(Method::GET, "/v1/merchants", None, headers()).await.unwrap().expect(200);
    assert_eq!(answer.header("x-request-id"), Some("mine-1"));
    let problem = anonymous.try_send(Method::GET, "/v1/nowhere", None, headers()).await.unwrap().expect(404);
    assert!(problem.member("traceId").starts_with(&format!("00-{TRACE}-")), "{}", problem.text);
}

/// Another library writes the log of this protocol.
async fn over_http2(node: &Node, demo: &Demo) {
    let http = client_options(LIMIT).http2_prior_knowledge().build().unwrap();
    let partner = Client::over(http, node.base_url()).with(&demo.partner.app_secret);
    partner.get("/v1/merchants").await.expect(200);
    partner.tokens(&demo.partner.app_key, &demo.partner.app_secret).await;
}

/// A failure during an outage, after memory may no longer be used, is logged with its cause.
pub(super) async fn during_an_outage(node: &Node) {
    let (demo, anonymous) = (node.demo(), node.anonymous());
    eventually("not ready", async || anonymous.get("/readyz").await.status == 503).await;
    let partner = node.client(&demo.partner.app_secret);
    partner.post("/v1/api-keys", &Client::new_key(&demo.merchant, "lost", &[])).await.expect_outage();
    partner.post("/v1/verify", &json!({ "key": demo.platform.app_secret })).await.expect_outage();
    let pair = json!({ "AppKey": demo.partner.app_key, "AppSecret": demo.partner.app_secret });
    node.anonymous().post("/v1/oauth2/token", &pair).await.expect_outage();
}

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let parse = |(name, value): &(&str, &str)| {
        let mut value = HeaderValue::from_str(value).unwrap();
        value.set_sensitive(*name == AUTHORIZATION.as_str());
        (HeaderName::try_from(*name).unwrap(), value)
    };
    pairs.iter().map(parse).collect()
}
