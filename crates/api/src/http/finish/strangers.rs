//! How many lines of the log strangers may fill: refusals of callers that have proved nothing.
//!
//! Each is counted in the metrics whatever happens here. Of a caller that proved who it is, it holds back nothing but
//! that it asks too much at once.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::http::problem::{Code, Problem};

/// How many such lines a second are written.
const LINES: u32 = 20;

/// The lines of one second, and those that were held back.
#[derive(Debug, Default)]
pub(in crate::http) struct Strangers(Mutex<Count>);

#[derive(Debug, Default)]
struct Count {
    second: u64,
    lines: u32,
    withheld: u64,
}

/// Whether an answer is a refusal that anybody can provoke, without a credential.
pub(super) fn is_for_a_stranger(problem: Option<&Problem>, route: &str, status: u16) -> bool {
    if route == "/v1/oauth2/token" && (400..500).contains(&status) {
        return true;
    }
    problem.is_some_and(|problem| {
        let code = problem.code();
        let proves_nothing = matches!(
            code,
            Code::InvalidCredential
                | Code::WrongEnvironment
                | Code::NotFound
                | Code::MethodNotAllowed
                | Code::TooManyAttempts
                | Code::TooManyRequests
        );
        // Or refused before anybody looked at the request: there is too much to do.
        proves_nothing || (code == Code::Unavailable && problem.cause().is_none())
    })
}

impl Strangers {
    /// Whether one more line may be written at this moment. If so, returns how many were held back since the last one
    /// that said so.
    pub(super) fn may_tell(&self, now: Duration) -> Option<u64> {
        let mut count = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if count.second != now.as_secs() {
            (count.second, count.lines) = (now.as_secs(), 0);
        }
        if count.lines == LINES {
            count.withheld += 1;
            metrics::counter!("keyward_log_lines_withheld_total").increment(1);
            return None;
        }
        count.lines += 1;
        Some(std::mem::take(&mut count.withheld))
    }
}

#[cfg(test)]
mod tests {
    //! One second and the next.
    use super::*;

    #[test]
    fn a_second_has_so_many_lines_and_the_next_one_says_what_was_held_back() {
        let (strangers, second) = (Strangers::default(), Duration::from_secs(7));
        for _ in 0..LINES {
            assert_eq!(strangers.may_tell(second), Some(0));
        }
        for late in [second, second + Duration::from_millis(999)] {
            assert_eq!(strangers.may_tell(late), None);
        }
        let next = second + Duration::from_secs(1);
        assert_eq!(strangers.may_tell(next), Some(2));
        assert_eq!(strangers.may_tell(next), Some(0));
    }

    #[test]
    fn who_proved_who_it_is_is_always_told() {
        let refusal = |code| is_for_a_stranger(Some(&Problem::new(code)), "/v1/api-keys", 400);
        for code in [Code::InvalidCredential, Code::NotFound, Code::TooManyAttempts, Code::Unavailable] {
            assert!(refusal(code), "{code:?}");
        }
        for code in [Code::InvalidRequest, Code::InsufficientScope, Code::KeyNotFound, Code::LockOut, Code::Internal] {
            assert!(!refusal(code), "{code:?}");
        }
        assert!(is_for_a_stranger(None, "/v1/oauth2/token", 401) && !is_for_a_stranger(None, "/v1/oauth2/token", 200));
    }
}
