//! The order of checks (contract, section 1): of two errors the one that is checked first is reported.

use serde_json::{Value, json};

use crate::harness::{Answer, Request, Setup, Target, World, rule, with_query};

const CREATE: &str = "/v1/api-keys";

/// A body that is too large, once with and once without its length.
fn too_large(request: fn(&World) -> Request, world: &World, content_type: &str) -> [Request; 2] {
    let body = vec![b' '; 64 * 1024 + 1];
    let announced = request(world).header("content-length", &body.len().to_string()).body(content_type, body.clone());
    [announced, request(world).body(content_type, body)]
}

#[tokio::test]
async fn the_credential_comes_before_the_body() {
    let world = World::new().await;
    for request in too_large(|world| world.request("POST", CREATE).bearer("garbage"), &world, "text/plain") {
        request.send().await.problem(401, "invalid_credential");
    }
    world.request("POST", CREATE).body("application/json", "{").send().await.problem(401, "invalid_credential");
    world.request("GET", "/v1/merchants?limit=0").send().await.problem(401, "invalid_credential");
}

#[tokio::test]
async fn the_scope_comes_before_the_body_and_before_any_look_up() {
    let world = World::new().await;
    let lacking = world.key("partner_a", &["charges:read"]).await.value;
    for (method, template) in world.operations().await {
        let rule = rule(&method, &template, &Target::named("key_garbage"));
        let paths = rule.requests.iter().map(|(path, _)| path).filter(|_| rule.scope.is_some());
        for path in paths {
            let path = with_query(path, "limit=0&unknown=1");
            let request = world.request(&method.to_uppercase(), &path).bearer(&lacking);
            let answer = request.body("text/plain", "x".repeat(70_000)).send().await;
            answer.problem(403, "insufficient_scope");
        }
    }
}

#[tokio::test]
async fn the_size_comes_before_the_type_and_the_type_before_the_content() {
    let world = World::new().await;
    let by = world.root("partner_a").await.value;
    let before = world.contents().await;
    let operations = world.operations().await;
    let rules = operations.iter().map(|(method, template)| (method, rule(method, template, &Target::absent())));
    let scoped = rules.filter(|(_, rule)| rule.scope.is_some());
    let asks = scoped.flat_map(|(method, rule)| rule.requests.into_iter().map(move |ask| (method, ask)));
    for (method, path) in asks.filter_map(|(method, (path, body))| body.map(|_| (method.to_uppercase(), path))) {
        let request = || world.request(&method, &path).bearer(&by);
        let announced = request().header("content-length", "65537");
        announced.body("text/plain", "x").send().await.problem(413, "body_too_large");
        let unannounced = request().body("application/json", " ".repeat(65_537));
        unannounced.send().await.problem(413, "body_too_large");
        for content_type in ["text/plain", "application/x-www-form-urlencoded", "application/xml", ""] {
            request().body(content_type, "{").send().await.problem(415, "unsupported_media_type");
        }
        request().send().await.problem(415, "unsupported_media_type");
        let whole = request().body("application/json", " ".repeat(65_536));
        whole.send().await.problem(400, "invalid_request");
    }
    assert_eq!(world.contents().await, before);
}

/// Key, method, path, body, and the expected answer.
type Case = (&'static str, &'static str, Value, u16, &'static str);

#[tokio::test]
async fn of_two_errors_the_first_in_the_order_is_reported() {
    let mut setup = Setup::default();
    setup.settings.partners_name_mids = false;
    let world = World::with(setup).await;
    let platform = world.root("platform").await;
    world.post(&platform.value, "/v1/merchants/merchant_a2/suspend").await.json(200);
    let by = world.key("partner_a", &["api-keys:write", "merchants:*"]).await.value;
    let not_held = json!(["api-keys:read"]);
    let key =
        |mid: &str, scopes: &Value, name: &str| json!({"mid": mid, "name": name, "type": "secret", "scopes": scopes});
    let pair = |scopes: &Value, name: &str| json!({"name": name, "scopes": scopes});
    let merchant = |mid: &str, parent: &str, name: &str| json!({"mid": mid, "parent_mid": parent, "name": name});
    let nowhere = "/v1/merchants/unknown/api-keys";
    let suspended = "/v1/merchants/merchant_a2/api-keys";
    let cases: [Case; 15] = [
        // 400 before 403 scope_not_held
        ("POST", CREATE, key("unknown", &not_held, "<"), 400, "invalid_request"),
        ("POST", nowhere, pair(&not_held, "<"), 400, "invalid_request"),
        // 403 scope_not_held before 404
        ("POST", CREATE, key("unknown", &not_held, "x"), 403, "scope_not_held"),
        ("POST", nowhere, pair(&not_held, "x"), 403, "scope_not_held"),
        ("POST", "/v1/merchants/key_x/api-keys", pair(&not_held, "x"), 403, "scope_not_held"),
        // and before 409
        ("POST", CREATE, key("merchant_a2", &not_held, "x"), 403, "scope_not_held"),
        ("POST", suspended, pair(&not_held, "x"), 403, "scope_not_held"),
        // 400 before 403 mid_not_allowed, which comes before 404 and before 409
        ("POST", "/v1/merchants", merchant("key_x", "unknown", "x"), 400, "invalid_request"),
        ("POST", "/v1/merchants", merchant("mine", "unknown", "<"), 400, "invalid_request"),
        ("POST", "/v1/merchants", merchant("mine", "unknown", "x"), 403, "mid_not_allowed"),
        ("POST", "/v1/merchants", merchant("merchant_b1", "partner_a", "x"), 403, "mid_not_allowed"),
        // 404 before 409
        ("POST", CREATE, key("merchant_b1", &json!([]), "x"), 404, "account_not_found"),
        ("POST", CREATE, key("merchant_a2", &json!([]), "x"), 409, "account_not_active"),
        // 404 before 403 own_account
        ("POST", "/v1/merchants/platform/close", Value::Null, 404, "account_not_found"),
        ("POST", "/v1/merchants/partner_a/resume", Value::Null, 403, "own_account"),
    ];
    let before = world.contents().await;
    for (method, path, body, status, code) in cases {
        let answer: Answer = world.request(method, path).bearer(&by).json(&body).send().await;
        answer.problem(status, code);
    }
    assert_eq!(world.contents().await, before);
}

#[tokio::test]
async fn an_invalid_query_is_reported_before_a_state() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    world.get(&by.value, "/v1/api-keys/unknown?limit=0").await.problem(400, "invalid_request");
    world.delete(&by.value, "/v1/api-keys/key_garbage?reason=x").await.problem(400, "invalid_request");
    // 404 before 409: a foreign parent is absent, even where the mid is taken.
    let body = json!({"mid": "merchant_b1", "parent_mid": "partner_b", "name": "x"});
    world.post_json(&by.value, "/v1/merchants", &body).await.problem(404, "account_not_found");
}
