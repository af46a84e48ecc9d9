//! The document names no refusal that cannot occur: each one is provoked.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::harness::{
    Answer, Request, Setup, Target, World,
    documented::{committed, template},
    rule, with_query,
};

/// Refusals of any call under overload, during a stop, or for too many guesses: other tests provoke them.
const OF_ANY_CALL: [&str; 6] =
    ["too_many_attempts", "too_many_requests", "internal", "unavailable", "outcome_unknown", "timeout"];

/// The recorded codes, by call.
#[derive(Default)]
struct Recorded(BTreeMap<(String, String), BTreeSet<String>>);

impl Recorded {
    fn note(&mut self, method: &str, path: &str, answer: &Answer) {
        if answer.header("content-type") != Some("application/problem+json") {
            return;
        }
        let problem: Value = serde_json::from_slice(&answer.body).unwrap();
        let call = (template(path).unwrap().to_owned(), method.to_lowercase());
        let code = problem["code"].as_str();
        self.0.entry(call).or_default().extend(code.map(str::to_owned));
    }
}

/// Sends the valid request of a rule with one change.
async fn ask(recorded: &mut Recorded, world: &World, call: (&str, &str, Option<&Value>), by: Option<&str>) {
    let (method, path, body) = call;
    let request = world.request(&method.to_uppercase(), path);
    let request = by.into_iter().fold(request, Request::bearer);
    let request = body.into_iter().fold(request, Request::json);
    recorded.note(method, path, &request.send().await);
}

#[tokio::test]
async fn every_refusal_in_the_document_can_occur() {
    let mut setup = Setup::default();
    setup.settings.partners_name_mids = false;
    let world = World::with(setup).await;
    let mut recorded = Recorded::default();
    walk(&mut recorded, &world).await;
    at_the_gateway(&mut recorded, &world).await;
    tokens(&mut recorded, &world).await;
    changes(&mut recorded, &world).await;
    policies(&mut recorded, &world).await;
    states(&mut recorded, &world).await;
    for (path, item) in committed()["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let problems = operation["responses"].as_object().unwrap().values();
            let problems = problems.filter_map(|it| it["content"]["application/problem+json"]["examples"].as_object());
            let mut named: BTreeSet<String> = problems.flat_map(|codes| codes.keys().cloned()).collect();
            named.retain(|code| !OF_ANY_CALL.contains(&code.as_str()));
            let recorded = recorded.0.get(&(path.clone(), method.clone())).cloned().unwrap_or_default();
            assert_eq!(recorded, named, "{method} {path}: the recorded codes, and those of the document");
        }
    }
}

/// Refusals of every call with a credential: the credential, the scope, the query, the body, and missing objects.
async fn walk(recorded: &mut Recorded, world: &World) {
    let by = world.root("platform").await;
    let lacking = world.key("platform", &[]).await;
    let there = Target::of(world, "merchant_a1").await;
    let nowhere = Target::absent();
    for (method, path) in world.operations().await {
        let about = rule(&method, &path, &there);
        // The calls for gateways and for tokens refuse in other ways.
        if about.scope.is_none() && path != "/v1/me" {
            continue;
        }
        for (good, unknown) in about.requests.iter().zip(&rule(&method, &path, &nowhere).requests) {
            let body = good.1.as_ref();
            for credential in [None, Some(by.production_value()), Some(lacking.value.clone())] {
                ask(recorded, world, (&method, &good.0, body), credential.as_deref()).await;
            }
            ask(recorded, world, (&method, &with_query(&good.0, "x=1"), body), Some(&by.value)).await;
            ask(recorded, world, (&method, &unknown.0, unknown.1.as_ref()), Some(&by.value)).await;
            let Some(body) = body else { continue };
            for (kind, text) in [("text/plain", body.to_string()), ("application/json", " ".repeat(65_537))] {
                let request = world.request(&method.to_uppercase(), &good.0).bearer(&by.value);
                recorded.note(&method, &good.0, &request.body(kind, text).send().await);
            }
            let mut unknown = body.clone();
            unknown["x"] = json!(1);
            if path.starts_with("/v1/verify") {
                ask(recorded, world, (&method, &good.0, Some(&unknown)), Some(&by.value)).await;
            }
        }
    }
}

async fn at_the_gateway(recorded: &mut Recorded, world: &World) {
    for (path, own, other) in [
        ("/v1/auth", "secret", "public"),
        ("/v1/auth-public", "public", "tokenization"),
        ("/v1/auth-tokenization", "tokenization", "secret"),
    ] {
        let key = world.key_of("merchant_a1", own, &[], None).await;
        let of_another_type = world.key_of("merchant_a1", other, &[], None).await.value;
        for credential in [None, Some(key.production_value()), Some(of_another_type)] {
            ask(recorded, world, ("get", path, None), credential.as_deref()).await;
        }
        for query in ["?x=1", "?scope=Charges", "?scope=charges:read", "?mid=merchant_a2"] {
            ask(recorded, world, ("get", &format!("{path}{query}"), None), Some(&key.value)).await;
        }
    }
}

async fn tokens(recorded: &mut Recorded, world: &World) {
    let path = "/v1/oauth2/token";
    let pair = world.pair("merchant_a1", &[]).await;
    for secret in [json!(pair.secret.forged()), json!(pair.secret.production_value()), Value::Null] {
        let body = json!({"AppKey": pair.public.value, "AppSecret": secret});
        ask(recorded, world, ("post", path, Some(&body)), None).await;
    }
    for (kind, text) in [("text/plain", "x".to_owned()), ("application/json", " ".repeat(16_385))] {
        recorded.note("post", path, &world.request("POST", path).body(kind, text).send().await);
    }
}

/// Refusals of policies and by them.
async fn policies(recorded: &mut Recorded, world: &World) {
    let partner = world.root("partner_b").await.value;
    let (own, below) = ("/v1/merchants/partner_b/policy", "/v1/merchants/merchant_b1/policy");
    let full = json!({"max_keys": 0});
    ask(recorded, world, ("put", own, Some(&full)), Some(&partner)).await;
    let request = world.request("PUT", below).bearer(&partner).header("if-match", "\"99\"").json(&full);
    recorded.note("put", below, &request.send().await);
    world.request("PUT", below).bearer(&partner).json(&full).send().await.json(200);
    let key = json!({"mid": "merchant_b1", "name": "x", "type": "public"});
    ask(recorded, world, ("post", "/v1/api-keys", Some(&key)), Some(&partner)).await;
    let pairs = "/v1/merchants/merchant_b1/api-keys";
    ask(recorded, world, ("post", pairs, Some(&json!({"name": "x"}))), Some(&partner)).await;
    world.request("PUT", below).bearer(&partner).json(&json!({})).send().await.json(200);
}

/// Refusals of changes of a key.
async fn changes(recorded: &mut Recorded, world: &World) {
    let platform = world.root("platform").await.value;
    let last = world.key("merchant_p1", &["api-keys:write"]).await;
    let (key, revoked) = (world.key("merchant_p1", &[]).await, world.key("merchant_p1", &[]).await);
    world.delete(&platform, &revoked.path()).await.empty(204);
    world.post(&platform, &format!("{}/suspend", key.path())).await.json(200);
    let wider = json!({"scopes": ["charges:read"]});
    for (by, method, key, verb, body, etag) in [
        (&last.value, "patch", &last, "", Some(&wider), "*"),
        (&last.value, "patch", &key, "", Some(&wider), "*"),
        (&platform, "patch", &key, "", Some(&wider), "\"99\""),
        (&platform, "patch", &revoked, "", Some(&wider), "*"),
        (&last.value, "post", &last, "/suspend", None, "*"),
        (&platform, "post", &last, "/suspend", None, "\"99\""),
        (&platform, "post", &revoked, "/suspend", None, "*"),
        (&last.value, "post", &key, "/resume", None, "*"),
        (&platform, "post", &key, "/resume", None, "\"99\""),
        (&platform, "post", &revoked, "/resume", None, "*"),
    ] {
        let path = format!("{}{verb}", key.path());
        let request = world.request(&method.to_uppercase(), &path).bearer(by).header("if-match", etag);
        recorded.note(method, &path, &body.into_iter().fold(request, Request::json).send().await);
    }
}

/// Refusals that depend on the caller and on existing objects.
async fn states(recorded: &mut Recorded, world: &World) {
    let (platform, partner) = (world.root("platform").await.value, world.root("partner_b").await.value);
    let manager = world.key("partner_b", &["api-keys:write"]).await;
    let key = |mid: &str, scopes: Value| json!({"mid": mid, "name": "x", "type": "secret", "scopes": scopes});
    let post = async |recorded: &mut Recorded, by: &str, path: &str, body: Value| {
        ask(recorded, world, ("post", path, Some(&body).filter(|body| !body.is_null())), Some(by)).await;
    };
    let not_held = json!(["merchants:read"]);
    post(recorded, &manager.value, "/v1/api-keys", key("merchant_b1", not_held.clone())).await;
    let pairs = "/v1/merchants/merchant_b1/api-keys";
    post(recorded, &manager.value, pairs, json!({"name": "x", "scopes": not_held})).await;
    post(recorded, &partner, "/v1/merchants", json!({"name": "x", "mid": "mine"})).await;
    post(recorded, &platform, "/v1/merchants", json!({"name": "x", "mid": "merchant_b1"})).await;
    for verb in ["suspend", "resume", "close"] {
        post(recorded, &partner, &format!("/v1/merchants/partner_b/{verb}"), Value::Null).await;
    }
    // The last key of an account that can write keys, as one of a pair.
    let pairs_of_b = "/v1/merchants/partner_b/api-keys";
    let own = json!({"name": "Own", "scopes": ["api-keys:write"]});
    let made = world.post_json(&manager.value, pairs_of_b, &own).await.json(201);
    let (last, id) = (made["appSecret"].as_str().unwrap(), made["keys"][1]["id"].as_str().unwrap());
    let others = world.get(&partner, "/v1/api-keys/partner_b").await.json(200);
    for other in others["keys"].as_array().unwrap() {
        let other = other["id"].as_str().unwrap();
        if other != id {
            world.delete(last, &format!("/v1/api-keys/{other}")).await.empty(204);
        }
    }
    ask(recorded, world, ("delete", &format!("/v1/api-keys/{id}"), None), Some(last)).await;
    post(recorded, last, pairs_of_b, json!({"name": "Own", "overwriteExistingKey": true})).await;
    // Suspended from above, and then closed.
    world.post(&platform, "/v1/merchants/merchant_b1/suspend").await.json(200);
    let partner = world.root("partner_b").await.value;
    post(recorded, &partner, "/v1/merchants/merchant_b1/resume", Value::Null).await;
    post(recorded, &platform, "/v1/api-keys", key("merchant_b1", json!([]))).await;
    post(recorded, &platform, pairs, json!({"name": "x"})).await;
    world.post(&platform, "/v1/merchants/partner_a/suspend").await.json(200);
    post(recorded, &platform, "/v1/merchants", json!({"name": "x", "parent_mid": "partner_a"})).await;
    world.post(&platform, "/v1/merchants/merchant_b1/close").await.json(200);
    for verb in ["suspend", "resume", "close"] {
        post(recorded, &platform, &format!("/v1/merchants/merchant_b1/{verb}"), Value::Null).await;
    }
    let closed = "/v1/merchants/merchant_b1/policy";
    ask(recorded, world, ("put", closed, Some(&json!({"max_keys": 1}))), Some(&platform)).await;
}
