//! Limits the log lines about strangers: requests of unauthenticated callers, or of callers with only a key that is
//! public.
//!
//! Metrics count every request. For an authenticated caller, only lines about too many concurrent requests are
//! withheld. Failures have a separate limit, so a flood of other requests does not hide them.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use super::{
    problem::{Code, Problem},
    request_facts::RequestFacts,
};

/// Maximum number of such lines a second, for failures and for everything else separately.
const LINES: u32 = 20;

/// Lines of the current second, and lines withheld.
#[derive(Debug, Default)]
pub(super) struct Strangers(Mutex<Count>);

#[derive(Debug, Default)]
struct Count {
    second: u64,
    failures: u32,
    others: u32,
    withheld: u64,
}

/// Whether the line about this answer counts against the limit: a client without a credential can cause it, or it
/// refuses too many requests.
pub(super) fn is_for_a_stranger(facts: &RequestFacts, problem: Option<&Problem>, route: &str, status: u16) -> bool {
    // A client that obtains a token has authenticated.
    let is_known = facts.is_proved() || (route == "/v1/oauth2/token" && status < 400);
    let is_over_limit = |problem: &Problem| {
        let code = problem.code();
        matches!(code, Code::TooManyAttempts | Code::TooManyRequests)
            // Or refused before it was handled: the server is overloaded.
            || (code == Code::Unavailable && problem.cause().is_none())
    };
    !is_known || problem.is_some_and(is_over_limit)
}

impl Strangers {
    /// Whether one more line may be written now. If so, returns the number withheld since the last line that reported
    /// it.
    pub(super) fn may_log(&self, now: Duration, status: u16) -> Option<u64> {
        let mut count = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if count.second != now.as_secs() {
            *count = Count { second: now.as_secs(), withheld: count.withheld, ..Count::default() };
        }
        let lines = if status >= 500 { &mut count.failures } else { &mut count.others };
        if *lines == LINES {
            count.withheld += 1;
            metrics::counter!("keyward_log_lines_withheld_total").increment(1);
            return None;
        }
        *lines += 1;
        Some(std::mem::take(&mut count.withheld))
    }
}

#[cfg(test)]
mod tests {
    //! One second and the next, and which requests count as a stranger's.
    use super::*;

    #[test]
    fn lines_beyond_the_limit_are_withheld_and_the_next_second_reports_them() {
        let (strangers, second) = (Strangers::default(), Duration::from_secs(7));
        for status in [200, 404, 500, 503] {
            for _ in 0..LINES / 2 {
                assert_eq!(strangers.may_log(second, status), Some(0));
            }
        }
        for (late, status) in [(second, 200), (second, 404), (second + Duration::from_millis(999), 500)] {
            assert_eq!(strangers.may_log(late, status), None);
        }
        let next = second + Duration::from_secs(1);
        assert_eq!(strangers.may_log(next, 404), Some(3));
        assert_eq!(strangers.may_log(next, 500), Some(0));
    }

    #[test]
    fn lines_about_an_authenticated_caller_are_written() {
        let problem = |code| Some(Problem::new(code));
        let refusals = [Code::InvalidRequest, Code::KeyNotFound, Code::LockOut, Code::Internal, Code::WrongType];
        for problem in refusals.map(problem).into_iter().chain([None]) {
            let is_for = |facts: &RequestFacts| is_for_a_stranger(facts, problem.as_ref(), "/v1/api-keys", 400);
            let facts = RequestFacts::default();
            assert!(is_for(&facts), "{problem:?}");
            facts.clone().proof();
            assert!(!is_for(&facts), "{problem:?}");
            for code in [Code::TooManyAttempts, Code::TooManyRequests, Code::Unavailable] {
                assert!(is_for_a_stranger(&facts, Some(&Problem::new(code)), "/v1/api-keys", 429), "{code:?}");
            }
        }
        let token = |status| is_for_a_stranger(&RequestFacts::default(), None, "/v1/oauth2/token", status);
        assert!(token(401) && !token(200));
    }
}
