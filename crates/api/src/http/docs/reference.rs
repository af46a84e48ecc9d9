//! `/docs` itself: Scalar, started by our script with the OpenAPI document. It sends requests only to this service.
//!
//! The crate's own page is not used: it has an inline script and loads the rest from another host.

use axum::{
    extract::State,
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::html::{html, typed};
use crate::http::{problem::Problem, state::AppState};

/// Scripts, styles, images and requests of this service only. Scalar writes its styles into the page.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                      font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";
const START: &str = include_str!("../../../assets/start.js");
const KIND: &str = "text/javascript; charset=utf-8";

pub(super) async fn page(State(state): State<AppState>) -> Result<Response, Problem> {
    state.pages.reference.clone().map(|page| html(page, POLICY))
}

/// The script that starts Scalar; small enough to send each time.
pub(super) async fn start() -> Response {
    (typed(KIND), [(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"))], START).into_response()
}

/// Scalar's script, each version of which a browser fetches once.
pub(super) async fn script(State(state): State<AppState>, headers: HeaderMap) -> Result<Response, Problem> {
    let packed = state.pages.script.packed().await?;
    let cached = [
        (header::ETAG, packed.tag.clone()),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (header::VARY, HeaderValue::from_static("Accept-Encoding")),
    ];
    let says = |name, word: &[u8]| headers.get_all(name).iter().any(|value| contains(value.as_bytes(), word));
    if says(header::IF_NONE_MATCH, packed.tag.as_bytes()) {
        return Ok((StatusCode::NOT_MODIFIED, cached).into_response());
    }
    if says(header::ACCEPT_ENCODING, b"gzip") {
        let encoding = [(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"))];
        return Ok((typed(KIND), cached, encoding, packed.gzip.clone()).into_response());
    }
    Ok((typed(KIND), cached, packed.plain.clone()).into_response())
}

fn contains(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|window| window == word)
}
