//! Credentials that every node must verify without delay, because they were just restricted or are about to be.
//!
//! Each node has a queue, so a stopped node delays no other and continues with its own queue.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::credentials::Shown;

/// Maximum length of a queue; the oldest entries are dropped, since the newest were restricted last.
const WAITING: usize = 512;

/// A queue for each node.
#[derive(Debug)]
pub(super) struct Probes(Vec<Queue>);

#[derive(Debug, Default)]
struct Queue {
    waiting: Mutex<VecDeque<Shown>>,
    more: Condvar,
}

impl Probes {
    pub(super) fn for_nodes(nodes: usize) -> Self {
        Self((0..nodes).map(|_| Queue::default()).collect())
    }

    /// Queues these for every node.
    pub(super) fn everywhere(&self, shown: &[Shown]) {
        for queue in &self.0 {
            let mut waiting = queue.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            waiting.extend(shown.iter().cloned());
            let too_many = waiting.len().saturating_sub(WAITING);
            waiting.drain(..too_many);
            drop(waiting);
            queue.more.notify_all();
        }
    }

    /// Takes the next probe of this node. Waits briefly if there is none.
    pub(super) fn next(&self, node: usize) -> Option<Shown> {
        let queue = self.0.get(node)?;
        let waiting = queue.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let empty = |waiting: &mut VecDeque<Shown>| waiting.is_empty();
        let waited = queue.more.wait_timeout_while(waiting, Duration::from_millis(100), empty);
        waited.unwrap_or_else(PoisonError::into_inner).0.pop_front()
    }
}
