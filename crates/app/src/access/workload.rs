//! Slow work that callers have ahead of them. Each caller may announce up to a maximum until its work is done.
//!
//! Beyond the maximum the answer is an immediate "too many", not a late verdict. Queues nothing and reads no clock.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::QueueFull;

/// Announced work, by caller.
pub(crate) struct Workload<K: Eq + Hash + Copy> {
    most: usize,
    ahead: Mutex<HashMap<K, usize>>,
}

/// Announced work; ends when dropped.
#[must_use]
pub(crate) struct Announced<'a, K: Eq + Hash + Copy> {
    within: &'a Workload<K>,
    key: K,
    amount: usize,
}

impl<K: Eq + Hash + Copy> Workload<K> {
    /// Allows at most `most` for each caller.
    pub(crate) fn new(most: usize) -> Self {
        Self { most, ahead: Mutex::default() }
    }

    /// Announces work. A caller with no other work ahead may announce any amount: there is nothing to wait for.
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
        // Consistent at every moment, so also after a panic.
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
    //! Each caller has its own maximum, and finished work no longer counts.
    use super::*;

    #[test]
    fn work_above_the_maximum_is_refused_and_finished_work_no_longer_counts() {
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
