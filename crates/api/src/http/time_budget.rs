//! How long a request may take before it is answered with 504: a property of its route, set where the route is
//! declared.

use std::time::Duration;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use keyward_app::Access;

use super::{
    options::HttpOptions,
    problem::{Code, Problem},
};

/// Time that remains for the answer after the longest wait: with the wait's own guard of one second, lease + 6 s.
const AFTER_THE_WAIT: Duration = Duration::from_secs(5);

/// The time budgets of routes.
#[derive(Clone, Copy, Default)]
pub(super) struct TimeBudgets {
    /// Of most routes: the setting.
    pub(super) usual: Duration,
    /// Of a route that is answered when a change is enforced on every node: lease + 6 s (contract, section 6), enough
    /// to wait for a dead node and still answer.
    pub(super) waiting: Duration,
}

impl TimeBudgets {
    pub(super) fn new(options: &HttpOptions, access: &Access) -> Self {
        let usual = options.request_timeout;
        Self { usual, waiting: usual.max(access.verifier().worst_wait() + AFTER_THE_WAIT) }
    }
}

/// Limits the time of a route.
pub(super) async fn limit_time(State(budget): State<Duration>, request: Request, next: Next) -> Response {
    let answer = tokio::time::timeout(budget, next.run(request)).await;
    answer.unwrap_or_else(|_| Problem::new(Code::Timeout).into_response())
}
