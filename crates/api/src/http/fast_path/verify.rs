//! `POST /v1/verify` from memory.

use std::net::SocketAddr;

use axum::response::Response;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, header};
use http_body::Body;
use keyward_app::access::{authenticate::authenticate_from_memory, verify_key::verify_key_from_memory};
use keyward_domain::{KeyType, Permission, Requirements, ScopeSet};
use serde::{Deserialize, Deserializer};

use super::{
    FastRequest, Shared,
    body::{Begun, whole},
    verdict_json,
};
use crate::http::{
    caller::bearer,
    observe::{Calling, Object, RequestMetrics},
    v1::create_key::key_type,
};

/// Maximum size of a body on the fast path.
pub(super) const MOST_BYTES: u64 = 4 * 1024;

const ROUTE: &str = "/v1/verify";

pub(super) fn meter() -> RequestMetrics {
    RequestMetrics::new(&Method::POST, ROUTE, StatusCode::OK)
}

/// Whether memory may be able to answer this request.
pub(super) fn is_plain<B: Body>(shared: &Shared, request: &Request<B>) -> bool {
    if request.method() != Method::POST || request.uri().path_and_query().is_none_or(|it| it != ROUTE) {
        return false;
    }
    let is_json = request.headers().get(header::CONTENT_TYPE).is_some_and(|value| value == "application/json");
    let is_short = request.body().size_hint().exact().is_some_and(|bytes| bytes <= shared.most_bytes);
    is_json && is_short
}

/// A check with nothing unusual: any other is left to the router.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlainCheck<'a> {
    key: &'a str,
    #[serde(borrow, default)]
    scopes: Vec<&'a str>,
    #[serde(borrow, default, deserialize_with = "given")]
    r#type: Option<&'a str>,
    #[serde(borrow, default, deserialize_with = "given")]
    mid: Option<&'a str>,
}

/// A text that is present: `null` is unusual.
fn given<'de, D: Deserializer<'de>>(text: D) -> Result<Option<&'de str>, D::Error> {
    Deserialize::deserialize(text).map(Some)
}

/// The answer, if memory grants the request; else the request as it came.
#[expect(clippy::result_large_err, reason = "the request is returned to the caller")]
pub(super) fn answer<B>(
    shared: &Shared,
    peer: Option<SocketAddr>,
    request: Request<B>,
) -> Result<Response, Request<Begun<B>>>
where
    B: Body<Data = Bytes> + Unpin,
{
    let access = &shared.access;
    let arrival = access.verifier().arrival();
    let credential = bearer(request.headers()).ok().flatten();
    let caller = credential.and_then(|value| authenticate_from_memory(access, &arrival, value));
    let Some(caller) = caller.filter(|caller| caller.may(Permission::VerifyKeys)) else {
        return Err(request.map(Begun::untouched));
    };
    let (parts, body) = request.into_parts();
    let bytes = match whole(body) {
        Ok(bytes) => bytes,
        Err(body) => return Err(Request::from_parts(parts, body)),
    };
    let verified = read(&bytes)
        .and_then(conditions)
        .and_then(|(key, conditions)| verify_key_from_memory(access, &arrival, &caller, key, &conditions));
    let verified = verified.and_then(|found| Some((verdict_json::good(&found)?, found)));
    match verified {
        Some((json, found)) => {
            let asked = FastRequest { method: &parts.method, route: ROUTE, headers: &parts.headers, peer };
            let found = || (Calling::of(&caller), Object::Key(found.key.id()));
            Ok(shared.finish(with_body(json), &asked, &shared.verify, &arrival, found))
        }
        None => Err(Request::from_parts(parts, Begun::of(bytes))),
    }
}

/// Reads a check that is an object: serde would also accept an array of its members.
fn read(bytes: &[u8]) -> Option<PlainCheck<'_>> {
    // Checked as a whole, not text by text.
    let text = std::str::from_utf8(bytes).ok()?;
    if text.trim_ascii_start().starts_with('{') { serde_json::from_str(text).ok() } else { None }
}

/// The response that [`no_store`](crate::http::v1::no_store) makes of a view.
fn with_body(json: Vec<u8>) -> Response {
    let mut response = Response::new(axum::body::Body::from(json));
    let headers = response.headers_mut();
    headers.reserve(4);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn conditions(check: PlainCheck<'_>) -> Option<(&str, Requirements)> {
    let scopes = if check.scopes.is_empty() { ScopeSet::empty() } else { ScopeSet::parse(check.scopes).ok()? };
    let key_type = check.r#type.map_or(Ok(KeyType::Secret), key_type).ok()?;
    let mid = check.mid.map(str::parse).transpose().ok()?;
    Some((check.key, Requirements { scopes, key_type, mid }))
}
