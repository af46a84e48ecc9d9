//! The part of JSON Schema that the document uses. An unknown keyword is an error, so that no promise of the document
//! goes unchecked; so is a field that the document does not name.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// Keywords that constrain no value, or only requests.
const REMARKS: [&str; 8] =
    ["description", "title", "example", "examples", "format", "default", "contentMediaType", "minimum"];

pub(super) fn check(document: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    let schema = resolved(document, schema)?;
    if let Value::Object(object) = value {
        let mut known = BTreeSet::new();
        let open = names(document, schema, &mut known)?;
        if let Some(name) = object.keys().find(|name| !open && !known.contains(name.as_str())) {
            return Err(format!("{name} is not described"));
        }
    }
    matches(document, schema, value)
}

fn resolved<'a>(document: &'a Value, schema: &'a Value) -> Result<&'a Map<String, Value>, String> {
    match schema["$ref"].as_str() {
        Some(reference) => {
            let target = document.pointer(reference.trim_start_matches('#')).ok_or("a reference does not resolve")?;
            resolved(document, target)
        }
        None => schema.as_object().ok_or_else(|| format!("no schema: {schema}")),
    }
}

/// Collects the fields that a schema names, with all its parts. Returns whether it accepts any field.
fn names<'a>(
    document: &'a Value,
    schema: &'a Map<String, Value>,
    known: &mut BTreeSet<&'a str>,
) -> Result<bool, String> {
    let parts = ["allOf", "oneOf"].into_iter().filter_map(|word| schema.get(word)?.as_array()).flatten();
    let mut open = schema.contains_key("additionalProperties");
    let mut whole = schema.get("properties").and_then(Value::as_object).is_some();
    for name in schema.get("properties").and_then(Value::as_object).into_iter().flatten().map(|(name, _)| name) {
        known.insert(name);
    }
    for part in parts {
        whole = true;
        open |= names(document, resolved(document, part)?, known)?;
    }
    Ok(open || !whole)
}

fn matches(document: &Value, schema: &Map<String, Value>, value: &Value) -> Result<(), String> {
    for (word, constraint) in schema {
        match (word.as_str(), constraint) {
            (remark, _) if REMARKS.contains(&remark) => {}
            ("type", Value::String(kind)) => is_a(kind, value)?,
            ("type", Value::Array(kinds)) => {
                if !kinds.iter().filter_map(Value::as_str).any(|kind| is_a(kind, value).is_ok()) {
                    return Err(format!("{value} is none of {kinds:?}"));
                }
            }
            ("enum", Value::Array(words)) => {
                if !words.contains(value) {
                    return Err(format!("{value} is none of {words:?}"));
                }
            }
            ("properties", Value::Object(fields)) => {
                for (name, field) in fields {
                    if let Some(value) = value.get(name) {
                        check(document, field, value).map_err(|error| format!("{name}: {error}"))?;
                    }
                }
            }
            ("additionalProperties", Value::Object(_)) => {
                for (name, value) in value.as_object().into_iter().flatten() {
                    check(document, constraint, value).map_err(|error| format!("{name}: {error}"))?;
                }
            }
            ("required", Value::Array(fields)) => {
                if let Some(name) = fields.iter().filter_map(Value::as_str).find(|name| value.get(name).is_none()) {
                    return Err(format!("{name} is missing"));
                }
            }
            ("items", item) => {
                for (n, value) in value.as_array().into_iter().flatten().enumerate() {
                    check(document, item, value).map_err(|error| format!("[{n}]: {error}"))?;
                }
            }
            ("propertyNames", names) => {
                for name in value.as_object().into_iter().flat_map(Map::keys) {
                    check(document, names, &Value::String(name.clone())).map_err(|error| format!("{name}: {error}"))?;
                }
            }
            ("maxProperties", Value::Number(limit)) => {
                let count = value.as_object().map_or(0, Map::len) as u64;
                if limit.as_u64().is_none_or(|limit| count > limit) {
                    return Err(format!("{count} members, but {word} is {limit}"));
                }
            }
            ("minLength" | "maxLength", Value::Number(limit)) => {
                let count = value.as_str().map_or(0, |text| text.chars().count()) as u64;
                let limit = limit.as_u64().unwrap_or_default();
                if if word == "minLength" { count < limit } else { count > limit } {
                    return Err(format!("{count} characters, but {word} is {limit}"));
                }
            }
            ("minItems" | "maxItems", Value::Number(limit)) => {
                let count = value.as_array().map_or(0, Vec::len) as u64;
                let limit = limit.as_u64().unwrap_or_default();
                if if word == "minItems" { count < limit } else { count > limit } {
                    return Err(format!("{count} items, but {word} is {limit}"));
                }
            }
            ("allOf", Value::Array(parts)) => {
                for part in parts {
                    matches(document, resolved(document, part)?, value)?;
                }
            }
            ("oneOf", Value::Array(variants)) => {
                let errors: Vec<_> = variants.iter().map(|variant| check(document, variant, value).err()).collect();
                if errors.iter().filter(|error| error.is_none()).count() != 1 {
                    return Err(format!("not exactly one variant fits: {errors:?}"));
                }
            }
            _ => return Err(format!("unknown keyword {word}: {constraint}")),
        }
    }
    Ok(())
}

fn is_a(kind: &str, value: &Value) -> Result<(), String> {
    let fits = match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "null" => value.is_null(),
        _ => return Err(format!("unknown type {kind}")),
    };
    if fits { Ok(()) } else { Err(format!("{value} is no {kind}")) }
}
