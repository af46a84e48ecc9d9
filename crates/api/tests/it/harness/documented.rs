//! The committed document, and every answer of every test held against it: whatever a call answers, the document says
//! that it can.

use std::{path::Path, sync::OnceLock};

use http::{HeaderMap, StatusCode};
use serde_json::Value;

/// The document as it is committed; another test says whether it is the one that is served.
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
    // One without a variable comes first.
    let (variable, fixed): (Vec<_>, Vec<_>) = templates.filter(fits).partition(|template| template.contains('{'));
    fixed.into_iter().chain(variable).next()
}

/// Panics if the document does not know that this call can answer so.
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
    assert!(described.is_object(), "the document does not know that {method} {path} answers {status}");
    if headers.get("content-type").is_none_or(|it| it != "application/problem+json") || body.is_empty() {
        return;
    }
    let problem: Value = serde_json::from_slice(body).unwrap();
    let code = problem["code"].as_str().unwrap();
    let named = &described["content"]["application/problem+json"]["examples"][code];
    assert!(named.is_object(), "the document does not know that {method} {path} answers {status} {code}");
}
