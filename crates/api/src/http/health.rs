//! `/healthz`: the process runs. `/readyz`: it can answer (contract, section 9).

use std::{iter, sync::Arc};

use axum::{Router, extract::State, routing::get};

use super::{
    AppState, HttpOptions,
    problem::{Code, Problem},
};
use crate::app::App;

/// What is said of a node that others do not know.
const NOT_JOINED: &str =
    "this node could not join the others, so it answers by reading the database (the log and `keyward doctor` say why)";

pub(super) fn router() -> Router<AppState> {
    Router::new().route("/healthz", get(healthz)).route("/readyz", get(readyz))
}

async fn healthz() -> &'static str {
    "ok\n"
}

async fn readyz(State(app): State<Arc<App>>, State(options): State<Arc<HttpOptions>>) -> Result<String, Problem> {
    if options.ready.is_open() {
        // It answers all the same: by reading, and which of the clocks is wrong is not for this node to say.
        let doubts = [
            app.could_not_join().then(|| NOT_JOINED.to_owned()),
            app.clock_difference().map(|it| it.to_string()),
            app.clock_jump().map(|it| it.to_string()),
        ];
        let said = iter::once("ready".to_owned()).chain(doubts.into_iter().flatten());
        Ok(said.map(|line| line + "\n").collect())
    } else {
        Err(Problem::new(Code::Unavailable)
            .detail("The node cannot answer: it starts, stops, or its database is away."))
    }
}
