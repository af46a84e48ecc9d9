//! Checks every answer of every test against the committed document: the document must list everything that a call
//! answers.

use std::{path::Path, sync::OnceLock};

use http::{HeaderMap, StatusCode};
use serde_json::Value;

/// The committed document; another test checks that it is the served one.
pub(crate) fn committed() -> &'static Value {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    DOCUMENT.get_or_init(|| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    })
}

/// The template of a path, if the document has it.
pub(crate) fn template(path: &str) -> Option<&'static str> {
    let path = path.split('?').next().unwrap_or_default();
    let of_a_gateway = ["/v1/auth", "/v1/auth-public", "/v1/auth-tokenization"];
    if let Some(call) = of_a_gateway.into_iter().find(|call| path.starts_with(&format!("{call}/"))) {
        return Some(call);
    }
    let templates = committed()["paths"].as_object().unwrap().keys().map(String::as_str);
    let fits = |template: &&str| {
        let (segments, parts) = (path.split('/'), template.split('/'));
        segments.clone().count() == parts.clone().count()
            && segments
                .zip(parts)
                .all(|(segment, part)| segment == part || part.starts_with('{') && !segment.is_empty())
    };
    // Templates without a variable come first.
    let (variable, fixed): (Vec<_>, Vec<_>) = templates.filter(fits).partition(|template| template.contains('{'));
    fixed.into_iter().chain(variable).next()
}

/// Headers that the document describes elsewhere, or that HTTP itself adds.
const UNNAMED: [&str; 2] = ["content-type", "content-length"];

/// Panics if an answer has a header that the document does not name, or if its caching differs from the document's.
#[track_caller]
fn check_headers(answer: &str, described: &'static Value, sent: &HeaderMap) {
    let named = |name: &str| {
        let mut headers = described.as_object().into_iter().flatten();
        headers.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, header)| resolved(header))
    };
    for name in sent.keys().map(http::HeaderName::as_str).filter(|name| !UNNAMED.contains(name)) {
        assert!(named(name).is_some(), "the document does not list the header {name} of {answer}");
    }
    let sent = sent.get("cache-control").map(|value| value.to_str().unwrap());
    let named = named("cache-control");
    assert_eq!(named.is_some(), sent.is_some(), "{answer}: Cache-Control in the document, and in the answer");
    let values = named.and_then(|header| header["schema"]["enum"].as_array());
    if let (Some(values), Some(sent)) = (values, sent) {
        assert!(values.iter().any(|value| value == sent), "{answer}: Cache-Control is {sent}, not one of {values:?}");
    }
}

/// Resolves a reference of the document.
fn resolved(value: &'static Value) -> &'static Value {
    let target = value["$ref"].as_str().map(|reference| reference.trim_start_matches('#'));
    target.map_or(value, |target| committed().pointer(target).unwrap())
}

/// Panics if the document does not list this answer of the call.
pub(crate) fn check(method: &str, path: &str, status: StatusCode, headers: &HeaderMap, body: &[u8]) {
    let Some(template) = template(path) else { return };
    let any_method = template.starts_with("/v1/auth");
    let method = if any_method || method == "HEAD" { "get".to_owned() } else { method.to_lowercase() };
    let operation = &committed()["paths"][template][&method];
    if operation.is_null() {
        assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
        return;
    }
    let described = &operation["responses"][status.as_str()];
    assert!(described.is_object(), "the document does not list {status} of {method} {path}");
    check_headers(&format!("{method} {path} {status}"), &described["headers"], headers);
    if headers.get("content-type").is_none_or(|it| it != "application/problem+json") || body.is_empty() {
        return;
    }
    let problem: Value = serde_json::from_slice(body).unwrap();
    let code = problem["code"].as_str().unwrap();
    let named = &described["content"]["application/problem+json"]["examples"][code];
    assert!(named.is_object(), "the document does not list {status} {code} of {method} {path}");
}
