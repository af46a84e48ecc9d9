//! `/docs`, for people: the API reference, the list of problems and the guides.
//!
//! No page loads anything from another host: the reference is Scalar, whose script is part of the program. No page
//! concerns a caller or holds a credential.

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
use keyward_app::{Access, Settings};
use utoipa::openapi::OpenApi;

use super::{
    AppState,
    problem::{Code, Problem},
};

mod guides;
mod reference;

use guides::Guide;
use reference::Script;

/// For pages of text alone. Their icon is an empty one, inlined in the page.
const TEXT_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; \
                           form-action 'none'; frame-ancestors 'none'";

/// Content that never changes while the process runs: made once, and shared by all answers.
pub(super) struct Pages {
    /// The OpenAPI document.
    pub(super) document: Bytes,
    reference: Result<Bytes, Problem>,
    problems: Result<Bytes, Problem>,
    index: Result<Bytes, Problem>,
    guides: [Result<Bytes, Problem>; Guide::ALL.len()],
    script: Script,
}

impl Pages {
    pub(super) fn new(document: &OpenApi, settings: &Settings) -> Self {
        let prefix = settings.path_prefix();
        Self {
            document: serde_json::to_string_pretty(document).unwrap_or_default().into(),
            reference: page(&reference::Reference { prefix }),
            problems: page(&Problems { prefix, codes: Code::ALL }),
            index: page(&guides::Index { prefix, guides: Guide::ALL }),
            guides: Guide::ALL.map(|guide| guide.page(prefix)),
            script: Script::default(),
        }
    }
}

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/", get(redirect_to_docs))
        .route("/docs", get(reference::page))
        .route("/docs/scalar.js", get(reference::script))
        .route("/docs/start.js", get(reference::start))
        .route("/docs/problems", get(problems))
        .route("/docs/guides", get(guides::index))
        .route("/docs/guides/{name}", get(guides::guide))
}

async fn redirect_to_docs(State(access): State<Arc<Access>>) -> Response {
    let docs = format!("{}/docs", access.settings().path_prefix());
    (StatusCode::FOUND, [(header::LOCATION, docs)]).into_response()
}

#[derive(Template)]
#[template(path = "problems.html")]
struct Problems<'a> {
    prefix: &'a str,
    codes: [Code; Code::ALL.len()],
}

async fn problems(State(state): State<AppState>) -> Result<Response, Problem> {
    state.pages.problems.clone().map(|page| html(page, TEXT_POLICY))
}

fn page(template: &impl Template) -> Result<Bytes, Problem> {
    let html = template.render().map_err(|error| Problem::new(Code::Internal).because(error))?;
    Ok(html.into())
}

fn html(page: Bytes, policy: &'static str) -> Response {
    let policy = (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    // Do not reveal the addresses of links and their origins to other hosts.
    let no_referrer = (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    (typed("text/html; charset=utf-8"), [policy, no_referrer], page).into_response()
}

/// Sets the media type, and forbids browsers to guess it.
fn typed(kind: &'static str) -> [(HeaderName, HeaderValue); 2] {
    [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ]
}
