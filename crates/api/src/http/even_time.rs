//! When an answer that hides whether something exists is sent: a whole number of steps after its request arrived, so
//! that its time does not reveal what was looked up (test T19).
//!
//! Equal work alone leaves microseconds between an unknown key and a wrong secret, and many requests make them
//! measurable. The hiding answers are 401, 404 about a key or an account, `NOT_FOUND` of `/v1/verify` and
//! `invalid_grant`; an answer about what the caller has proved is sent immediately. The delay holds neither a place
//! among the requests nor a database connection.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use axum::response::Response;
use http::{Extensions, StatusCode};
use tokio::time::{Instant, sleep_until};

use super::{
    places::Place,
    problem::{Code, Problem},
};

/// The step: several times the duration of a look-up in a nearby database, and unnoticeable to a caller that mistyped a
/// key.
const STEP: Duration = Duration::from_millis(5);

/// Marks an answer whose status does not show that it hides something.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hides;

/// When a request arrived: its headers, and its body where one is read. Steps begin only after the whole request: a
/// client that chose when the body ends could otherwise place the end of a step between two look-up times.
#[derive(Clone, Debug)]
pub(super) struct Arrived {
    headers: Instant,
    body: Arc<OnceLock<Instant>>,
}

impl Arrived {
    pub(super) fn now() -> Self {
        Self { headers: Instant::now(), body: Arc::default() }
    }

    /// Records that the request with these extensions has arrived completely.
    pub(super) fn is_whole(extensions: &Extensions) {
        if let Some(Self { body, .. }) = extensions.get() {
            body.get_or_init(Instant::now);
        }
    }

    /// Delays an answer that hides something until its step ends.
    pub(super) async fn hold_back(self, response: &mut Response, problem: Option<&Problem>) {
        if hides(response, problem) {
            response.extensions_mut().remove::<Arc<Place>>();
            let since = self.body.get().copied().unwrap_or(self.headers);
            sleep_until(since + whole_steps(since.elapsed())).await;
        }
    }
}

fn hides(response: &mut Response, problem: Option<&Problem>) -> bool {
    let is_marked = response.extensions_mut().remove::<Hides>().is_some();
    let is_absent = problem.is_some_and(|problem| matches!(problem.code(), Code::KeyNotFound | Code::AccountNotFound));
    is_marked || is_absent || response.status() == StatusCode::UNAUTHORIZED
}

/// Rounds up to a whole number of steps.
fn whole_steps(elapsed: Duration) -> Duration {
    let steps = elapsed.as_nanos() / STEP.as_nanos() + 1;
    STEP.saturating_mul(u32::try_from(steps).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn steps_begin_when_the_request_is_complete() {
        let (arrived, mut extensions) = (Arrived::now(), Extensions::new());
        extensions.insert(arrived.clone());
        advance(STEP * 4 / 5).await;
        Arrived::is_whole(&extensions);
        let whole = Instant::now();
        advance(STEP * 2 / 5).await;
        arrived.hold_back(&mut StatusCode::UNAUTHORIZED.into_response(), None).await;
        assert_eq!(whole.elapsed(), STEP);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_hides_nothing_is_sent_immediately() {
        let began = Instant::now();
        for status in [StatusCode::OK, StatusCode::FORBIDDEN, StatusCode::NOT_FOUND, StatusCode::SERVICE_UNAVAILABLE] {
            Arrived::now().hold_back(&mut status.into_response(), None).await;
        }
        assert_eq!(began.elapsed(), Duration::ZERO);
    }

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
