//! How much slow work callers have ahead of them: each may announce so much, and no more while it has not come to its
//! end.
//!
//! Beyond it the answer is "too many" at once, not one that comes too late. It queues nothing and reads no clock.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::QueueFull;

/// What is ahead, by caller.
pub(crate) struct Workload<K: Eq + Hash + Copy> {
    most: usize,
    ahead: Mutex<HashMap<K, usize>>,
}

/// Work that was announced; over when dropped.
#[must_use]
pub(crate) struct Announced<'a, K: Eq + Hash + Copy> {
    within: &'a Workload<K>,
    key: K,
    amount: usize,
}

impl<K: Eq + Hash + Copy> Workload<K> {
    /// At most this much for each caller.
    pub(crate) fn new(most: usize) -> Self {
        Self { most, ahead: Mutex::default() }
    }

    /// Announces work. What a caller announces alone is never too much: there is nothing that it could wait for.
    pub(crate) fn announce(&self, key: K, amount: usize) -> Result<Announced<'_, K>, QueueFull> {
        if amount > 0 {
            let mut ahead = self.ahead();
            let before = ahead.get(&key).copied().unwrap_or_default();
            if before > 0 && before + amount > self.most {
                return Err(QueueFull);
            }
            ahead.insert(key, before + amount);
        }
        Ok(Announced { within: self, key, amount })
    }

    fn ahead(&self) -> MutexGuard<'_, HashMap<K, usize>> {
        // Whole at any moment, so also after a panic.
        self.ahead.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash + Copy> Drop for Announced<'_, K> {
    fn drop(&mut self) {
        if self.amount == 0 {
            return;
        }
        let mut ahead = self.within.ahead();
        if let Some(left) = ahead.get_mut(&self.key) {
            *left = left.saturating_sub(self.amount);
            if *left == 0 {
                ahead.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    //! Each caller has its own room, and gets it back.
    use super::*;

    #[test]
    fn what_is_too_much_is_refused_and_what_is_over_counts_no_more() {
        let work = Workload::new(10);
        let large = work.announce(1, 100).unwrap();
        assert_eq!(work.announce(1, 1).err(), Some(QueueFull));
        drop(work.announce(1, 0).unwrap());
        let other = [work.announce(2, 6).unwrap(), work.announce(2, 4).unwrap()];
        assert_eq!(work.announce(2, 1).err(), Some(QueueFull));
        drop(large);
        drop(work.announce(1, 1).unwrap());
        drop(other);
        assert!(work.ahead().is_empty());
    }
}
