//! `/openapi.json`: the committed document, self-contained and true. `harness::documented` checks for every answer of
//! every test that the document lists it.

use std::{collections::BTreeSet, path::Path};

use serde_json::{Value, json};

use crate::harness::{Answer, PUBLIC_URL, Target, World, rule};

mod examples;
mod refusals;
mod schema;

/// The committed copy. After a change of the API this test rewrites it and fails once: review the difference, and
/// commit it.
#[tokio::test]
async fn the_served_document_is_the_committed_one() {
    let world = World::new().await;
    let served = world.request("GET", "/openapi.json").send().await.text().to_owned() + "\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    if served != committed {
        std::fs::write(&path, served).unwrap();
        panic!("crates/api/openapi.json was out of date; it has been rewritten");
    }
}

#[tokio::test]
async fn the_document_is_openapi_3_1_and_names_only_its_own_host() {
    let world = World::new().await;
    let document = world.document().await;
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    assert_eq!(document["servers"], json!([{"url": PUBLIC_URL}]));
    let text = document.to_string().replace(PUBLIC_URL, "");
    for scheme in ["http://", "https://"] {
        assert!(!text.contains(scheme), "{scheme}");
    }
}

#[tokio::test]
async fn every_reference_resolves_and_every_schema_is_used() {
    let world = World::new().await;
    let document = world.document().await;
    let mut references = BTreeSet::new();
    collect_references(&document, &mut references);
    for reference in &references {
        assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
    }
    for name in document["components"]["schemas"].as_object().unwrap().keys() {
        assert!(references.contains(&format!("#/components/schemas/{name}")), "{name} is described and never used");
    }
}

fn collect_references(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            into.extend(object.get("$ref").and_then(Value::as_str).map(str::to_owned));
            object.values().for_each(|value| collect_references(value, into));
        }
        Value::Array(items) => items.iter().for_each(|value| collect_references(value, into)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[tokio::test]
async fn every_operation_has_its_own_name_a_summary_and_its_problems() {
    let world = World::new().await;
    let document = world.document().await;
    let mut names = BTreeSet::new();
    let about = Target::of(&world, "merchant_a1").await;
    for (method, path) in world.operations().await {
        let operation = &document["paths"][&path][&method];
        assert!(names.insert(operation["operationId"].as_str().unwrap()), "{method} {path}");
        assert!(operation["summary"].is_string() && operation["tags"].is_array(), "{method} {path}");
        assert!(operation["responses"]["431"].is_object(), "{method} {path}");
        let rule = rule(&method, &path, &about);
        let security = &operation["security"];
        assert_eq!(*security == json!([]), !rule.needs_credential, "{method} {path}: {security}");
        if let Some(scope) = rule.scope {
            assert_eq!(*security, json!([{"bearer": []}, {"oauth2": [scope]}]), "{method} {path}");
            let description = operation["description"].as_str().unwrap();
            assert!(description.ends_with(&format!("Needs the scope `{scope}`.")), "{method} {path}: {description}");
        }
        let placed = path.matches('{').count();
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        assert_eq!(parameters.iter().filter(|it| it["in"] == "path").count(), placed, "{method} {path}");
    }
}

/// Checks an answer against the document.
#[track_caller]
fn conforms(document: &Value, method: &str, path: &str, answer: &Answer) {
    let status = answer.status.as_u16();
    let described = &document["paths"][path][method]["responses"][status.to_string()];
    assert!(described.is_object(), "{method} {path} answers {status}: {}", answer.text());
    for name in described["headers"].as_object().into_iter().flatten().map(|(name, _)| name) {
        // Of the refusals with this status only the one about scopes asks for another credential.
        if name == "WWW-Authenticate" && status == 403 {
            continue;
        }
        // Of the two answers of the shared template only a key has a version.
        if name == "ETag" && answer.text().starts_with("{\"keys\"") {
            continue;
        }
        assert!(answer.headers.contains_key(name.to_lowercase()), "{method} {path} {status}: {name}");
    }
    let Some(content) = described["content"].as_object() else {
        assert!(answer.body.is_empty(), "{method} {path} {status} has a body that the document does not describe");
        return;
    };
    let content_type = answer.header("content-type").unwrap().split(';').next().unwrap();
    let schema = &content[content_type]["schema"];
    if content_type == "text/plain" {
        return assert_eq!(schema["type"], "string");
    }
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    if let Err(error) = schema::check(document, schema, &body) {
        panic!("{method} {path} {status}: {error}\n{body:#}");
    }
}

#[tokio::test]
async fn real_answers_conform_to_the_document() {
    let world = World::new().await;
    let document = world.document().await;
    let by = world.root("platform").await;
    let lacking = world.key("platform", &[]).await;
    for mid in ["merchant_a1", "merchant_p1"] {
        // Operations that end keys and accounts come last.
        let mut operations = world.operations().await;
        let last = |path: &str| ["suspend", "resume", "close"].iter().position(|end| path.ends_with(end));
        // Of those, the ones of a key before the ones of its account.
        let rank = |method: &str, path: &str| match (path.starts_with("/v1/api-keys"), last(path)) {
            (_, None) => (u8::from(method == "delete") * 2, None),
            (is_of_a_key, place) => (if is_of_a_key { 1 } else { 3 }, place),
        };
        operations.sort_by_key(|(method, path)| rank(method, path));
        let key = world.key_of(mid, "secret", &["charges:read"], Some("2027-01-01T00:00:00.000Z")).await;
        let pair = world.pair(mid, &[]).await;
        for (method, path) in operations {
            // A partner where a merchant is registered below it.
            let parent = if path == "/v1/merchants" { "partner_a" } else { mid };
            let about = Target { mid: parent.to_owned(), key: key.clone() };
            for mut ask in rule(&method, &path, &about).requests {
                if path == "/v1/oauth2/token" {
                    ask.1 = Some(pair.body());
                }
                // The list of a merchant's keys is also served under the template of a key.
                let shared = path.starts_with("/v1/merchants") && ask.0.starts_with("/v1/api-keys/");
                let template = if shared { "/v1/api-keys/{id}" } else { &path };
                let of_type = path.strip_prefix("/v1/auth-");
                let by = match of_type {
                    Some(key_type) => &world.key_of(mid, key_type, &["charges:read"], None).await,
                    None => &by,
                };
                let answer = world.try_out(&method, Some(&by.value), &ask).await;
                assert!(answer.status.is_success(), "{method} {path}: {}", answer.text());
                conforms(&document, &method, template, &answer);
                for credential in [None, Some(lacking.value.as_str())] {
                    conforms(&document, &method, template, &world.try_out(&method, credential, &ask).await);
                }
            }
        }
        world.post(&by.value, &format!("/v1/merchants/{mid}/resume")).await.problem(409, "account_closed");
    }
}

#[tokio::test]
async fn less_common_answers_are_described_too() {
    let world = World::new().await;
    let document = world.document().await;
    let pair = world.pair("merchant_a1", &["charges:read"]).await;
    let refresh = world.tokens(&pair).await["refreshToken"].clone();
    let answer = world.token(&json!({"refreshToken": refresh})).await;
    conforms(&document, "post", "/v1/oauth2/token", &answer);
    let by = world.root("partner_a").await;
    for body in [json!({"key": pair.secret.value}), json!({"key": pair.public.value}), json!({"key": "x"})] {
        conforms(&document, "post", "/v1/verify", &world.post_json(&by.value, "/v1/verify", &body).await);
    }
    let public = world.key_of("merchant_a1", "public", &[], None).await;
    conforms(&document, "get", "/v1/api-keys/{id}", &world.get(&by.value, &public.path()).await);
    world.delete(&by.value, &public.path()).await.empty(204);
    let path = format!("{}/enforcement", public.path());
    conforms(&document, "get", "/v1/api-keys/{id}/enforcement", &world.get(&by.value, &path).await);
    let impatient = world.request("DELETE", &public.path()).bearer(&by.value).header("prefer", "respond-async");
    let answer = impatient.send().await;
    assert_eq!(answer.status, 202);
    conforms(&document, "delete", "/v1/api-keys/{id}", &answer);
    conforms(&document, "get", "/v1/api-keys/{id}", &world.get(&by.value, &public.path()).await);
    let bad = world.post_json(&by.value, "/v1/api-keys", &json!({"name": "<"})).await;
    conforms(&document, "post", "/v1/api-keys", &bad);
}
