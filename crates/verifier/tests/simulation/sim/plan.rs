//! What the weather of one seed is: how many nodes, how slow and lossy the way to the database, how often what breaks. Some
//! seeds are calm, so that whatever needs hints and quick answers is tried too.

use std::time::Duration;

use keyward_verifier::protocol::LeaseConfig;

use super::rng::Rng;

/// The weather of one seed. Chances are per thousand, times in milliseconds.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) nodes: u64,
    pub(crate) terms: LeaseConfig,
    /// How many narrowing calls there are.
    pub(crate) calls: u32,
    /// The longest pause between two of them.
    pub(crate) gap: u64,
    /// How often a message is lost.
    pub(crate) loss: u64,
    /// How often one is slow: up to some seconds.
    pub(crate) slow: u64,
    /// How often a notification is lost.
    pub(crate) hint_loss: u64,
    /// The longest that a commit takes.
    pub(crate) commit: u64,
    /// How often another thread comes between two steps of a request.
    pub(crate) preempted: u64,
    /// The longest pause between two requests that nobody thought of.
    pub(crate) noise: u64,
    /// The longest pause between two faults of a node, of the database, of its clock.
    pub(crate) node_faults: u64,
    pub(crate) database_faults: u64,
    pub(crate) clock_faults: u64,
}

impl Plan {
    pub(crate) fn draw(rng: &mut Rng) -> Self {
        let pick = |rng: &mut Rng, of: &[u64]| *rng.one_of(of).expect("there is a choice");
        Self {
            nodes: rng.between(2, 5),
            terms: if rng.per_mille(150) { LeaseConfig::DEFAULT } else { LeaseConfig::QUICK },
            calls: 240,
            gap: pick(rng, &[100, 300, 600]),
            loss: pick(rng, &[0, 2, 10, 40]),
            slow: pick(rng, &[0, 2, 10, 30]),
            hint_loss: pick(rng, &[0, 20, 300, 1_000]),
            commit: pick(rng, &[2, 10, 200]),
            preempted: pick(rng, &[5, 20, 60]),
            noise: pick(rng, &[8, 20, 40]),
            node_faults: pick(rng, &[1_500, 4_000, 12_000]),
            database_faults: pick(rng, &[10_000, 30_000]),
            clock_faults: pick(rng, &[1_000, 6_000]),
        }
    }

    /// How long a narrowing call may take at the worst.
    pub(crate) fn worst_wait(&self) -> Duration {
        self.terms.worst_wait()
    }
}
