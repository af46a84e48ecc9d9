//! Warns once about a source that exceeds a limit, and not for each of its requests.
//!
//! At most [`MOST`] sources are named in a period, so that unauthenticated clients fill neither the log nor the memory.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use super::source::Source;
use crate::Clock;

/// Time until a source may be named again for the same limit.
const PERIOD: Duration = Duration::from_mins(10);
/// Maximum number of warnings in a period.
const MOST: usize = 256;

/// A limit that sources can exceed, by the setting that controls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Passed {
    /// `failed_attempts_per_minute`
    WrongCredentials,
    /// A source's share of `limits.max_concurrent_requests`.
    Requests,
}

impl Passed {
    const fn setting(self) -> &'static str {
        match self {
            Self::WrongCredentials => "failed_attempts_per_minute",
            Self::Requests => "limits.max_concurrent_requests",
        }
    }
}

pub(crate) struct Warnings {
    written: Mutex<Written>,
    clock: Arc<dyn Clock>,
}

#[derive(Default)]
struct Written {
    /// When each warning was written.
    at: HashMap<(Source, Passed), Duration>,
    /// When the log last reported that more sources exceeded a limit.
    more_at: Option<Duration>,
}

/// Which warning to write.
#[derive(Debug, PartialEq, Eq)]
enum Warning {
    ThisOne,
    More,
    Nothing,
}

impl Warnings {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { written: Mutex::default(), clock }
    }

    /// Warns, at most once per period, that a source has exceeded a limit.
    pub(crate) fn passed(&self, source: Source, limit: Passed) {
        let setting = limit.setting();
        match self.due(source, limit) {
            Warning::Nothing => {}
            Warning::More => tracing::warn!("more than {MOST} sources have exceeded a limit: the others are not named"),
            Warning::ThisOne => match limit {
                Passed::WrongCredentials => tracing::warn!(
                    %source,
                    limit = setting,
                    "{source} has sent too many wrong credentials ({setting}): its next requests are answered with 429"
                ),
                Passed::Requests => tracing::warn!(
                    %source,
                    limit = setting,
                    "{source} has its share of the concurrent requests ({setting}): more of them are answered with 429"
                ),
            },
        }
    }

    fn due(&self, source: Source, limit: Passed) -> Warning {
        let now = self.clock.monotonic();
        let is_fresh = |at: &Duration| *at + PERIOD > now;
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if written.at.get(&(source, limit)).is_some_and(is_fresh) {
            return Warning::Nothing;
        }
        if written.at.len() >= MOST {
            written.at.retain(|_, at| is_fresh(at));
        }
        if written.at.len() >= MOST {
            if written.more_at.as_ref().is_some_and(is_fresh) {
                return Warning::Nothing;
            }
            written.more_at = Some(now);
            return Warning::More;
        }
        written.at.insert((source, limit), now);
        Warning::ThisOne
    }

    /// Drops expired entries.
    pub(crate) fn forget(&self) {
        let now = self.clock.monotonic();
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        written.at.retain(|_, at| *at + PERIOD > now);
        written.at.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    //! One warning per source, limit and period, up to the maximum.
    use std::net::IpAddr;

    use super::{super::tests::ManualClock, *};

    fn warnings() -> (Arc<ManualClock>, Warnings) {
        let manual = Arc::new(ManualClock::default());
        let clock: Arc<dyn Clock> = Arc::clone(&manual) as _;
        (manual, Warnings::new(clock))
    }

    fn source(n: u32) -> Source {
        IpAddr::from(n.to_be_bytes()).into()
    }

    #[test]
    fn a_source_is_named_once_for_each_limit_in_a_period() {
        let (manual, warnings) = warnings();
        let due = |n, limit| warnings.due(source(n), limit);
        assert_eq!(due(1, Passed::WrongCredentials), Warning::ThisOne);
        for _ in 0..3 {
            assert_eq!(due(1, Passed::WrongCredentials), Warning::Nothing);
        }
        assert_eq!(due(1, Passed::Requests), Warning::ThisOne);
        assert_eq!(due(2, Passed::WrongCredentials), Warning::ThisOne);
        manual.advance(PERIOD);
        assert_eq!(due(1, Passed::WrongCredentials), Warning::ThisOne);
    }

    #[test]
    fn at_most_the_maximum_is_named_and_remembered_and_one_line_reports_more() {
        let (manual, warnings) = warnings();
        let many = u32::try_from(MOST).unwrap();
        let due = |n| warnings.due(source(n), Passed::WrongCredentials);
        assert!((0..many).all(|n| due(n) == Warning::ThisOne));
        assert_eq!(due(many), Warning::More);
        assert!((many..2 * many).all(|n| due(n) == Warning::Nothing));
        assert_eq!(warnings.written.lock().unwrap().at.len(), MOST);
        manual.advance(PERIOD);
        warnings.forget();
        assert!(warnings.written.lock().unwrap().at.is_empty());
        assert_eq!(due(many), Warning::ThisOne);
    }
}
