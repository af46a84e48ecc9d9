//! What has to be verified at every node at once, because it was narrowed in this very moment or is about to be.
//!
//! A queue a node: one that stands still holds up nobody else's, and finds all of it waiting when it goes on.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::credentials::Shown;

/// So many wait at a node that does not answer; the oldest go first, since the newest were narrowed last.
const WAITING: usize = 512;

/// What is to be verified at once, a queue a node.
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

    /// Has them verified at every node, now.
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

    /// The next one for this node; none within a short time.
    pub(super) fn next(&self, node: usize) -> Option<Shown> {
        let queue = self.0.get(node)?;
        let waiting = queue.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let empty = |waiting: &mut VecDeque<Shown>| waiting.is_empty();
        let waited = queue.more.wait_timeout_while(waiting, Duration::from_millis(100), empty);
        waited.unwrap_or_else(PoisonError::into_inner).0.pop_front()
    }
}
