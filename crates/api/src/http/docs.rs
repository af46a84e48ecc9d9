//! `/docs`, for people: the API reference, the list of problems and the guides.
//!
//! No page loads anything from another host: the reference is Scalar, whose script is part of the program. No page
//! concerns a caller or holds a credential.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, State, rejection::PathRejection},
    response::{IntoResponse as _, Response},
    routing::get,
};
use http::{StatusCode, header};
use keyward_app::Access;

use super::{
    problem::{Code, Problem},
    state::AppState,
};

mod guides;
mod html;
pub(super) mod pages;
mod reference;
mod script;

use guides::Guide;
use html::{TEXT_POLICY, html};

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/", get(redirect_to_docs))
        .route("/docs", get(reference::page))
        .route("/docs/scalar.js", get(reference::script))
        .route("/docs/start.js", get(reference::start))
        .route("/docs/problems", get(problems))
        .route("/docs/guides", get(guides))
        .route("/docs/guides/{name}", get(guide))
}

async fn redirect_to_docs(State(access): State<Arc<Access>>) -> Response {
    let docs = format!("{}/docs", access.settings().path_prefix());
    (StatusCode::FOUND, [(header::LOCATION, docs)]).into_response()
}

async fn problems(State(state): State<AppState>) -> Result<Response, Problem> {
    state.pages.problems.clone().map(|page| html(page, TEXT_POLICY))
}

async fn guides(State(state): State<AppState>) -> Result<Response, Problem> {
    state.pages.index.clone().map(|page| html(page, TEXT_POLICY))
}

async fn guide(State(state): State<AppState>, name: Result<Path<String>, PathRejection>) -> Result<Response, Problem> {
    // A segment that cannot be decoded names no guide.
    let wanted = name.map(|Path(name)| name).unwrap_or_default();
    let mut guides = Guide::ALL.iter().zip(&state.pages.guides);
    let (_, page) = guides.find(|(guide, _)| guide.name == wanted).ok_or_else(|| Problem::new(Code::NotFound))?;
    page.clone().map(|page| html(page, TEXT_POLICY))
}
