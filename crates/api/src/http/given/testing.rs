//! Reads requests without a router, for the tests beside each request.

use keyward_domain::{Description, Mid, Name, Scope, Timestamp};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use utoipa::PartialSchema;

use super::{key_type, read};
use crate::http::{
    fields::{Fields, Form},
    problem::Problem,
};

/// Reads a struct from JSON.
pub(in crate::http) fn from_json<T: DeserializeOwned>(body: &Value) -> Result<T, Problem> {
    Ok(read(Fields::json(body.as_object().unwrap().clone()))?)
}

/// Reads a struct from the parts of a form.
pub(in crate::http) fn from_form<T: DeserializeOwned>(parts: &[(&str, &str)]) -> Result<T, Problem> {
    let mut form = Form::default();
    for (name, text) in parts {
        form.add((*name).to_owned(), (*text).to_owned());
    }
    Ok(read(Fields::form(form))?)
}

/// The errors that the client reads, in their order; none for a request without an error.
pub(in crate::http) fn errors<T>(checked: Result<T, Problem>) -> Vec<String> {
    let Err(problem) = checked else { return Vec::new() };
    let body = serde_json::to_value(problem.body("", "")).unwrap();
    body["errors"].as_array().unwrap().iter().map(|error| error.as_str().unwrap().to_owned()).collect()
}

/// The fields that the errors name, in their order.
pub(in crate::http) fn faulty<T>(checked: Result<T, Problem>) -> Vec<String> {
    errors(checked).iter().map(|error| error.split(' ').next().unwrap_or_default().to_owned()).collect()
}

/// Checks that each property in the document is the field that is read: under this name, required or not, by the rule
/// that the document shows.
#[track_caller]
pub(in crate::http) fn reads_what_it_documents<T: DeserializeOwned + PartialSchema, C>(
    check: impl Fn(T) -> Result<C, Problem>,
) {
    let schema = serde_json::to_value(T::schema()).unwrap();
    let required: Vec<&str> = schema["required"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
    let json_errors = |body: Value| errors(from_json(&body).and_then(&check));
    let absent: Vec<String> = required.iter().map(|name| format!("{name} is required")).collect();
    assert_eq!(json_errors(json!({})), absent);
    for (name, property) in schema["properties"].as_object().unwrap() {
        let is_required = required.contains(&name.as_str());
        assert_eq!(json_errors(json!({name: null})), absent, "{name}");
        let (wrong, error) = wrong(name, property);
        assert!(json_errors(json!({name: wrong})).contains(&error), "{name}: {:?}", json_errors(json!({name: wrong})));
        if let Some(text) = wrong.as_str() {
            let form_errors = errors(from_form(&[(name, text)]).and_then(&check));
            assert!(form_errors.contains(&error), "{name} in a form: {form_errors:?}");
        }
        let empty = errors(from_form(&[(name, "")]).and_then(&check));
        let is_refused = empty.iter().any(|error| error.starts_with(&format!("{name} ")));
        // Credentials may be empty, and are then no good; so are lists of a form.
        assert!(is_required || !is_refused, "{name} is optional, and an untouched field of a form: {empty:?}");
    }
    let is_strict = schema["additionalProperties"] == json!(false);
    let unknown = json_errors(json!({"no such field": 1}));
    assert_eq!(unknown.iter().any(|error| error.starts_with("no such field is no ")), is_strict, "{unknown:?}");
}

/// A value that the rule of a property refuses, and the error.
fn wrong(name: &str, property: &Value) -> (Value, String) {
    let text = property.to_string();
    let is = |word: &str| text.contains(&format!("\"#/components/schemas/{word}\""));
    let types = property["type"].to_string();
    let (value, place, error) = if is("Mid") {
        (json!("a b"), "", "a b".parse::<Mid>().unwrap_err().to_string())
    } else if is("Name") {
        (json!("x".repeat(201)), "", Name::parse(&"x".repeat(201)).unwrap_err().to_string())
    } else if is("Description") {
        (json!("x".repeat(501)), "", Description::parse(&"x".repeat(501)).unwrap_err().to_string())
    } else if is("KeyType") {
        (json!("Secret"), "", key_type("Secret").unwrap_err().to_string())
    } else if is("Scope") {
        (json!(["a", "A"]), "[1]", "A".parse::<Scope>().unwrap_err().to_string())
    } else if is("Metadata") {
        (json!([]), "", "must be an object of strings".to_owned())
    } else if types.contains("array") {
        (json!(["x"]), "", "must be an array of objects".to_owned())
    } else if types.contains("boolean") {
        (json!("yes"), "", "must be true or false".to_owned())
    } else if property["format"] == "date-time" {
        (json!("tomorrow"), "", "tomorrow".parse::<Timestamp>().unwrap_err().to_string())
    } else {
        assert!(types.contains("string"), "{name} needs a rule here: {property}");
        (json!(["x"]), "", "must be a string".to_owned())
    };
    (value, format!("{name}{place} {error}"))
}
