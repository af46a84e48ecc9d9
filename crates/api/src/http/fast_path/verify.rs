//! `POST /v1/verify` from memory.

use std::{net::SocketAddr, sync::Arc};

use axum::response::Response;
use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body::Body;
use keyward_app::{
    Access, Caller,
    access::{
        authenticate,
        verify_key::{self, Verified},
    },
};
use keyward_domain::{Denial, KeyType, Permission, Requirements, ScopeSet};
use keyward_verifier::Arrival;
use serde::{Deserialize, Deserializer};

use super::{
    body::{Begun, whole},
    shared::{FastRequest, Shared},
};
use crate::http::{
    caller::{BegunCaller, bearer},
    carried,
    given::key_type,
    observe::RequestMetrics,
    request_facts::{Calling, Object},
    v1::verify::{VerificationView, count_denial},
};

/// Maximum size of a body on the fast path.
pub(super) const MOST_BYTES: u64 = 4 * 1024;

const ROUTE: &str = "/v1/verify";

pub(super) fn metrics() -> RequestMetrics {
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
///
/// The one exception to reading a request into its documented struct, here `CheckBody`: this one borrows every text,
/// which costs a fraction of the instructions. A test holds the members of both together.
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

/// The answer, if memory has it; else the request as it came, with what was found out about it.
#[expect(clippy::result_large_err, reason = "the request is returned to the caller")]
pub(super) fn answer<B>(
    shared: &Shared,
    peer: Option<SocketAddr>,
    mut request: Request<B>,
) -> Result<Response, Request<Begun<B>>>
where
    B: Body<Data = Bytes> + Unpin,
{
    let access = &shared.access;
    let arrival = access.verifier().arrival();
    let Ok(Some(credential)) = bearer(request.headers()) else { return Err(request.map(Begun::untouched)) };
    let caller = match authenticate::begin(access, &arrival, credential) {
        Ok(caller) if caller.may(Permission::VerifyKeys) => caller,
        begun => {
            carried::leave::<BegunCaller>(request.extensions_mut(), begun);
            return Err(request.map(Begun::untouched));
        }
    };
    let (mut parts, body) = request.into_parts();
    let bytes = match whole(body) {
        Ok(bytes) => bytes,
        Err(body) => {
            carried::leave::<BegunCaller>(&mut parts.extensions, Ok(caller));
            return Err(Request::from_parts(parts, body));
        }
    };
    match judge(access, &arrival, &caller, &bytes) {
        Some(Ok(verified)) => {
            count_denial(&verified);
            let fast = FastRequest { method: &parts.method, route: ROUTE, headers: &parts.headers, peer };
            let found = || (Calling::of(&caller), verified.id().map(Object::Key));
            let response = VerificationView::of(&verified).answer();
            Ok(shared.observe(response, &fast, &shared.verify, &arrival, found))
        }
        open => {
            if let Some(Err(unfinished)) = open {
                carried::leave(&mut parts.extensions, unfinished);
            }
            carried::leave::<BegunCaller>(&mut parts.extensions, Ok(caller));
            Err(Request::from_parts(parts, Begun::of(bytes)))
        }
    }
}

/// The verdict on the key in a plain check. `None` for any other body, and for a key that the caller must not know of:
/// that answer leaves at the end of a step.
fn judge(
    access: &Arc<Access>,
    arrival: &Arrival,
    caller: &Caller,
    bytes: &[u8],
) -> Option<Result<Verified, verify_key::Unfinished>> {
    let (key, requirements) = read(bytes).and_then(requirements)?;
    match verify_key::begin(access, arrival, caller, key, &requirements) {
        Ok(Verified::Invalid { denial: Denial::NotFound, .. }) => None,
        judged => Some(judged),
    }
}

/// Reads a check that is an object: serde would also accept an array of its members.
fn read(bytes: &[u8]) -> Option<PlainCheck<'_>> {
    // Checked as a whole, not text by text.
    let text = std::str::from_utf8(bytes).ok()?;
    if text.trim_ascii_start().starts_with('{') { serde_json::from_str(text).ok() } else { None }
}

fn requirements(check: PlainCheck<'_>) -> Option<(&str, Requirements)> {
    let scopes = if check.scopes.is_empty() { ScopeSet::empty() } else { ScopeSet::parse(check.scopes).ok()? };
    let key_type = check.r#type.map_or(Ok(KeyType::Secret), key_type).ok()?;
    let mid = check.mid.map(str::parse).transpose().ok()?;
    Some((check.key, Requirements { scopes, key_type, mid }))
}

#[cfg(test)]
mod tests {
    //! The fast path reads the check that is documented.
    use std::collections::BTreeSet;

    use serde_json::{Value, json};
    use utoipa::PartialSchema as _;

    use super::*;
    use crate::http::v1::verify::CheckBody;

    fn texts(value: &Value) -> BTreeSet<String> {
        value.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn a_plain_check_has_exactly_the_members_that_are_documented() {
        let schema = serde_json::to_value(CheckBody::schema()).unwrap();
        let documented: BTreeSet<_> = schema["properties"].as_object().unwrap().keys().cloned().collect();
        // unknown field `?`, expected one of `key`, …
        let error = serde_json::from_str::<PlainCheck<'_>>(r#"{"?": 1}"#).err().unwrap().to_string();
        let members: BTreeSet<_> = error.split('`').skip(3).step_by(2).map(str::to_owned).collect();
        assert_eq!(members, documented, "{error}");
        for name in &documented {
            let mut whole: Value = documented.iter().map(|name| (name.clone(), json!(""))).collect();
            whole["scopes"] = json!([]);
            whole.as_object_mut().unwrap().remove(name);
            let is_required = read(whole.to_string().as_bytes()).is_none();
            assert_eq!(is_required, texts(&schema["required"]).contains(name), "{name}");
        }
    }
}
