//! How many wrong credentials are let through before a source has to wait (contract, section 10).
//!
//! Only failures count, never a revoked key or a good one: whoever holds a good key is slowed down only while sharing a
//! source with somebody who guesses. Kept in this process alone.

use std::{
    collections::HashMap,
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use governor::{
    Quota, RateLimiter, clock, middleware::StateInformationMiddleware, nanos::Nanos, state::keyed::DashMapStateStore,
};
use keyward_domain::{AccountId, KeyId};

use super::Clock;

/// Whence a request comes: an address, or for IPv6 the /64 that one customer usually holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Source(IpAddr);

impl From<IpAddr> for Source {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(address) => IpAddr::V4(address),
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        })
    }
}

/// Whose guesses are counted together: a source's, or, where somebody has proved who they are, an account's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Guesser {
    /// Nobody in particular, from there.
    Source(Source),
    /// Callers of this account; none is the operator.
    Account(Option<AccountId>),
}

/// Too many wrong credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many wrong credentials; the next one may come in {retry_after:?}")]
pub struct TooManyAttempts {
    /// How long to wait.
    pub retry_after: Duration,
}

/// The limits that guesses run into.
pub(super) struct Attempts {
    source: Limit<Source>,
    app_key: Limit<KeyId>,
    slow_key: Limit<(KeyId, Guesser)>,
}

impl Attempts {
    pub(super) fn new(per_minute: u32, clock: &Arc<dyn Clock>) -> Self {
        let limit = || PortClock(Arc::clone(clock));
        Self {
            source: Limit::new(per_minute, limit()),
            app_key: Limit::new(per_minute, limit()),
            slow_key: Limit::new(per_minute, limit()),
        }
    }

    /// By where a request comes from.
    pub(super) const fn by_source(&self) -> &Limit<Source> {
        &self.source
    }

    /// By the public key that a token is asked for with.
    pub(super) const fn by_app_key(&self) -> &Limit<KeyId> {
        &self.app_key
    }

    /// By the key whose digest is slow to check, and who guesses: a guess costs us 20 ms of a core.
    pub(super) const fn by_slow_key(&self) -> &Limit<(KeyId, Guesser)> {
        &self.slow_key
    }

    pub(super) fn forget(&self) {
        self.source.forget();
        self.app_key.forget();
        self.slow_key.forget();
    }
}

/// One limit, kept per key: the generic cell rate algorithm over failures.
pub(super) struct Limit<K: Hash + Eq + Clone> {
    failures: RateLimiter<K, DashMapStateStore<K>, PortClock, StateInformationMiddleware>,
    /// How long it takes until one more try is given back.
    one_more: Duration,
    /// Who has used it up, and until when (on the monotonic clock).
    waiting: Mutex<HashMap<K, Duration>>,
    clock: PortClock,
}

impl<K: Hash + Eq + Clone> Limit<K> {
    fn new(per_minute: u32, clock: PortClock) -> Self {
        let quota = Quota::per_minute(NonZeroU32::new(per_minute).unwrap_or(NonZeroU32::MIN));
        let failures = RateLimiter::new(quota, DashMapStateStore::default(), clock.clone());
        let one_more = quota.replenish_interval();
        Self { failures, one_more, waiting: Mutex::default(), clock }
    }

    /// Whether `key` may try (again). Counts nothing.
    pub(super) fn admit(&self, key: &K) -> Result<(), TooManyAttempts> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.0.monotonic();
        match waiting.get(key).and_then(|until| until.checked_sub(now)) {
            Some(retry_after) if !retry_after.is_zero() => Err(TooManyAttempts { retry_after }),
            Some(_) | None => {
                waiting.remove(key);
                Ok(())
            }
        }
    }

    /// Counts a failure of `key`. After the one that uses the limit up, the next ones wait.
    pub(super) fn failed(&self, key: &K) {
        let wait = match self.failures.check_key(key) {
            Ok(left) if left.remaining_burst_capacity() > 0 => return,
            Ok(_) => self.one_more,
            // Several at once were admitted before one of them used the limit up.
            Err(not_until) => not_until.wait_time_from(clock::Clock::now(&self.clock)),
        };
        let until = self.clock.0.monotonic() + wait;
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone(), until);
    }

    fn forget(&self) {
        self.failures.retain_recent();
        self.failures.shrink_to_fit();
        let now = self.clock.0.monotonic();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|_, until| *until > now);
        waiting.shrink_to_fit();
    }
}

/// The service's own clock, as the limiter wants it.
#[derive(Clone)]
struct PortClock(Arc<dyn Clock>);

impl clock::Clock for PortClock {
    type Instant = Nanos;

    fn now(&self) -> Self::Instant {
        Nanos::from(self.0.monotonic())
    }
}

#[cfg(test)]
#[path = "attempts/tests.rs"]
mod tests;
