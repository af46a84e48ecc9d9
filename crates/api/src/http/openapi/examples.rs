//! Examples in the document: requests and answers recorded by a test, and each problem as it is sent.

use std::collections::BTreeMap;

use serde_json::Value;
use utoipa::openapi::{
    Content, RefOr,
    example::{Example, ExampleBuilder},
    path::Operation,
};

use super::super::problem::{Code, FieldErrors, Problem};

/// By operation, then `request` or the status of an answer, then the name of the example.
pub(super) type Examples = BTreeMap<String, BTreeMap<String, BTreeMap<String, Value>>>;

/// Recorded by the test `openapi::examples`, with stable ids and values that are not keys.
const RECORDED: &str = include_str!("../../../openapi-examples.json");
/// Placeholder for the public URL in the recording.
const ADDRESS: &str = "{public_url}";
/// The trace of every example: that of the W3C specification.
const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// The recorded examples, for the service at this URL.
pub(super) fn recorded(public_url: &str) -> Examples {
    // A test checks that every operation has examples: an unreadable file would leave none.
    serde_json::from_str(&RECORDED.replace(ADDRESS, public_url)).unwrap_or_default()
}

/// Adds the examples of one operation.
pub(super) fn add(operation: &mut Operation, mut examples: BTreeMap<String, BTreeMap<String, Value>>) {
    if let (Some(RefOr::T(body)), Some(given)) = (&mut operation.request_body, examples.remove("request")) {
        body.content.values_mut().for_each(|content| show(content, &given));
    }
    for (status, given) in examples {
        if let Some(RefOr::T(response)) = operation.responses.responses.get_mut(&status) {
            response.content.values_mut().for_each(|content| show(content, &given));
        }
    }
}

fn show(content: &mut RefOr<Content>, given: &BTreeMap<String, Value>) {
    if let RefOr::T(content) = content {
        let examples = given.iter().map(|(name, value)| (name.clone(), example(value.clone())));
        content.examples.extend(examples);
    }
}

/// A problem of this kind, as it is sent.
pub(super) fn problem(code: Code, public_url: &str) -> RefOr<Example> {
    let mut errors = FieldErrors::default();
    if code == Code::InvalidRequest {
        errors.add("name", "must not contain < or >");
    } else if code == Code::UnknownCondition {
        errors.add("scope", "is no condition (there are key, scopes, type, mid)");
    }
    let body = Problem::new(code).field_errors(errors).body(public_url, TRACE);
    let example = ExampleBuilder::new().summary(code.title()).value(serde_json::to_value(body).ok()).build();
    RefOr::T(example)
}

fn example(value: Value) -> RefOr<Example> {
    RefOr::T(ExampleBuilder::new().value(Some(value)).build())
}
