//! Time and randomness that only tests control.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use keyward_app::{Clock, Entropy, NoEntropy};
use keyward_domain::Timestamp;
use keyward_testkit::rng::nth;
use keyward_verifier::protocol::BootInstant;
use tokio::time::Instant;

use super::START;

/// A clock that stands still until a test advances it.
pub(crate) struct Dial {
    micros: AtomicI64,
    /// How far the wall clock was set back; the boot clock continues.
    back: AtomicI64,
}

impl Default for Dial {
    fn default() -> Self {
        Self::at(start())
    }
}

impl Dial {
    /// A clock at this time.
    pub(crate) fn at(now: Timestamp) -> Self {
        Self { micros: AtomicI64::new(now.as_micros()), back: AtomicI64::new(0) }
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.micros.fetch_add(i64::try_from(by.as_micros()).unwrap(), Ordering::Relaxed);
    }

    /// Its time, for a database without its own clock.
    pub(crate) fn shown(self: &Arc<Self>) -> impl Fn() -> Timestamp + Send + Sync + use<> {
        let dial = Arc::clone(self);
        move || dial.wall()
    }

    /// Sets the wall clock ahead; the boot clock stays.
    pub(crate) fn set_ahead(&self, by: Duration) {
        self.back.fetch_sub(i64::try_from(by.as_micros()).unwrap(), Ordering::Relaxed);
    }

    /// Sets the wall clock back; the boot clock stays.
    pub(crate) fn set_back(&self, by: Duration) {
        self.back.fetch_add(i64::try_from(by.as_micros()).unwrap(), Ordering::Relaxed);
    }
}

impl Clock for Dial {
    fn boot(&self) -> BootInstant {
        BootInstant::from_nanos(u64::try_from(self.monotonic().as_nanos()).unwrap() + 1)
    }

    fn wall(&self) -> Timestamp {
        let micros = self.micros.load(Ordering::Relaxed) - self.back.load(Ordering::Relaxed);
        Timestamp::from_micros(micros).unwrap()
    }

    fn monotonic(&self) -> Duration {
        Timestamp::from_micros(self.micros.load(Ordering::Relaxed)).unwrap().since(start())
    }
}

/// A clock that follows tokio's: where that is paused, time advances immediately whenever all tasks wait.
pub(crate) struct Simulated(Instant);

impl Simulated {
    pub(crate) fn begin() -> Self {
        Self(Instant::now())
    }

    /// Time since its start.
    pub(crate) fn passed(&self) -> Duration {
        self.0.elapsed()
    }
}

impl Clock for Simulated {
    fn boot(&self) -> BootInstant {
        BootInstant::from_nanos(u64::try_from(self.passed().as_nanos()).unwrap() + 1)
    }

    fn wall(&self) -> Timestamp {
        start().saturating_add(self.passed())
    }

    fn monotonic(&self) -> Duration {
        self.passed()
    }
}

fn start() -> Timestamp {
    START.parse().unwrap()
}

/// Start of the default bytes. Some tests depend on these bytes: ids of keys decide which parts of memory fill up.
const FIRST: u64 = u64::MAX;

/// Bytes that look random and are the same in every run. The counter is the position in the stream of [`nth`].
pub(crate) struct Counted(AtomicU64);

impl Default for Counted {
    fn default() -> Self {
        Self::from(0)
    }
}

impl Counted {
    /// Bytes from another part of the stream for each seed.
    pub(crate) fn from(seed: u64) -> Self {
        Self(AtomicU64::new(FIRST.wrapping_add(seed << 32)))
    }
}

impl Entropy for Counted {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        for chunk in bytes.chunks_mut(8) {
            let word = nth(self.0.fetch_add(1, Ordering::Relaxed));
            chunk.copy_from_slice(&word.to_be_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}
