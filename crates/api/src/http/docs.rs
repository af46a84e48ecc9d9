//! `/docs`: the reference as a page of our own, rendered from the OpenAPI document. Works without the internet: no script,
//! no font, no image from anywhere.

use std::sync::Arc;

use askama::Template;
use axum::{
    Router,
    extract::State,
    response::{IntoResponse as _, Response},
    routing::get,
};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde_json::Value;
use utoipa::openapi::OpenApi;

use super::{
    AppState,
    problem::{Code, Problem},
};
use crate::app::{App, Settings};

/// Nothing but the page itself and the style in it.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What never changes while the process runs: made once, and shared by all answers, however long each is on its way.
pub(super) struct Pages {
    /// The OpenAPI document.
    pub(super) document: Bytes,
    reference: Result<Bytes, Problem>,
    problems: Result<Bytes, Problem>,
}

impl Pages {
    pub(super) fn new(document: &OpenApi, settings: &Settings) -> Self {
        let (prefix, base_url) = (settings.path_prefix(), &settings.public_url);
        let document = serde_json::to_string_pretty(document).unwrap_or_default();
        let value: Value = serde_json::from_str(&document).unwrap_or_default();
        let (groups, schemas) = (groups(&value), schemas(&value));
        let reference = page(&Reference { prefix, base_url, groups, schemas, codes: Code::ALL });
        let problems = page(&Problems { prefix, codes: Code::ALL });
        Self { document: document.into(), reference, problems }
    }
}

pub(super) fn router() -> Router<AppState> {
    Router::new().route("/", get(to_the_docs)).route("/docs", get(reference)).route("/docs/problems", get(problems))
}

async fn to_the_docs(State(app): State<Arc<App>>) -> Response {
    let docs = format!("{}/docs", app.settings().path_prefix());
    (StatusCode::FOUND, [(header::LOCATION, docs)]).into_response()
}

#[derive(Template)]
#[template(path = "reference.html")]
struct Reference<'a> {
    prefix: &'a str,
    base_url: &'a str,
    groups: Vec<Group<'a>>,
    schemas: Vec<Schema<'a>>,
    codes: [Code; Code::ALL.len()],
}

struct Group<'a> {
    name: &'a str,
    operations: Vec<Operation<'a>>,
}

struct Operation<'a> {
    method: String,
    path: &'a str,
    summary: &'a str,
    description: &'a str,
    parameters: Vec<Row<'a>>,
    bodies: Vec<(&'a str, &'a str)>,
    answers: Vec<(&'a str, &'a str, Option<&'a str>)>,
}

struct Schema<'a> {
    name: &'a str,
    description: &'a str,
    fields: Vec<Row<'a>>,
}

struct Row<'a> {
    name: &'a str,
    place: &'a str,
    kind: String,
    required: bool,
    description: &'a str,
}

#[derive(Template)]
#[template(path = "problems.html")]
struct Problems<'a> {
    prefix: &'a str,
    codes: [Code; Code::ALL.len()],
}

async fn reference(State(state): State<AppState>) -> Result<Response, Problem> {
    state.pages.reference.clone().map(html)
}

async fn problems(State(state): State<AppState>) -> Result<Response, Problem> {
    state.pages.problems.clone().map(html)
}

fn page(template: &impl Template) -> Result<Bytes, Problem> {
    let html = template.render().map_err(|error| Problem::new(Code::Internal).because(error))?;
    Ok(html.into())
}

fn html(page: Bytes) -> Response {
    let kind = (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    let policy = (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    let no_sniff: (HeaderName, HeaderValue) = (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    ([kind, policy, no_sniff], page).into_response()
}

fn groups(document: &Value) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    let paths = document["paths"].as_object().into_iter().flatten();
    for (path, operations) in paths {
        for (method, operation) in operations.as_object().into_iter().flatten() {
            let name = text(&operation["tags"][0]);
            let operation = operation_of(method, path, operation);
            match groups.iter_mut().find(|group| group.name == name) {
                Some(group) => group.operations.push(operation),
                None => groups.push(Group { name, operations: vec![operation] }),
            }
        }
    }
    groups
}

fn operation_of<'a>(method: &str, path: &'a str, operation: &'a Value) -> Operation<'a> {
    let bodies = operation["requestBody"]["content"].as_object().into_iter().flatten();
    let answers = operation["responses"].as_object().into_iter().flatten();
    Operation {
        method: method.to_uppercase(),
        path,
        summary: text(&operation["summary"]),
        description: text(&operation["description"]),
        parameters: operation["parameters"].as_array().into_iter().flatten().map(parameter).collect(),
        bodies: bodies.filter_map(|(kind, body)| Some((kind.as_str(), schema_name(&body["schema"])?))).collect(),
        answers: answers
            .map(|(status, answer)| {
                let schema = answer["content"].as_object().and_then(|content| content.values().next());
                (status.as_str(), text(&answer["description"]), schema.and_then(|body| schema_name(&body["schema"])))
            })
            .collect(),
    }
}

fn parameter(parameter: &Value) -> Row<'_> {
    Row {
        name: text(&parameter["name"]),
        place: text(&parameter["in"]),
        kind: kind(&parameter["schema"]),
        required: parameter["required"] == true,
        description: text(&parameter["description"]),
    }
}

fn schemas(document: &Value) -> Vec<Schema<'_>> {
    let schemas = document["components"]["schemas"].as_object().into_iter().flatten();
    schemas
        .map(|(name, schema)| Schema { name, description: text(&schema["description"]), fields: fields(schema) })
        .collect()
}

/// The fields of a schema, with those of the schemas that it is put together from.
fn fields(schema: &Value) -> Vec<Row<'_>> {
    let parts = schema["allOf"].as_array().into_iter().flatten();
    let own = schema["properties"].as_object().into_iter().flatten().map(|(name, field)| Row {
        name,
        place: "",
        kind: kind(field),
        required: schema["required"].as_array().is_some_and(|required| required.iter().any(|r| r == name.as_str())),
        description: text(&field["description"]),
    });
    own.chain(parts.flat_map(fields)).collect()
}

/// The type of a value in a word or two.
fn kind(schema: &Value) -> String {
    if let Some(name) = schema_name(schema) {
        return name.to_owned();
    }
    match &schema["type"] {
        Value::String(kind) if kind == "array" => format!("array of {}", kind_of_items(schema)),
        Value::String(kind) => kind.clone(),
        Value::Array(kinds) => kinds.iter().map(text).collect::<Vec<_>>().join(" or "),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => "one of several".to_owned(),
    }
}

fn kind_of_items(schema: &Value) -> String {
    kind(&schema["items"])
}

fn schema_name(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.rsplit('/').next()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
