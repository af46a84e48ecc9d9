//! What the verifier needs of the machine that it runs on: clocks, and a place for tasks.

use std::{pin::Pin, time::Duration};

use keyward_domain::Timestamp;
use tokio_util::task::TaskTracker;

use crate::protocol::BootInstant;

/// The clocks of this machine.
pub trait Clock: Send + Sync {
    /// The clock that continues while the machine sleeps. Never cached: each request reads it (R3).
    fn boot(&self) -> BootInstant;

    /// The wall clock, in whole microseconds.
    fn wall(&self) -> Timestamp;

    /// Time since a fixed moment; it never goes back. For limits and measurements, never for stored times.
    fn monotonic(&self) -> Duration {
        self.boot().since(BootInstant::from_nanos(0))
    }
}

/// Runs tasks. In production a [`TaskTracker`]; the simulation can pause them while time passes.
pub trait Tasks: Send + Sync {
    /// Starts a task that runs concurrently with the caller.
    fn spawn(&self, task: Pin<Box<dyn Future<Output = ()> + Send>>);
}

impl Tasks for TaskTracker {
    fn spawn(&self, task: Pin<Box<dyn Future<Output = ()> + Send>>) {
        Self::spawn(self, task);
    }
}
