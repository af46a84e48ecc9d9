//! What may happen in one search, and how often: bounds that make it finite.

use std::time::Duration;

use keyward_verifier::protocol::Rules;

use crate::names::ticks;

/// What may happen beside joining, renewing, reading, restricting changes, copies and restores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Happening {
    /// A message of a node to the database, or the reply, is lost.
    Loss,
    /// An aborted renewal takes effect later.
    LateWork,
    /// A process dies and restarts.
    Crash,
    /// Events are read, and arrive later.
    DelayedEvents,
    /// A list of members is sent, read and received at different times.
    DelayedLists,
    /// The server restarts on its data.
    Restart,
    /// The old server continues to answer reads of keys after the restore.
    OldReads,
    /// The old server continues to confirm renewals, which no rule covers (A1).
    OldRenewals,
    /// Rows of stalled nodes are reaped.
    Reaping,
    /// Calls record that their change is enforced.
    Records,
    /// Processes that have waited mark the history.
    Marks,
}

/// When and for which changes the promise must hold after a restore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Promise {
    /// Immediately, for every answered call whose change exists.
    AtOnce,
    /// From the end of a lease after it: all that is possible if the token does not change.
    LeaseLater,
    /// The same, and for every restriction in the copy, even of an unanswered call.
    LeaseLaterForTheCopy,
}

/// The bounds of one search.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a separate choice of a search")]
pub(crate) struct Scope {
    pub(crate) rules: Rules,
    pub(crate) nodes: u8,
    pub(crate) calls: u8,
    /// Maximum number of node ids per process: one per attempt to join.
    pub(crate) names: u8,
    /// Maximum time in ticks.
    pub(crate) ticks: u8,
    /// Lease time in ticks. The guard is zero: all clocks here run at the same rate.
    pub(crate) ttl: u8,
    /// Maximum number of events per history.
    pub(crate) events: u8,
    /// Maximum number of changes of something else, of liftings of the restriction, and of restrictions by an operator.
    pub(crate) others: u8,
    pub(crate) lifts: u8,
    pub(crate) restricts: u8,
    pub(crate) restores: u8,
    /// Maximum number of renewals per node id. If none is given they are not counted: only a reaper uses the counter.
    pub(crate) renewals: Option<u8>,
    /// The second call belongs to a process that has not seen the database before.
    pub(crate) second_is_fresh: bool,
    /// A restore keeps the token: manually restored rows.
    pub(crate) token_stays: bool,
    pub(crate) promise: Promise,
    /// The promise also applies to calls whose later lifting was lost with the history.
    pub(crate) lost_liftings_count: bool,
    /// Instead of the wait after a new token: every row listed was renewed under it.
    pub(crate) rows_instead_of_the_wait: bool,
    pub(crate) may: &'static [Happening],
}

impl Scope {
    /// One node, one call, one restore with a new token, and all rules.
    pub(crate) const ONE: Self = Self {
        rules: Rules::ALL,
        nodes: 1,
        calls: 1,
        names: 2,
        ticks: 2,
        ttl: 1,
        events: 3,
        others: 0,
        lifts: 0,
        restricts: 0,
        restores: 1,
        renewals: None,
        second_is_fresh: false,
        token_stays: false,
        promise: Promise::AtOnce,
        lost_liftings_count: false,
        rows_instead_of_the_wait: false,
        may: &[],
    };

    pub(crate) fn may(&self, happening: Happening) -> bool {
        self.may.contains(&happening)
    }

    /// Lease time.
    pub(crate) fn lease_time(&self) -> Duration {
        ticks(self.ttl)
    }
}
