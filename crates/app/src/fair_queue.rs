//! A queue in which a caller with many requests waits behind its own, not others behind them.
//!
//! A request waits in the queue of its own key; free places go to the keys in turn. Each key's queue is short: beyond
//! it the answer is "too many", not a longer wait. Reads no clock.

use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::oneshot;

/// The caller's own requests fill its queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many requests of the same caller are waiting")]
pub struct QueueFull;

/// The queue. Clones share it.
pub(crate) struct FairQueue<K: Eq + Hash + Copy>(Arc<Shared<K>>);

impl<K: Eq + Hash + Copy> Clone for FairQueue<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

struct Shared<K: Eq + Hash + Copy> {
    /// Maximum number of waiting requests of one key.
    longest: usize,
    lines: Mutex<Lines<K>>,
}

struct Lines<K: Eq + Hash + Copy> {
    /// Number of free places; 0 while a request waits.
    free: usize,
    waiting: HashMap<K, VecDeque<oneshot::Sender<Permit<K>>>>,
    /// The keys in turn; each key with waiting requests is here once.
    turns: VecDeque<K>,
}

/// A place; freed when dropped.
pub(crate) struct Permit<K: Eq + Hash + Copy>(Option<Arc<Shared<K>>>);

impl<K: Eq + Hash + Copy> FairQueue<K> {
    /// Creates a queue with `places` places and at most `longest` waiting requests of each key.
    pub(crate) fn new(places: usize, longest: usize) -> Self {
        let lines = Lines { free: places.max(1), waiting: HashMap::new(), turns: VecDeque::new() };
        Self(Arc::new(Shared { longest, lines: Mutex::new(lines) }))
    }

    /// Waits for a place in the queue of this key.
    pub(crate) async fn enter(&self, key: K) -> Result<Permit<K>, QueueFull> {
        let mut waiting = {
            let mut lines = self.0.lines();
            if lines.free > 0 {
                lines.free -= 1;
                return Ok(Permit(Some(Arc::clone(&self.0))));
            }
            let line = lines.waiting.entry(key).or_default();
            if line.len() >= self.0.longest {
                return Err(QueueFull);
            }
            let (granted, waiting) = oneshot::channel();
            line.push_back(granted);
            if line.len() == 1 {
                lines.turns.push_back(key);
            }
            Waiting { shared: &self.0, key, granted: waiting }
        };
        // No sender is dropped while its receiver is open.
        (&mut waiting.granted).await.map_err(|_| QueueFull)
    }

    /// Number of waiting requests, over all keys.
    pub(crate) fn waiting(&self) -> usize {
        self.0.lines().waiting.values().map(VecDeque::len).sum()
    }

    /// Whether no place is held or awaited, and no other clone could change that.
    pub(crate) fn is_idle(&self) -> bool {
        // Permits and waiting requests hold clones.
        Arc::strong_count(&self.0) == 1
    }
}

impl<K: Eq + Hash + Copy> Shared<K> {
    fn lines(&self) -> MutexGuard<'_, Lines<K>> {
        // Consistent at every moment, so also after a panic.
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash + Copy> Lines<K> {
    /// The next request to receive a place.
    fn next(&mut self) -> Option<oneshot::Sender<Permit<K>>> {
        let key = self.turns.pop_front()?;
        let line = self.waiting.get_mut(&key)?;
        let next = line.pop_front();
        if line.is_empty() {
            self.waiting.remove(&key);
        } else {
            self.turns.push_back(key);
        }
        next
    }

    /// Removes abandoned requests from the queue of this key.
    fn tidy(&mut self, key: K) {
        let Some(line) = self.waiting.get_mut(&key) else { return };
        line.retain(|waiting| !waiting.is_closed());
        if line.is_empty() {
            self.waiting.remove(&key);
            self.turns.retain(|turn| *turn != key);
        }
    }
}

impl<K: Eq + Hash + Copy> Drop for Permit<K> {
    fn drop(&mut self) {
        let Some(shared) = self.0.take() else { return };
        let mut lines = shared.lines();
        while let Some(next) = lines.next() {
            match next.send(Permit(Some(Arc::clone(&shared)))) {
                Ok(()) => return,
                // It hung up. Dropping its permit must not look for the next request while `lines` is locked here.
                Err(mut unwanted) => drop(unwanted.0.take()),
            }
        }
        lines.free += 1;
    }
}

/// A waiting request; leaves the queue when dropped.
struct Waiting<'a, K: Eq + Hash + Copy> {
    shared: &'a Arc<Shared<K>>,
    key: K,
    granted: oneshot::Receiver<Permit<K>>,
}

impl<K: Eq + Hash + Copy> Drop for Waiting<'_, K> {
    fn drop(&mut self) {
        self.granted.close();
        if let Ok(unwanted) = self.granted.try_recv() {
            // The place was just granted: dropping it passes it on.
            drop(unwanted);
        } else {
            self.shared.lines().tidy(self.key);
        }
    }
}

#[cfg(test)]
#[path = "fair_queue/tests.rs"]
mod tests;
