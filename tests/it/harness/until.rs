//! Waits for another process, with a limited number of tries.

use std::{future::Future, time::Duration};

/// Time between tries.
const PERIOD: Duration = Duration::from_millis(25);
/// Number of tries: enough for a busy machine.
const TRIES: usize = 1_200;

/// Repeats a check until it holds.
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
        panic!("never true, at {caller}: {what}");
    }
}

/// Ticks that keep a loop from spinning.
pub(crate) fn ticks() -> tokio::time::Interval {
    let mut due = tokio::time::interval(PERIOD);
    due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    due
}
