//! `/healthz`: the process runs. `/readyz`: it can answer (contract, section 9).

use std::sync::Arc;

use axum::{Router, extract::State, routing::get};

use super::{
    AppState, HttpOptions,
    problem::{Code, Problem},
};

pub(super) fn router() -> Router<AppState> {
    Router::new().route("/healthz", get(healthz)).route("/readyz", get(readyz))
}

async fn healthz() -> &'static str {
    "ok\n"
}

async fn readyz(State(options): State<Arc<HttpOptions>>) -> Result<&'static str, Problem> {
    if options.ready.is_open() {
        Ok("ready\n")
    } else {
        Err(Problem::new(Code::Unavailable)
            .detail("The node cannot answer: it starts, stops, or its database is away."))
    }
}
