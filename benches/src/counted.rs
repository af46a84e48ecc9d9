//! A stopped clock, and pseudorandom bytes that are the same in every run.

use std::sync::atomic::{AtomicU64, Ordering};

use keyward_app::{Clock, Entropy, NoEntropy};
use keyward_domain::Timestamp;
use keyward_testkit::rng::nth;
use keyward_verifier::protocol::BootInstant;

/// A stopped clock. Reading it costs nothing, so the cost of reading a real clock does not count.
#[derive(Clone, Copy, Debug)]
pub struct Still(Timestamp);

impl Still {
    /// Stops the clock at this moment.
    #[must_use]
    pub const fn at(moment: Timestamp) -> Self {
        Self(moment)
    }
}

impl Clock for Still {
    fn boot(&self) -> BootInstant {
        BootInstant::from_nanos(1_000_000_000)
    }

    fn wall(&self) -> Timestamp {
        self.0
    }
}

/// Pseudorandom bytes that are the same in every run. Never use them for a key that protects anything.
#[derive(Debug, Default)]
pub struct Counted(AtomicU64);

impl Counted {
    /// Starts at another position than the default.
    #[must_use]
    pub const fn from(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// The next number.
    pub fn next(&self) -> u64 {
        nth(self.0.fetch_add(1, Ordering::Relaxed))
    }

    /// The next bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.next().to_be_bytes()[..chunk.len()]);
        }
        bytes
    }
}

impl Entropy for Counted {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.next().to_be_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}
