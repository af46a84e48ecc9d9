//! Time in the protocol: a clock that never stops and never goes back, and durations on it.

use std::time::Duration;

/// A time on the clock that counts from the machine's boot and continues during sleep (`CLOCK_BOOTTIME`). It has no
/// meaning on another machine: no rule ever compares such times of two nodes (R7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BootInstant(u64);

impl BootInstant {
    /// Before every other time.
    pub const ZERO: Self = Self(0);
    /// After every other time.
    pub const NEVER: Self = Self(u64::MAX);

    /// The time this many nanoseconds after boot.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since boot.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// This time plus `by`.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// Time elapsed since `earlier`; zero if `earlier` is not before this time.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// Lease time and what follows from it (section 2.8). Fixed for the life of a process (R17).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LeaseConfig {
    /// Lease time: how long a node bridges a database outage, and how long a revocation waits at most.
    pub ttl: Duration,
    /// Interval between renewals.
    pub renew_every: Duration,
    /// Added whenever one machine waits for another's lease, to allow for clock drift and stalled machines (A2).
    pub guard: Duration,
}

impl LeaseConfig {
    /// For tests: bridges an outage of about 1.5 s; a revocation takes at most 3 s.
    pub const QUICK: Self =
        Self { ttl: Duration::from_secs(2), renew_every: Duration::from_millis(500), guard: Duration::from_secs(1) };

    /// For a single Postgres: bridges a restart; a revocation takes at most 6 s.
    pub const DEFAULT: Self =
        Self { ttl: Duration::from_secs(5), renew_every: Duration::from_secs(1), guard: Duration::from_secs(1) };

    /// Maximum wait of a restricting change for nodes with these terms.
    #[must_use]
    pub fn worst_wait(self) -> Duration {
        self.ttl.saturating_add(self.guard)
    }
}
