//! The connection from a node to the database: slow, lossy, cut. A request may be lost before it is executed, and its
//! reply afterwards. Knows nothing of the content.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use keyward_storage::{Result, StorageError};
use tokio::{sync::oneshot, time::timeout};

use super::world::{World, lock};

/// The connections of a node: each may break alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// The connection of the lease.
    Lease,
    /// The pool for events, members and records of enforcement.
    Pool,
    /// The pool for reading keys.
    Keys,
}

/// The fault of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each of these may be the matter, alone or with others")]
pub(crate) struct LineFault {
    pub(crate) requests_lost: bool,
    pub(crate) answers_lost: bool,
    pub(crate) slow: bool,
    pub(crate) slow_answers: bool,
}

impl LineFault {
    /// No fault.
    pub(crate) const NONE: Self = Self { requests_lost: false, answers_lost: false, slow: false, slow_answers: false };
    /// Nothing arrives, in either direction.
    pub(crate) const CUT: Self = Self { requests_lost: true, answers_lost: true, ..Self::NONE };
    /// Both directions are slow.
    pub(crate) const SLOW: Self = Self { slow: true, ..Self::NONE };
    /// Only replies are slow, so that their content becomes stale.
    pub(crate) const LATE: Self = Self { slow_answers: true, ..Self::NONE };
}

/// The connections of one node.
pub(crate) struct Link {
    world: Arc<World>,
    lines: Mutex<[LineFault; 3]>,
}

impl Link {
    pub(crate) fn new(world: &Arc<World>) -> Arc<Self> {
        Arc::new(Self { world: Arc::clone(world), lines: Mutex::new([LineFault::NONE; 3]) })
    }

    /// Sets the fault of a line from now on; of all lines if none is named.
    pub(crate) fn set_fault(&self, line: Option<Line>, fault: LineFault) {
        let mut lines = lock(&self.lines);
        match line {
            Some(line) => lines[line as usize] = fault,
            None => *lines = [fault; 3],
        }
    }

    pub(crate) fn at(&self, line: Line) -> LineFault {
        lock(&self.lines)[line as usize]
    }

    /// Sends a request, and waits for its reply at most this long. A time-out does not cancel it: the request may still
    /// be executed.
    pub(crate) async fn call<T, F>(
        self: &Arc<Self>,
        line: Line,
        at_most: Duration,
        work: impl FnOnce() -> F + Send + 'static,
    ) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send,
    {
        let (answer, answered) = oneshot::channel();
        let (way, silent) = (Arc::clone(self), self.world.draw(|rng| rng.per_mille(500)));
        self.world.spawn(async move {
            if way.travel(line, false).await {
                let result = work().await;
                if way.travel(line, true).await {
                    // The caller has given up, or is dead.
                    let _ = answer.send(result);
                    return;
                }
                way.world.count("fault: reply lost, request executed");
            } else {
                way.world.count("fault: request lost");
            }
            if silent {
                // The loss of the connection is not detected.
                way.world.pass(at_most).await;
            }
        });
        match timeout(at_most, answered).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(StorageError::Unavailable("the connection broke".into())),
            Err(_) => Err(StorageError::Unavailable("no answer in time".into())),
        }
    }

    /// Sends in one direction, or `back`. Returns whether it arrives.
    async fn travel(&self, line: Line, back: bool) -> bool {
        if self.world.is_calm() {
            return true;
        }
        let fault = self.at(line);
        let slow = fault.slow || back && fault.slow_answers;
        let (lost, delay) = self.world.draw(|rng| {
            let plan = &self.world.plan;
            let lost = rng.per_mille(plan.loss);
            let delay = if slow {
                rng.doubling(10, 1_500)
            } else if rng.per_mille(plan.slow) {
                rng.doubling(20, 3_000)
            } else {
                rng.millis(0, 1)
            };
            (lost, delay)
        });
        if delay > Duration::from_millis(10) {
            self.world.count("fault: slow message");
        }
        if delay > Duration::ZERO {
            self.world.pass(delay).await;
        }
        let fault = self.at(line);
        !lost && !(if back { fault.answers_lost } else { fault.requests_lost })
    }
}
