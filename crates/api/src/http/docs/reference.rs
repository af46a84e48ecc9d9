//! `/docs` itself: Scalar, started by our script with the OpenAPI document. It sends requests only to this service.
//!
//! The crate's own page is not used: it has an inline script and loads the rest from another host.

use std::{
    io::Write as _,
    sync::{Arc, OnceLock},
};

use askama::Template;
use aws_lc_rs::digest::{SHA256, digest};
use axum::{
    extract::State,
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use tokio::task::spawn_blocking;

use super::{
    super::{
        AppState,
        problem::{Code, Problem},
    },
    html, typed,
};

/// Scripts, styles, images and requests of this service only. Scalar writes its styles into the page.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                      font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";
const START: &str = include_str!("../../../assets/start.js");
const KIND: &str = "text/javascript; charset=utf-8";

#[derive(Template)]
#[template(path = "reference.html")]
pub(super) struct Reference<'a> {
    pub(super) prefix: &'a str,
}

pub(super) async fn page(State(state): State<AppState>) -> Result<Response, Problem> {
    state.pages.reference.clone().map(|page| html(page, POLICY))
}

/// The script that starts Scalar; small enough to send each time.
pub(super) async fn start() -> Response {
    (typed(KIND), [(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"))], START).into_response()
}

/// Scalar's script. Part of the program, and unpacked into memory on first use.
#[derive(Clone, Default)]
pub(super) struct Script(Arc<OnceLock<Option<Packed>>>);

struct Packed {
    plain: Bytes,
    gzip: Bytes,
    /// Identifies the content, so that a browser fetches each version once.
    tag: HeaderValue,
}

impl Packed {
    fn new() -> Option<Self> {
        let plain = Bytes::from(scalar_api_reference::get_asset("scalar.js")?);
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(&plain).ok()?;
        let gzip = encoder.finish().ok()?.into();
        let name = BASE64.encode(digest(&SHA256, &plain));
        let tag = HeaderValue::from_str(&format!("W/\"{name}\"")).ok()?;
        Some(Self { plain, gzip, tag })
    }
}

/// Compressed once, off the threads that answer: it takes as long as a thousand verifications.
pub(super) async fn script(State(state): State<AppState>, headers: HeaderMap) -> Result<Response, Problem> {
    let script = state.pages.script.clone();
    if script.0.get().is_none() {
        let making = script.clone();
        spawn_blocking(move || making.0.get_or_init(Packed::new).is_some())
            .await
            .map_err(|error| Problem::new(Code::Internal).because(error))?;
    }
    let Some(Some(packed)) = script.0.get() else { return Err(Problem::new(Code::Internal)) };
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
