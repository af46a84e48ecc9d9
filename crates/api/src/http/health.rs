//! `/healthz`: the process runs. `/readyz`: it can answer (contract, section 9).

use std::{borrow::Cow, sync::Arc};

use axum::{Router, extract::State, routing::get};

use super::{
    AppState, HttpOptions,
    problem::{Code, Problem},
};
use crate::app::App;

pub(super) fn router() -> Router<AppState> {
    Router::new().route("/healthz", get(healthz)).route("/readyz", get(readyz))
}

async fn healthz() -> &'static str {
    "ok\n"
}

async fn readyz(
    State(app): State<Arc<App>>,
    State(options): State<Arc<HttpOptions>>,
) -> Result<Cow<'static, str>, Problem> {
    if options.ready.is_open() {
        // It answers all the same: which of the two clocks is wrong is not for this node to say.
        Ok(app.clock_difference().map_or("ready\n".into(), |difference| format!("ready\n{difference}\n").into()))
    } else {
        Err(Problem::new(Code::Unavailable)
            .detail("The node cannot answer: it starts, stops, or its database is away."))
    }
}
