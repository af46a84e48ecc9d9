//! The examples of the document: real requests and answers, with stable ids and times and values that are not keys.

use std::path::Path;

use keyward_domain::{Environment, KeyId, PresentedValue};
use serde_json::{Map, Value, json};

use crate::harness::{PUBLIC_URL, World};

/// The recording: by operation, then `request` or status, then name.
struct Recorder {
    world: World,
    by: String,
    examples: Value,
    /// Ids that were met, in order.
    ids: Vec<String>,
}

impl Recorder {
    /// Sends a request and records both sides under this name.
    async fn call(&mut self, operation: &str, name: &str, method: &str, path: &str, body: Option<Value>) -> Value {
        let mut request = self.world.request(method, path);
        if operation != "obtain_tokens" {
            request = request.bearer(&self.by);
        }
        if let Some(body) = &body {
            request = request.json(body);
        }
        let answer = request.send().await;
        assert!(answer.status.is_success(), "{operation}: {}", answer.text());
        if let Some(body) = body {
            self.keep(operation, "request", name, body);
        }
        if answer.body.is_empty() {
            return Value::Null;
        }
        let shown = serde_json::from_slice(&answer.body).unwrap_or_else(|_| json!(answer.text()));
        self.keep(operation, answer.status.as_str(), name, shown.clone());
        shown
    }

    fn keep(&mut self, operation: &str, side: &str, name: &str, mut value: Value) {
        self.stabilize("", &mut value);
        self.examples[operation][side][name] = value;
    }

    /// Replaces what differs between runs, and every credential.
    fn stabilize(&mut self, name: &str, value: &mut Value) {
        match value {
            Value::Object(members) => members.iter_mut().for_each(|(name, value)| self.stabilize(name, value)),
            Value::Array(items) => items.iter_mut().for_each(|item| self.stabilize(name, item)),
            Value::String(text) => *text = self.stable_text(name, text),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn stable_text(&mut self, name: &str, text: &str) -> String {
        // From the RFC's own example (RFC 8037, appendix A).
        match name {
            "last_four" | "lastFour" => return "x7Qz".to_owned(),
            "accessToken" => return "eyJ…".to_owned(),
            "refreshToken" => return "…".to_owned(),
            "kid" => return "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k".to_owned(),
            "x" => return "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo".to_owned(),
            _ => {}
        }
        if PresentedValue::parse(text, Environment::Sandbox).is_ok() {
            return format!("{}…", &text[.."sk_test_".len()]);
        }
        if let Ok(uuid) = text.parse() {
            return self.stable_id(&KeyId::from_uuid(uuid).to_string()).parse::<KeyId>().unwrap().uuid().to_string();
        }
        if let Some(rest) = text.strip_prefix("pair_") {
            return self.stable_id(&format!("key_{rest}")).replacen("key_", "pair_", 1);
        }
        if text.starts_with("key_") { self.stable_id(text) } else { text.replace(PUBLIC_URL, "{public_url}") }
    }

    fn stable_id(&mut self, id: &str) -> String {
        let place = self.ids.iter().position(|known| known == id).unwrap_or_else(|| {
            self.ids.push(id.to_owned());
            self.ids.len() - 1
        });
        format!("key_01h2xcejqtf2nbrexx3vqjhp{}", 41 + place)
    }
}

/// The committed examples. After a change of the API this test rewrites them and fails once, and then the test of the
/// document does: review the difference, and commit it.
#[tokio::test]
async fn the_examples_are_real_answers() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let mut it = Recorder { world, by: by.value, examples: Value::Object(Map::new()), ids: Vec::new() };
    let merchant = json!({"mid": "mid_123456", "name": "Corner shop"});
    it.call("register_merchant", "merchant", "POST", "/v1/merchants", Some(merchant)).await;
    it.call("list_merchants", "merchants", "GET", "/v1/merchants?limit=1000", None).await;
    it.call("get_merchant", "merchant", "GET", "/v1/merchants/mid_123456", None).await;
    let policy = json!({"max_life_seconds": 31_536_000, "max_keys": 100});
    it.call("set_policy", "policy", "PUT", "/v1/merchants/mid_123456/policy", Some(policy)).await;
    let stricter = json!({"max_life_seconds": 86_400});
    let dry_run = "/v1/merchants/mid_123456/policy?dry_run=true";
    it.call("set_policy", "dry_run", "PUT", dry_run, Some(stricter)).await;
    it.call("get_policy", "policy", "GET", "/v1/merchants/mid_123456/policy", None).await;
    let new = json!({
        "mid": "mid_123456", "name": "Checkout server", "type": "secret", "scopes": ["charges:read"],
        "expires_at": "2027-11-23T12:00:00.000Z",
    });
    let made = it.call("create_key", "secret_key", "POST", "/v1/api-keys", Some(new)).await;
    let path = format!("/v1/api-keys/{}", made["id"].as_str().unwrap());
    let check = json!({"key": made["value"], "scopes": ["charges:read"]});
    it.call("verify_key", "good", "POST", "/v1/verify", Some(check.clone())).await;
    it.call("get_or_list_keys", "key", "GET", &path, None).await;
    it.call("get_or_list_keys", "keys_of_a_merchant", "GET", "/v1/api-keys/mid_123456", None).await;
    it.call("find_keys", "keys", "GET", "/v1/api-keys?mid=mid_123456&q=check", None).await;
    it.call("get_me", "key", "GET", "/v1/me", None).await;
    it.call("list_keys_of_merchant", "keys", "GET", "/v1/merchants/mid_123456/api-keys", None).await;
    let change = json!({"name": "Checkout server 2", "metadata": {"shop": "17"}, "expires_at": null});
    it.call("change_key", "key", "PATCH", &path, Some(change)).await;
    it.call("suspend_key", "key", "POST", &format!("{path}/suspend"), None).await;
    it.call("resume_key", "key", "POST", &format!("{path}/resume"), None).await;
    it.call("revoke_key", "revoked", "DELETE", &format!("{path}?reason=superseded"), None).await;
    it.call("get_enforcement", "enforced", "GET", &format!("{path}/enforcement"), None).await;
    it.call("verify_key", "revoked", "POST", "/v1/verify", Some(json!({"key": made["value"]}))).await;
    let pair = json!({"name": "Web shop", "scopes": ["charges:*"]});
    let pair = it.call("create_pair", "pair", "POST", "/v1/merchants/mid_123456/api-keys", Some(pair)).await;
    let good = json!({"key": pair["appSecret"], "scopes": ["charges:read"]});
    it.call("verify_batch", "two_keys", "POST", "/v1/verify/batch", Some(json!({"checks": [check, good]}))).await;
    let keys = json!({"AppKey": pair["appKey"], "AppSecret": pair["appSecret"]});
    let tokens = it.call("obtain_tokens", "with_keys", "POST", "/v1/oauth2/token", Some(keys)).await;
    let refresh = json!({"refreshToken": tokens["refreshToken"]});
    it.call("obtain_tokens", "with_a_refresh_token", "POST", "/v1/oauth2/token", Some(refresh)).await;
    for verb in ["suspend", "resume", "close"] {
        let path = format!("/v1/merchants/mid_123456/{verb}");
        it.call(&format!("{verb}_merchant"), "merchant", "POST", &path, None).await;
    }
    for (operation, path) in [
        ("get_health", "/healthz"),
        ("get_readiness", "/readyz"),
        ("get_signing_keys", "/.well-known/jwks.json"),
        ("get_oauth_metadata", "/.well-known/oauth-authorization-server"),
    ] {
        it.call(operation, "answer", "GET", path, None).await;
    }
    let recorded = serde_json::to_string_pretty(&it.examples).unwrap() + "\n";
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi-examples.json");
    if std::fs::read_to_string(&file).unwrap_or_default() != recorded {
        std::fs::write(&file, recorded).unwrap();
        panic!("crates/api/openapi-examples.json was out of date; it has been rewritten");
    }
}
