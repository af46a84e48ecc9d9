//! What may happen in one search, and how often: the bounds without which it would never end.

use std::time::Duration;

use keyward_verifier::protocol::Rules;

use crate::names::ticks;

/// What may happen beside joining, renewing, reading, one narrowing call and a request after its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Happening {
    /// A message of a node to the database, or the reply, is lost.
    Loss,
    /// What was given up on is carried out all the same, later.
    LateWork,
    /// A process dies and starts anew.
    Crash,
    /// The machine stands in for a dead node and takes its row away.
    Reaping,
    /// The database's wall clock steps ahead.
    ClockJump,
    /// A node is told of the last event by a notification.
    Hint,
    /// A node is told of an event that there is not.
    FalseHint,
    /// Something else is changed, too, by somebody else.
    SecondChange,
    /// Somebody else widens the same key, before it is narrowed or after.
    Widening,
    /// The narrowing call is repeated before it was answered.
    Repeat,
    /// The node gives its lease back.
    Leave,
}

/// The bounds of one search.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    pub(crate) rules: Rules,
    pub(crate) nodes: u8,
    /// How far the clock goes.
    pub(crate) ticks: u8,
    /// How many ticks a lease lasts. The guard is nothing: all clocks here run at the same rate.
    pub(crate) ttl: u8,
    /// How many names a process may use: one for each attempt to join.
    pub(crate) names: u8,
    /// How many renewals a name may have. If none is given, they are without number and not counted: only a reaper looks
    /// at the counter.
    pub(crate) renewals: Option<u8>,
    pub(crate) may: &'static [Happening],
}

impl Scope {
    pub(crate) fn may(&self, happening: Happening) -> bool {
        self.may.contains(&happening)
    }

    /// The life of a lease.
    pub(crate) fn lease_time(&self) -> Duration {
        ticks(self.ttl)
    }
}
