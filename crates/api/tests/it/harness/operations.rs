//! For each operation of the OpenAPI document: its scope, a valid request, and its answer if the objects of the request
//! do not exist for the caller.

use serde_json::{Value, json};

use super::{Answer, Held, ID, Node, absent};

/// The objects of a request.
pub(crate) struct Target {
    pub(crate) mid: String,
    pub(crate) key: Held,
}

impl Target {
    /// An account, and a new key of it.
    pub(crate) async fn of(node: &Node, mid: &str) -> Self {
        Self { mid: mid.to_owned(), key: node.key(mid, &["charges:read"]).await }
    }

    /// An account and a key that were never created.
    pub(crate) fn absent() -> Self {
        Self { mid: "unknown".to_owned(), key: Held { id: ID.to_owned(), value: absent() } }
    }

    /// The same with this text in the place of a mid and of an id.
    pub(crate) fn named(text: &str) -> Self {
        Self { mid: text.to_owned(), key: Held { id: text.to_owned(), value: absent() } }
    }
}

/// How an operation treats objects outside the caller's reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Foreign {
    /// 404 with this code.
    Absent(&'static str),
    /// 200 with the verdict `NOT_FOUND`.
    NotFound,
    /// The request names no object.
    Unnamed,
}

/// Facts about an operation.
pub(crate) struct Rule {
    /// Its scope; `None` if it needs no scope of this service.
    pub(crate) scope: Option<&'static str>,
    /// Whether a request without a credential gets 401.
    pub(crate) needs_credential: bool,
    pub(crate) foreign: Foreign,
    /// Valid requests: a path and a body.
    pub(crate) requests: Vec<(String, Option<Value>)>,
}

/// Every operation of the document. A missing one fails the walk.
pub(crate) fn rule(method: &str, template: &str, about: &Target) -> Rule {
    let Target { mid, key } = about;
    let (no_key, no_account) = (Foreign::Absent("key_not_found"), Foreign::Absent("account_not_found"));
    let rule = |scope, foreign, requests| Rule { scope: Some(scope), needs_credential: true, foreign, requests };
    let one = |path: &str| vec![(path.replace("{mid}", mid).replace("{id}", &key.id), None)];
    let with = |path: &str, body: Value| vec![(path.replace("{mid}", mid), Some(body))];
    match (method, template) {
        ("post", "/v1/api-keys") => {
            let body = json!({"mid": mid, "name": "x", "type": "secret"});
            rule("api-keys:write", no_account, with(template, body))
        }
        ("get", "/v1/api-keys") => {
            let below = vec![(format!("/v1/api-keys?mid={mid}"), None)];
            rule("api-keys:read", no_account, below)
        }
        ("get", "/v1/api-keys/{id}" | "/v1/api-keys/{id}/enforcement") => rule("api-keys:read", no_key, one(template)),
        ("patch", "/v1/api-keys/{id}") => {
            rule("api-keys:write", no_key, vec![(template.replace("{id}", &key.id), Some(json!({"name": "x"})))])
        }
        ("post", "/v1/api-keys/{id}/suspend" | "/v1/api-keys/{id}/resume") => {
            rule("api-keys:write", no_key, one(template))
        }
        ("delete", "/v1/api-keys/{id}") => rule("api-keys:write", no_key, one(template)),
        ("get", "/v1/merchants/{mid}/api-keys") => {
            let shared = (format!("/v1/api-keys/{mid}"), None);
            rule("api-keys:read", no_account, [one(template), vec![shared]].concat())
        }
        ("post", "/v1/merchants/{mid}/api-keys") => {
            rule("api-keys:write", no_account, with(template, json!({"name": "x"})))
        }
        ("get", "/v1/merchants") => rule("merchants:read", Foreign::Unnamed, one(template)),
        ("post", "/v1/merchants") => {
            rule("merchants:write", no_account, with(template, json!({"name": "x", "parent_mid": mid})))
        }
        ("get", "/v1/merchants/{mid}") => rule("merchants:read", no_account, one(template)),
        ("get", "/v1/merchants/{mid}/policy") => rule("merchants:write", no_account, one(template)),
        ("put", "/v1/merchants/{mid}/policy") => {
            rule("merchants:write", no_account, with(template, json!({"max_keys": 1_000})))
        }
        ("post", "/v1/merchants/{mid}/suspend" | "/v1/merchants/{mid}/resume" | "/v1/merchants/{mid}/close") => {
            rule("merchants:write", no_account, one(template))
        }
        ("post", "/v1/verify") => rule("api-keys:verify", Foreign::NotFound, with(template, json!({"key": key.value}))),
        ("post", "/v1/verify/batch") => {
            let body = json!({"checks": [{"key": key.value}, {"key": key.value}]});
            rule("api-keys:verify", Foreign::NotFound, with(template, body))
        }
        ("get", "/v1/me" | "/v1/auth" | "/v1/auth-public" | "/v1/auth-tokenization") => {
            Rule { scope: None, needs_credential: true, foreign: Foreign::Unnamed, requests: one(template) }
        }
        ("post", "/v1/oauth2/token") => {
            let requests = with(template, json!({"AppKey": key.id, "AppSecret": key.forged()}));
            Rule { scope: None, needs_credential: false, foreign: Foreign::Unnamed, requests }
        }
        ("get", "/healthz" | "/readyz" | "/.well-known/jwks.json" | "/.well-known/oauth-authorization-server") => {
            Rule { scope: None, needs_credential: false, foreign: Foreign::Unnamed, requests: one(template) }
        }
        _ => panic!("{method} {template} is in the document, and the walk has no rule for it"),
    }
}

/// The path of a rule with more parameters.
pub(crate) fn with_query(path: &str, query: &str) -> String {
    let separator = if path.contains('?') { '&' } else { '?' };
    format!("{path}{separator}{query}")
}

impl Node {
    pub(crate) async fn document(&self) -> Value {
        self.request("GET", "/openapi.json").send().await.json(200)
    }

    /// Method and path template of every operation of the document.
    pub(crate) async fn operations(&self) -> Vec<(String, String)> {
        let document = self.document().await;
        let paths = document["paths"].as_object().unwrap().iter();
        let operations = paths.flat_map(|(path, operations)| {
            operations.as_object().unwrap().keys().map(|method| (method.clone(), path.clone()))
        });
        operations.collect()
    }

    /// Sends a request of a rule.
    pub(crate) async fn try_out(
        &self,
        method: &str,
        credential: Option<&str>,
        ask: &(String, Option<Value>),
    ) -> Answer {
        let mut request = self.request(&method.to_uppercase(), &ask.0);
        if let Some(credential) = credential {
            request = request.bearer(credential);
        }
        if let Some(body) = &ask.1 {
            request = request.json(body);
        }
        request.send().await
    }
}
