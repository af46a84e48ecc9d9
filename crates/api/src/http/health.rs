//! `/healthz`: the process runs. `/readyz`: the node can answer (contract, section 9).

use std::{iter, sync::Arc};

use axum::{Router, extract::State, routing::get};
use keyward_app::Access;

use super::{
    options::HttpOptions,
    problem::{Code, Problem},
    state::AppState,
};

/// Warning about a node that other nodes do not know.
const NOT_JOINED: &str =
    "this node could not join the others, so it answers by reading the database (the log and `keyward doctor` say why)";

pub(super) fn router() -> Router<AppState> {
    Router::new().route("/healthz", get(healthz)).route("/readyz", get(readyz))
}

/// Ask whether the process runs.
///
/// Needs no database and no credential.
#[utoipa::path(
    get, path = "/healthz", tag = "Service", operation_id = "get_health",
    responses((status = 200, description = "It runs.", body = String)),
)]
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// Ask whether this node can answer.
///
/// For load balancers. It says no until it has answered once, when it cannot answer verifications, and when it stops.
#[utoipa::path(
    get, path = "/readyz", tag = "Service", operation_id = "get_readiness",
    responses(
        (status = 200, description = "It can. Further lines say what an operator should look at.", body = String),
    ),
)]
pub(super) async fn readyz(
    State(access): State<Arc<Access>>,
    State(options): State<Arc<HttpOptions>>,
) -> Result<String, Problem> {
    if options.ready.is_open() {
        // It still answers, from the database; which of the clocks is wrong is unknown to this node.
        let doubts = [
            access.could_not_join().then(|| NOT_JOINED.to_owned()),
            access.clock_difference().map(|it| it.to_string()),
            access.clock_jump().map(|it| it.to_string()),
        ];
        let lines = iter::once("ready".to_owned()).chain(doubts.into_iter().flatten());
        Ok(lines.map(|line| line + "\n").collect())
    } else {
        Err(Problem::new(Code::Unavailable)
            .detail("The node cannot answer: it starts, stops, or its database is away."))
    }
}
