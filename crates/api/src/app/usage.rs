//! When keys were last used, noted in memory and written down in batches: no request ever waits for it.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use keyward_domain::{KeyId, Timestamp};
use keyward_storage::{Result, Store};

/// How many locks there are, so that requests on several cores rarely meet; a power of two.
const PARTS: usize = 64;
/// How many keys one part notes between two flushes; beyond them use goes unnoted rather than memory growing.
const MOST_NOTED: usize = 100_000 / PARTS;

type Noted = HashMap<KeyId, Timestamp>;

pub(super) struct Usage([Mutex<Noted>; PARTS]);

impl Default for Usage {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Mutex::default()))
    }
}

impl Usage {
    /// Notes that a key was used.
    pub(super) fn note(&self, key: KeyId, at: Timestamp) {
        keep_latest(&mut self.part_of(key), key, at);
    }

    /// Writes down what was noted since the last flush. What cannot be written is kept.
    pub(super) async fn flush(&self, store: &dyn Store) -> Result<()> {
        let taken = self.0.iter().flat_map(|part| std::mem::take(&mut *lock(part)));
        let mut rows: Vec<_> = taken.collect();
        if rows.is_empty() {
            return Ok(());
        }
        // One order for all nodes, so that two flushes never wait for each other in a circle.
        rows.sort_unstable();
        let written = store.record_usage(&rows).await;
        if written.is_err() {
            for (key, at) in rows {
                self.note(key, at);
            }
        }
        written
    }

    /// The last byte of a UUID of version 7 is random.
    fn part_of(&self, key: KeyId) -> MutexGuard<'_, Noted> {
        lock(&self.0[usize::from(key.uuid().as_bytes()[15]) % PARTS])
    }
}

fn lock(part: &Mutex<Noted>) -> MutexGuard<'_, Noted> {
    part.lock().unwrap_or_else(PoisonError::into_inner)
}

fn keep_latest(noted: &mut Noted, key: KeyId, at: Timestamp) {
    if noted.len() < MOST_NOTED || noted.contains_key(&key) {
        let latest = noted.entry(key).or_insert(at);
        *latest = (*latest).max(at);
    }
}
