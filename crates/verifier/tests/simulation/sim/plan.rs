//! The plan of one seed: the number of nodes, the latency and loss of the connection to the database, the frequency of
//! faults. Some seeds are calm, so that behaviour that needs hints and quick replies is tried, too.

use std::time::Duration;

use keyward_verifier::protocol::LeaseConfig;

use super::rng::Rng;

/// The plan of one seed. Probabilities are per thousand, times in milliseconds.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) nodes: u64,
    pub(crate) terms: LeaseConfig,
    /// Number of restricting changes.
    pub(crate) calls: u32,
    /// Maximum pause between two of them.
    pub(crate) gap: u64,
    /// Probability that a message is lost.
    pub(crate) loss: u64,
    /// Probability that a message is slow: up to some seconds.
    pub(crate) slow: u64,
    /// Probability that a notification is lost.
    pub(crate) hint_loss: u64,
    /// Maximum duration of a commit.
    pub(crate) commit: u64,
    /// Probability that another thread runs between two steps of a request.
    pub(crate) preempted: u64,
    /// Maximum pause between two random requests.
    pub(crate) noise: u64,
    /// Maximum pause between two faults of a node, of the database, of its clock.
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

    /// Maximum duration of a restricting change.
    pub(crate) fn worst_wait(&self) -> Duration {
        self.terms.worst_wait()
    }
}
