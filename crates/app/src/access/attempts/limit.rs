//! One limit, kept per key: the generic cell rate algorithm over failures.
//!
//! Written here because no library can give back what was counted before the work.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::Clock;

/// The source or caller has exceeded a limit on wrong credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many wrong credentials; the next one may come in {retry_after:?}")]
pub struct TooManyAttempts {
    /// Time until the next attempt is allowed.
    pub retry_after: Duration,
}

/// Limits failures for each key of type `K`.
pub(crate) struct Limit<K: Hash + Eq + Clone> {
    /// Time until one more attempt is given back.
    one_more: Duration,
    /// Time until all attempts are given back.
    all: Duration,
    /// When all attempts of a key are given back, on the monotonic clock. A key that is absent has used none.
    used_until: Mutex<HashMap<K, Duration>>,
    clock: Arc<dyn Clock>,
}

impl<K: Hash + Eq + Clone> Limit<K> {
    /// Allows at most `per_minute` failures a minute.
    pub(crate) fn new(per_minute: u32, clock: Arc<dyn Clock>) -> Self {
        let per_minute = per_minute.max(1);
        let one_more = Duration::from_mins(1) / per_minute;
        Self { one_more, all: one_more * per_minute, used_until: Mutex::default(), clock }
    }

    /// Whether `key` may try. Counts nothing.
    pub(crate) fn admit(&self, key: &K) -> Result<(), TooManyAttempts> {
        let now = self.clock.monotonic();
        self.room(self.used_until().get(key).copied(), now)
    }

    /// Counts a failure of `key`.
    pub(crate) fn failed(&self, key: &K) {
        let now = self.clock.monotonic();
        let mut used_until = self.used_until();
        let until = used_until.entry(key.clone()).or_insert(now);
        // Several requests may have been admitted before one of them used the limit up.
        *until = ((*until).max(now) + self.one_more).min(now + self.all);
    }

    /// Counts an attempt before its outcome is known.
    pub(crate) fn take(&self, key: &K) -> Result<(), TooManyAttempts> {
        let now = self.clock.monotonic();
        let mut used_until = self.used_until();
        self.room(used_until.get(key).copied(), now)?;
        let until = used_until.entry(key.clone()).or_insert(now);
        *until = (*until).max(now) + self.one_more;
        Ok(())
    }

    /// Uncounts an attempt of [`Self::take`].
    pub(crate) fn give_back(&self, key: &K) {
        if let Some(until) = self.used_until().get_mut(key) {
            *until = until.saturating_sub(self.one_more);
        }
    }

    /// Drops keys that have no used attempts.
    pub(crate) fn forget(&self) {
        let now = self.clock.monotonic();
        let mut used_until = self.used_until();
        used_until.retain(|_, until| *until > now);
        used_until.shrink_to_fit();
    }

    fn room(&self, used_until: Option<Duration>, now: Duration) -> Result<(), TooManyAttempts> {
        let with_this = used_until.unwrap_or_default().max(now) + self.one_more;
        match with_this.checked_sub(now + self.all) {
            Some(retry_after) if !retry_after.is_zero() => Err(TooManyAttempts { retry_after }),
            Some(_) | None => Ok(()),
        }
    }

    fn used_until(&self) -> MutexGuard<'_, HashMap<K, Duration>> {
        self.used_until.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Number of remembered keys.
    pub(crate) fn len(&self) -> usize {
        self.used_until().len()
    }
}
