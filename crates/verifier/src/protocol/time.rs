//! Time as the protocol knows it: a clock that never stands still and never goes back, and how long things last on it.

use std::time::Duration;

/// A moment on the clock that counts from the start of the machine and goes on while it sleeps (`CLOCK_BOOTTIME`). Means
/// nothing on another machine: no rule ever compares two of them from two nodes (R7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BootInstant(u64);

impl BootInstant {
    /// Before every other moment.
    pub const ZERO: Self = Self(0);
    /// After every other moment.
    pub const NEVER: Self = Self(u64::MAX);

    /// So many nanoseconds after the start of the machine.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// In nanoseconds after the start of the machine.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// So much later.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// How much later this is than `earlier`; nothing if it is not.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// How long a lease lasts, and what follows from it (section 2.8). Fixed for the life of a process (R17).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LeaseConfig {
    /// The life of a lease: how long an outage of the database is bridged, and what a revoke waits at the worst.
    pub ttl: Duration,
    /// How often it is renewed.
    pub renew_every: Duration,
    /// What is added wherever one machine waits for the lease of another: for clocks that run apart and machines that
    /// stall (A2).
    pub guard: Duration,
}

impl LeaseConfig {
    /// For tests: about 1.5 s of outage bridged, 3 s for the worst revoke.
    pub const QUICK: Self =
        Self { ttl: Duration::from_secs(2), renew_every: Duration::from_millis(500), guard: Duration::from_secs(1) };

    /// For one Postgres: a restart of it bridged, 6 s for the worst revoke.
    pub const DEFAULT: Self =
        Self { ttl: Duration::from_secs(5), renew_every: Duration::from_secs(1), guard: Duration::from_secs(1) };

    /// How long a narrowing call waits at the worst for nodes of these terms.
    #[must_use]
    pub fn worst_wait(self) -> Duration {
        self.ttl.saturating_add(self.guard)
    }
}
