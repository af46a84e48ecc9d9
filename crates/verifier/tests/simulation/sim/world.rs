//! State shared by one simulation: time, randomness, the log and the counts.
//!
//! There is one thread, and time passes only when no task can run: the same seed produces the same history.

use std::{
    collections::BTreeMap,
    future::pending,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use keyward_verifier::protocol::Rules;
use tokio::time::{Instant, timeout};
use tokio_util::task::TaskTracker;

use super::{history::History, plan::Plan, rng::Rng};

/// One simulation.
pub(crate) struct World {
    start: Instant,
    rng: Mutex<Rng>,
    tasks: TaskTracker,
    history: Mutex<History>,
    counts: Mutex<Counts>,
    calm: AtomicBool,
    pub(crate) rules: Rules,
    pub(crate) plan: Plan,
}

/// Number of occurrences of each event.
pub(crate) type Counts = BTreeMap<&'static str, u64>;

impl World {
    pub(crate) fn new(rng: Rng, rules: Rules, plan: Plan) -> Self {
        Self {
            start: Instant::now(),
            rng: Mutex::new(rng),
            tasks: TaskTracker::new(),
            history: Mutex::default(),
            counts: Mutex::default(),
            calm: AtomicBool::new(false),
            rules,
            plan,
        }
    }

    /// The true time passed.
    pub(crate) fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// Lets simulated time pass, without waiting for a real clock.
    pub(crate) async fn pass(&self, time: Duration) {
        let _ = timeout(time, pending::<()>()).await;
    }

    /// Draws random values.
    pub(crate) fn draw<T>(&self, draw: impl FnOnce(&mut Rng) -> T) -> T {
        draw(&mut lock(&self.rng))
    }

    /// Ends all faults: from now on nothing is lost or slow.
    pub(crate) fn calm_down(&self) {
        self.calm.store(true, Ordering::Relaxed);
    }

    /// Whether faults have ended.
    pub(crate) fn is_calm(&self) -> bool {
        self.calm.load(Ordering::Relaxed)
    }

    /// Starts a task that no pause of a node stops.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// The log.
    pub(crate) fn history(&self) -> MutexGuard<'_, History> {
        lock(&self.history)
    }

    /// Records an event that only the comparison of replays uses.
    pub(crate) fn trace(&self, what: &'static str, about: u64) {
        let now = self.now();
        self.history().trace(now, what, about);
    }

    /// Counts something.
    pub(crate) fn count(&self, what: &'static str) {
        self.add(what, 1);
    }

    /// Counts something several times.
    pub(crate) fn add(&self, what: &'static str, times: u64) {
        *lock(&self.counts).entry(what).or_default() += times;
    }

    /// What was counted.
    pub(crate) fn counts(&self) -> Counts {
        lock(&self.counts).clone()
    }
}

/// Locks; a panic elsewhere ends the simulation anyway.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
