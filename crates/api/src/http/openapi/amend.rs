//! Adds the facts of an operation to the document: who may call it, how it fails, and the headers of each answer.

use std::collections::BTreeMap;

use http::StatusCode;
use utoipa::{
    PartialSchema as _, ToSchema as _,
    openapi::{
        Content, ContentBuilder, Header, HeaderBuilder, RefOr, Response, ResponseBuilder, Schema,
        path::{Operation, Parameter},
        schema::{ObjectBuilder, OneOf, Ref, SchemaType, Type},
        security::SecurityRequirement,
    },
};

use super::{
    super::problem::{Code, ProblemBody},
    facts::{Facts, Needed},
    shared,
};

/// Completes one operation.
pub(super) fn amend(operation: &mut Operation, facts: &Facts) {
    let scope = match facts.access {
        Needed::Scope(permission) => Some(permission.scope()),
        Needed::Open | Needed::Any | Needed::Gateway => None,
    };
    if let Some(scope) = scope {
        let description = operation.description.take().map_or_else(String::new, |text| format!("{text}\n\n"));
        operation.description = Some(format!("{description}Needs the scope `{scope}`."));
    }
    operation.security = Some(security(facts.access, scope));
    for parameter in operation.parameters.iter_mut().flatten() {
        if let RefOr::T(parameter) = parameter {
            take_null_away(parameter);
        }
    }
    for (status, response) in failures(&facts.codes) {
        operation.responses.responses.insert(status.as_str().to_owned(), RefOr::T(response));
    }
    for (status, response) in &mut operation.responses.responses {
        if let RefOr::T(response) = response {
            response.headers.insert("X-Request-Id".to_owned(), reference("headers", "RequestId"));
            if facts.no_store && status.starts_with('2') {
                response.headers.insert("Cache-Control".to_owned(), reference("headers", "NoStore"));
            }
        }
    }
    // The connection refuses it before a request is known, so it has no body and none of our headers.
    let too_large =
        ResponseBuilder::new().description("The headers are larger than the service takes. There is no body.");
    operation.responses.responses.insert("431".to_owned(), RefOr::T(too_large.build()));
}

/// The accepted credentials; any one of them suffices.
fn security(access: Needed, scope: Option<&str>) -> Vec<SecurityRequirement> {
    let none = Vec::<String>::new;
    let bearer = SecurityRequirement::new(shared::BEARER, none());
    let oauth = SecurityRequirement::new(shared::OAUTH, scope);
    match access {
        Needed::Open => Vec::new(),
        Needed::Gateway => vec![bearer, SecurityRequirement::new(shared::API_KEY, none()), oauth],
        Needed::Any | Needed::Scope(_) => vec![bearer, oauth],
    }
}

/// The problem responses, by status.
fn failures(codes: &[Code]) -> BTreeMap<StatusCode, Response> {
    let mut by_status = BTreeMap::<StatusCode, Vec<Code>>::new();
    for code in codes {
        by_status.entry(code.status()).or_default().push(*code);
    }
    by_status.into_iter().map(|(status, codes)| (status, failure(status, &codes))).collect()
}

fn failure(status: StatusCode, codes: &[Code]) -> Response {
    let lines: Vec<String> = codes.iter().map(|code| format!("`{}`: {}", code.as_str(), code.title())).collect();
    let description = if lines.len() == 1 { lines.concat() } else { format!("* {}", lines.join("\n* ")) };
    let examples = codes.iter().map(|code| (code.as_str(), reference("examples", code.as_str())));
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name(ProblemBody::name())))
        .examples_from_iter::<_, _, RefOr<_>>(examples)
        .build();
    let mut response = ResponseBuilder::new().description(description).build();
    response.content.insert("application/problem+json".to_owned(), RefOr::<Content>::T(content));
    let mut add = |name: &str, shared| drop(response.headers.insert(name.to_owned(), reference("headers", shared)));
    add("Cache-Control", "NoStore");
    if codes.iter().any(|code| code.challenge().is_some()) {
        add("WWW-Authenticate", "Challenge");
    }
    if codes.iter().any(|code| code.retry_after().is_some()) {
        add("Retry-After", "RetryAfter");
    }
    debug_assert!(codes.iter().all(|code| code.status() == status));
    response
}

/// A reference to a shared component.
fn reference<T>(kind: &str, name: &str) -> RefOr<T> {
    RefOr::Ref(Ref::new(format!("#/components/{kind}/{name}")))
}

/// The headers that several answers share.
pub(super) fn headers() -> BTreeMap<String, RefOr<Header>> {
    let header =
        |text: &str, schema| RefOr::T(HeaderBuilder::new().description(Some(text)).schema(Some(schema)).build());
    let no_store = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(["no-store"])).build();
    [
        ("NoStore", header("No cache may keep this answer.", RefOr::T(Schema::Object(no_store)))),
        (
            "RequestId",
            header("Names the request in the logs: the caller's own `X-Request-Id`, or ours.", String::schema()),
        ),
        ("RetryAfter", header("Seconds to wait before trying again.", u64::schema())),
        ("Challenge", header("What to authenticate with (RFC 6750, for tokens RFC 7617).", String::schema())),
    ]
    .into_iter()
    .map(|(name, header)| (name.to_owned(), header))
    .collect()
}

/// Removes null: a parameter may be absent, but cannot be null.
fn take_null_away(parameter: &mut Parameter) {
    match &mut parameter.schema {
        Some(RefOr::T(Schema::Object(object))) => not_null(&mut object.schema_type),
        Some(RefOr::T(Schema::Array(array))) => not_null(&mut array.schema_type),
        Some(RefOr::T(Schema::OneOf(OneOf { items, .. }))) => {
            items.retain(
                |item| !matches!(item, RefOr::T(Schema::Object(it)) if it.schema_type == SchemaType::Type(Type::Null)),
            );
            if items.len() == 1 {
                parameter.schema = items.pop();
            }
        }
        _ => {}
    }
}

fn not_null(schema_type: &mut SchemaType) {
    if let SchemaType::Array(types) = schema_type {
        types.retain(|it| *it != Type::Null);
        if let [only] = types.as_slice() {
            *schema_type = SchemaType::Type(only.clone());
        }
    }
}
