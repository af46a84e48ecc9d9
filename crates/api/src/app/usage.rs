//! When keys were last used, noted in memory and written down in batches: no request ever waits for it.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use keyward_domain::{KeyId, Timestamp};
use keyward_storage::{Result, Store};

/// How many keys are noted between two flushes; beyond them use goes unnoted rather than memory growing.
const MOST_NOTED: usize = 100_000;

#[derive(Default)]
pub(super) struct Usage(Mutex<HashMap<KeyId, Timestamp>>);

impl Usage {
    /// Notes that a key was used.
    pub(super) fn note(&self, key: KeyId, at: Timestamp) {
        keep_latest(&mut self.noted(), key, at);
    }

    /// Writes down what was noted since the last flush. What cannot be written is kept.
    pub(super) async fn flush(&self, store: &dyn Store) -> Result<()> {
        let noted = std::mem::take(&mut *self.noted());
        if noted.is_empty() {
            return Ok(());
        }
        let mut rows: Vec<_> = noted.into_iter().collect();
        // One order for all nodes, so that two flushes never wait for each other in a circle.
        rows.sort_unstable();
        let written = store.record_usage(&rows).await;
        if written.is_err() {
            let mut noted = self.noted();
            for (key, at) in rows {
                keep_latest(&mut noted, key, at);
            }
        }
        written
    }

    fn noted(&self) -> MutexGuard<'_, HashMap<KeyId, Timestamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn keep_latest(noted: &mut HashMap<KeyId, Timestamp>, key: KeyId, at: Timestamp) {
    if noted.len() < MOST_NOTED || noted.contains_key(&key) {
        let latest = noted.entry(key).or_insert(at);
        *latest = (*latest).max(at);
    }
}
