//! When keys were last used, noted in memory and written in batches: no request waits for it.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use keyward_domain::{KeyId, Timestamp};
use keyward_storage::{Result, Upkeep};
use metrics::Counter;
use tokio::sync::Notify;

/// Number of locks, so that concurrent requests rarely share one; a power of two.
const PARTS: usize = 64;
/// Maximum number of keys that one part notes between two flushes; reached only if the database accepts no flush.
/// Beyond it, uses are dropped, so that memory does not grow, and a metric counts them.
const MOST_NOTED: usize = 100_000 / PARTS;
/// Maximum number of uses that one statement writes: few enough to finish well within the database's time limit.
const MOST_AT_ONCE: usize = 10_000;
/// Number of keys in one part at which the next flush is due.
const MANY_NOTED: usize = MOST_NOTED / 2;

/// Ids come from existing keys, never from callers, so the hash need not resist collisions.
type Noted = HashMap<KeyId, Timestamp, foldhash::fast::RandomState>;

pub(crate) struct Usage {
    parts: [Mutex<Noted>; PARTS],
    filling: Notify,
    unnoted: Counter,
}

impl Default for Usage {
    fn default() -> Self {
        Self {
            parts: std::array::from_fn(|_| Mutex::default()),
            filling: Notify::new(),
            unnoted: metrics::counter!("keyward_usage_unnoted_total"),
        }
    }
}

impl Usage {
    /// Notes that a key was used.
    pub(crate) fn note(&self, key: KeyId, at: Timestamp) {
        if self.keep_latest(key, at) == MANY_NOTED {
            self.filling.notify_one();
        }
    }

    /// Returns when a flush is due early.
    pub(crate) async fn is_filling(&self) {
        self.filling.notified().await;
    }

    /// Writes the uses noted since the last flush. Unwritten ones are kept, also if the flush is interrupted.
    pub(crate) async fn flush(&self, upkeep: &dyn Upkeep) -> Result<()> {
        let taken = self.parts.iter().flat_map(|part| std::mem::take(&mut *lock(part)));
        let mut taken = Taken { usage: self, rows: taken.collect(), written: 0 };
        // One order for all nodes, so that two flushes never deadlock.
        taken.rows.sort_unstable();
        while taken.written < taken.rows.len() {
            let end = taken.rows.len().min(taken.written + MOST_AT_ONCE);
            upkeep.record_usage(&taken.rows[taken.written..end]).await?;
            taken.written = end;
        }
        Ok(())
    }

    /// Returns the number of keys in its part if this one is new; else 0.
    fn keep_latest(&self, key: KeyId, at: Timestamp) -> usize {
        let mut noted = self.part_of(key);
        if let Some(latest) = noted.get_mut(&key) {
            *latest = (*latest).max(at);
            return 0;
        }
        if noted.len() >= MOST_NOTED {
            drop(noted);
            self.unnoted.increment(1);
            return 0;
        }
        noted.insert(key, at);
        noted.len()
    }

    /// The last byte of a UUID of version 7 is random.
    fn part_of(&self, key: KeyId) -> MutexGuard<'_, Noted> {
        lock(&self.parts[usize::from(key.uuid().as_bytes()[15]) % PARTS])
    }
}

/// Uses taken out by a flush. The unwritten ones are put back when dropped.
struct Taken<'a> {
    usage: &'a Usage,
    rows: Vec<(KeyId, Timestamp)>,
    written: usize,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        // Their number alone is no reason to retry immediately.
        for (key, at) in self.rows.iter().skip(self.written) {
            self.usage.keep_latest(*key, *at);
        }
    }
}

fn lock(part: &Mutex<Noted>) -> MutexGuard<'_, Noted> {
    part.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    //! What is noted, when a flush is due, and what happens where none succeeds.
    use std::{future::Future as _, pin::pin, task::Context};

    use keyward_storage::{StorageError, mock::MockStore};
    use mockall::Sequence;
    use uuid::Uuid;

    use super::*;

    /// A key of the one part that these tests fill.
    fn key(n: usize) -> KeyId {
        KeyId::from_uuid(Uuid::from_u128((n as u128) << 8))
    }

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros).unwrap()
    }

    fn is_due(usage: &Usage) -> bool {
        let mut context = Context::from_waker(std::task::Waker::noop());
        pin!(usage.is_filling()).poll(&mut context).is_ready()
    }

    #[test]
    fn a_flush_is_due_once_when_many_keys_are_noted() {
        let usage = Usage::default();
        for n in 1..MANY_NOTED {
            usage.note(key(n), at(1));
            usage.note(key(n), at(2));
        }
        assert!(!is_due(&usage));
        usage.note(key(MANY_NOTED), at(1));
        assert!(is_due(&usage) && !is_due(&usage));
        usage.note(key(MANY_NOTED), at(2));
        usage.note(key(MANY_NOTED + 1), at(1));
        assert!(!is_due(&usage));
    }

    #[test]
    fn unflushed_uses_are_bounded_and_the_latest_use_of_each_key_is_kept() {
        let usage = Usage::default();
        for n in 0..2 * MOST_NOTED {
            usage.note(key(n), at(1));
        }
        usage.note(key(0), at(7));
        usage.note(key(0), at(3));
        let noted = usage.part_of(key(0));
        assert_eq!((noted.len(), noted[&key(0)]), (MOST_NOTED, at(7)));
    }

    #[tokio::test]
    async fn a_flush_writes_a_part_at_a_time_and_keeps_what_was_not_written() {
        let usage = Usage::default();
        let spread = |n: usize| KeyId::from_uuid(Uuid::from_u128(n as u128));
        let all = 2 * MOST_AT_ONCE + 7;
        for n in 0..all {
            usage.note(spread(n), at(1));
        }
        let mut store = MockStore::new();
        let mut order = Sequence::new();
        let some = |used: &[(KeyId, Timestamp)]| used.len() == MOST_AT_ONCE;
        store.expect_record_usage().withf(some).times(1).in_sequence(&mut order).returning(|_| Ok(()));
        let away = || StorageError::Unavailable("gone".into());
        store.expect_record_usage().withf(some).times(1).in_sequence(&mut order).returning(move |_| Err(away()));
        assert!(usage.flush(&store).await.is_err());
        let noted: usize = usage.parts.iter().map(|part| lock(part).len()).sum();
        assert_eq!(noted, all - MOST_AT_ONCE, "the first of three was written");
    }
}
