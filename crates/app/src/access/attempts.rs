//! Limits on wrong credentials (contract, section 10).
//!
//! Only failures count, never a revoked or valid key. A valid key is slowed down only if its source also sends guesses.
//! The counts live in this process alone.

use std::{
    collections::HashSet,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use keyward_domain::{AccountId, KeyId};

use crate::Clock;

mod limit;
mod source;
mod warnings;

pub(crate) use limit::Limit;
pub use limit::TooManyAttempts;
pub use source::Source;
pub(crate) use warnings::{Passed, Warnings};

/// How many times the limit of one source an unconfigured proxy may fail before its look-ups share a small rate.
const GATEWAY: u32 = 10;
/// Maximum number of such gateways that the log names.
const MOST_NAMED: usize = 64;

/// What guesses are counted by: a source, or the account of an authenticated caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum RateLimitKey {
    /// An unauthenticated source.
    Source(Source),
    /// Callers of this account; `None` is the operator.
    Account(Option<AccountId>),
    /// The service itself, when it renews digests.
    Upkeep,
}

/// All limits on guesses.
pub(crate) struct Attempts {
    /// By the address of the request.
    source: Limit<Source>,
    /// By the unconfigured proxy that reports the source: a larger limit, and beyond it a rate of look-ups.
    gateway: Limit<IpAddr>,
    through_gateway: Limit<IpAddr>,
    named: Mutex<HashSet<(IpAddr, bool)>>,
    /// By public key and source, at the token endpoint.
    pair: Limit<(KeyId, Source)>,
    /// By source or account, for keys whose digests are slow to check: one guess costs 20 ms of a core.
    slow: Limit<RateLimitKey>,
    pub(crate) warnings: Warnings,
}

impl Attempts {
    pub(crate) fn new(per_minute: u32, clock: &Arc<dyn Clock>) -> Self {
        Self {
            source: Limit::new(per_minute, Arc::clone(clock)),
            gateway: Limit::new(per_minute.saturating_mul(GATEWAY), Arc::clone(clock)),
            through_gateway: Limit::new(per_minute, Arc::clone(clock)),
            named: Mutex::default(),
            pair: Limit::new(per_minute, Arc::clone(clock)),
            slow: Limit::new(per_minute, Arc::clone(clock)),
            warnings: Warnings::new(Arc::clone(clock)),
        }
    }

    /// Whether this source may look up a key.
    pub(crate) fn admit_look_up(&self, source: Source) -> Result<(), TooManyAttempts> {
        self.source.admit(&source).map_err(|error| self.refused(source, error))?;
        let Some(gateway) = source.gateway() else { return Ok(()) };
        if self.gateway.admit(&gateway).is_ok() {
            return Ok(());
        }
        self.name(gateway, true);
        self.through_gateway.take(&gateway)
    }

    /// Counts a wrong credential.
    pub(crate) fn failed(&self, source: Source) {
        self.source.failed(&source);
        if let Some(gateway) = source.gateway() {
            self.name(gateway, false);
            metrics::counter!("keyward_failures_through_unconfigured_proxies_total").increment(1);
            self.gateway.failed(&gateway);
        }
    }

    /// Counts a wrong pair of keys. Returns an error if too many came before it.
    pub(crate) fn failed_pair(&self, app_key: KeyId, source: Source) -> Result<(), TooManyAttempts> {
        let admitted = self.pair.admit(&(app_key, source)).and_then(|()| self.source.admit(&source));
        admitted.map_err(|error| self.refused(source, error))?;
        self.pair.failed(&(app_key, source));
        self.failed(source);
        Ok(())
    }

    /// Counts a slow guess before it is checked.
    pub(crate) fn guess(&self, limit_key: RateLimitKey) -> Result<Guess<'_>, TooManyAttempts> {
        self.slow.take(&limit_key).map_err(|error| match limit_key {
            RateLimitKey::Source(source) => self.refused(source, error),
            RateLimitKey::Account(_) | RateLimitKey::Upkeep => error,
        })?;
        Ok(Guess { attempts: self, limit_key })
    }

    /// Number of remembered entries, by limit.
    pub(crate) fn entries(&self) -> [(&'static str, usize); 5] {
        [
            ("source", self.source.len()),
            ("gateway", self.gateway.len()),
            ("through_gateway", self.through_gateway.len()),
            ("pair", self.pair.len()),
            ("slow_hash", self.slow.len()),
        ]
    }

    pub(crate) fn forget(&self) {
        self.source.forget();
        self.gateway.forget();
        self.through_gateway.forget();
        self.pair.forget();
        self.slow.forget();
        self.warnings.forget();
    }

    /// Warns about a source that has to wait.
    fn refused(&self, source: Source, error: TooManyAttempts) -> TooManyAttempts {
        self.warnings.passed(source, Passed::WrongCredentials);
        error
    }

    /// Logs once for each gateway that it should be configured, and once that it is slowed down.
    fn name(&self, gateway: IpAddr, is_slowed_down: bool) {
        let mut named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
        if named.len() >= MOST_NAMED || !named.insert((gateway, is_slowed_down)) {
            return;
        }
        if is_slowed_down {
            tracing::warn!(
                %gateway,
                "too many wrong credentials came through {gateway}: keys that are not in memory are looked up slowly \
                 for all its clients; if it is a proxy of yours, name it in trusted_proxies"
            );
        } else {
            tracing::warn!(
                %gateway,
                "{gateway} sends a forwarding header and is not in trusted_proxies: its header is not trusted, and its \
                 clients share a limit on wrong credentials; if it is a proxy of yours, name it in trusted_proxies"
            );
        }
    }
}

/// A counted guess.
#[must_use]
pub(crate) struct Guess<'a> {
    attempts: &'a Attempts,
    limit_key: RateLimitKey,
}

impl Guess<'_> {
    /// Uncounts a guess that was right or was never checked.
    pub(crate) fn give_back(self) {
        self.attempts.slow.give_back(&self.limit_key);
    }
}

#[cfg(test)]
#[path = "attempts/tests.rs"]
mod tests;
