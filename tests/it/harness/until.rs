//! Waiting for something that another process does, in so many tries at the most.

use std::{future::Future, time::Duration};

/// How often is asked.
const PERIOD: Duration = Duration::from_millis(25);
/// How many times: enough for a machine that is busy with other things.
const TRIES: usize = 1_200;

/// Asks until the answer is yes.
#[track_caller]
pub(crate) fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) -> impl Future<Output = ()> {
    let caller = std::panic::Location::caller();
    async move {
        let mut due = ticks();
        for _ in 0..TRIES {
            due.tick().await;
            if holds().await {
                return;
            }
        }
        panic!("it never came true, for {caller}: {what}");
    }
}

/// Moments for whoever must not ask in a hot loop.
pub(crate) fn ticks() -> tokio::time::Interval {
    let mut due = tokio::time::interval(PERIOD);
    due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    due
}
