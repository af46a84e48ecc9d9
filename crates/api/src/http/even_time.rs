//! When an answer leaves that hides whether something exists: a whole number of steps after the request arrived, so that
//! the time tells nothing about what was looked up (test T19).
//!
//! Equal work alone leaves microseconds between an unknown key and a wrong secret, and many requests make them visible.
//! What is done in time is 401, 404 and `NOT_FOUND` of `/v1/verify`; an answer about what the caller has proved leaves at
//! once. Waiting holds no place among the requests and nothing of the database.

use std::{sync::Arc, time::Duration};

use axum::response::Response;
use http::StatusCode;
use tokio::time::{Instant, sleep_until};

use super::{
    places::Place,
    problem::{Code, Problem},
};

/// The step: several times what a look-up takes in a database nearby, and no time for whoever mistyped a key.
const STEP: Duration = Duration::from_millis(5);

/// Marks an answer whose status does not show that it hides something.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hides;

/// When a request arrived.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrived(Instant);

impl Arrived {
    pub(super) fn now() -> Self {
        Self(Instant::now())
    }

    /// Holds an answer that hides something back until its step is over.
    pub(super) async fn hold_back(self, response: &mut Response, problem: Option<&Problem>) {
        if hides(response, problem) {
            response.extensions_mut().remove::<Arc<Place>>();
            sleep_until(self.0 + whole_steps(self.0.elapsed())).await;
        }
    }
}

fn hides(response: &mut Response, problem: Option<&Problem>) -> bool {
    let is_marked = response.extensions_mut().remove::<Hides>().is_some();
    let is_absent = problem.is_some_and(|problem| matches!(problem.code(), Code::KeyNotFound | Code::AccountNotFound));
    is_marked || is_absent || response.status() == StatusCode::UNAUTHORIZED
}

/// The next whole number of steps.
fn whole_steps(elapsed: Duration) -> Duration {
    let steps = elapsed.as_nanos() / STEP.as_nanos() + 1;
    STEP.saturating_mul(u32::try_from(steps).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_time_within_a_step_is_the_end_of_that_step() {
        for (elapsed, steps) in
            [(0, 1), (1, 1), (4_999_999, 1), (5_000_000, 2), (9_999_999, 2), (60_000_000_000, 12_001)]
        {
            assert_eq!(whole_steps(Duration::from_nanos(elapsed)), STEP * steps, "{elapsed}");
        }
        assert_eq!(whole_steps(Duration::MAX), STEP * u32::MAX);
    }
}
