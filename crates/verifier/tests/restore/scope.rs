//! What may happen in one search, and how often: the bounds without which it would never end.

use std::time::Duration;

use keyward_verifier::protocol::Rules;

use crate::names::ticks;

/// What may happen beside joining, renewing, reading, narrowing calls, copies and restores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Happening {
    /// A message of a node to the database, or the reply, is lost.
    Loss,
    /// A renewal that was given up is carried out all the same, later.
    LateWork,
    /// A process dies and starts anew.
    Crash,
    /// Events are read, and arrive later.
    DelayedEvents,
    /// A list of members is sent, read and heard of at different times.
    DelayedLists,
    /// The server is started anew on the data that it has.
    Restart,
    /// The old server goes on answering reads of keys after the restore.
    OldReads,
    /// The old server goes on confirming renewals, which no rule can make up for (A1).
    OldRenewals,
    /// The rows of nodes that stand still are taken away.
    Reaping,
    /// Calls note that their change is in force.
    Notes,
    /// Processes that have waited mark the history.
    Marks,
}

/// From when on the promise is asked for after a restore, and for whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Promise {
    /// At once, for every call that was answered and whose change is there.
    AtOnce,
    /// From the end of a lease after it on: all that can be kept where the token stands still.
    LeaseLater,
    /// The same, and for whatever the copy says is narrowed, by an answered call or not.
    LeaseLaterForTheCopy,
}

/// The bounds of one search.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a question of its own, and any of them may be asked")]
pub(crate) struct Scope {
    pub(crate) rules: Rules,
    pub(crate) nodes: u8,
    pub(crate) calls: u8,
    /// How many names a process may use: one for each attempt to join.
    pub(crate) names: u8,
    /// How far the clock goes.
    pub(crate) ticks: u8,
    /// How many ticks a lease lasts. The guard is nothing: all clocks here run at the same rate.
    pub(crate) ttl: u8,
    /// How many events one history may have.
    pub(crate) events: u8,
    /// How many changes of something else there may be, how often the key is widened, and how often an operator narrows
    /// it.
    pub(crate) others: u8,
    pub(crate) widens: u8,
    pub(crate) narrows: u8,
    pub(crate) restores: u8,
    /// How many renewals a name may have. If none is given they are not counted: only a reaper looks at the counter.
    pub(crate) renewals: Option<u8>,
    /// The second call is of a process that has not seen the database before.
    pub(crate) second_is_fresh: bool,
    /// A restore leaves the token as it is: rows put back by hand.
    pub(crate) token_stays: bool,
    pub(crate) promise: Promise,
    /// Calls whose later widening was lost with the history are held to the promise, too.
    pub(crate) lost_widenings_count: bool,
    /// Instead of the wait after a new token: every row listed was renewed under it.
    pub(crate) rows_instead_of_the_wait: bool,
    pub(crate) may: &'static [Happening],
}

impl Scope {
    /// One node, one call, one restore that comes with a token of its own, and all rules.
    pub(crate) const ONE: Self = Self {
        rules: Rules::ALL,
        nodes: 1,
        calls: 1,
        names: 2,
        ticks: 2,
        ttl: 1,
        events: 3,
        others: 0,
        widens: 0,
        narrows: 0,
        restores: 1,
        renewals: None,
        second_is_fresh: false,
        token_stays: false,
        promise: Promise::AtOnce,
        lost_widenings_count: false,
        rows_instead_of_the_wait: false,
        may: &[],
    };

    pub(crate) fn may(&self, happening: Happening) -> bool {
        self.may.contains(&happening)
    }

    /// The life of a lease.
    pub(crate) fn lease_time(&self) -> Duration {
        ticks(self.ttl)
    }
}
