//! The handlers of `/v1`, one file a resource. Each parses, calls one use case, and returns a view.

pub(super) mod auth;
pub(super) mod change_key;
pub(super) mod create_key;
pub(super) mod find_keys;
pub(super) mod keys;
pub(super) mod me;
pub(super) mod merchants;
pub(super) mod pairs;
pub(super) mod policies;
pub(super) mod token;
pub(super) mod verify;

use axum::{
    Json,
    extract::FromRequestParts,
    response::{IntoResponse as _, Response},
};
use http::{HeaderName, HeaderValue, header, request::Parts};
use serde::Serialize;

use super::{
    problem::{Code, Problem},
    request_facts::{Object, RequestFacts},
};

/// The one variable segment of a path, decoded. A segment that cannot be decoded names nothing that exists.
pub(super) struct Segment(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Segment {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let segment = axum::extract::Path::<String>::from_request_parts(parts, state).await;
        // Undecoded, it still shows whether a key id was meant.
        let undecoded = || parts.uri.path().rsplit('/').find(|part| part.contains('%')).unwrap_or_default().to_owned();
        let segment = segment.map_or_else(|_| undecoded(), |path| path.0);
        if let Ok(id) = segment.parse() {
            RequestFacts::of(&parts.extensions).is_about(Object::Key(id));
        }
        Ok(Self(segment))
    }
}

/// Forbids caches to store the answer.
const NO_STORE: [(HeaderName, HeaderValue); 1] = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];

/// An answer that no cache may store: it may be outdated in a moment.
pub(super) fn no_store<T: Serialize>(view: T) -> Response {
    (NO_STORE, Json(view)).into_response()
}

/// Answers for an account that does not exist for the caller.
fn no_account() -> Problem {
    Problem::new(Code::AccountNotFound)
}
