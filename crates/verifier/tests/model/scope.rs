//! What may happen in one search, and how often: bounds that make it finite.

use std::time::Duration;

use keyward_verifier::protocol::Rules;

use crate::names::ticks;

/// What may happen beside joining, renewing, reading, one restricting change and a request after its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Happening {
    /// A message of a node to the database, or the reply, is lost.
    Loss,
    /// An aborted message takes effect later.
    LateWork,
    /// A process dies and restarts.
    Crash,
    /// A reaper removes the row of a dead node.
    Reaping,
    /// The database's wall clock steps ahead.
    ClockJump,
    /// A notification of the last event reaches a node.
    Hint,
    /// A notification of a nonexistent event reaches a node.
    FalseHint,
    /// Another client changes something else.
    SecondChange,
    /// Another client lifts the restriction of the same key, before or after the restricting change.
    Lifting,
    /// The restricting change is repeated before it is answered.
    Repeat,
    /// The node releases its lease.
    Leave,
}

/// The bounds of one search.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    pub(crate) rules: Rules,
    pub(crate) nodes: u8,
    /// Maximum time in ticks.
    pub(crate) ticks: u8,
    /// Lease time in ticks. The guard is zero: all clocks here run at the same rate.
    pub(crate) ttl: u8,
    /// Maximum number of node ids per process: one per attempt to join.
    pub(crate) names: u8,
    /// Maximum number of renewals per node id. If none is given, they are unlimited and not counted: only a reaper uses
    /// the counter.
    pub(crate) renewals: Option<u8>,
    pub(crate) may: &'static [Happening],
}

impl Scope {
    pub(crate) fn may(&self, happening: Happening) -> bool {
        self.may.contains(&happening)
    }

    /// Lease time.
    pub(crate) fn lease_time(&self) -> Duration {
        ticks(self.ttl)
    }
}
