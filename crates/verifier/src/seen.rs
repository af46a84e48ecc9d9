//! Records what database replies also show: the history, and how long leases last. Sends no queries itself.

use std::{
    sync::{MutexGuard, PoisonError, atomic::Ordering},
    time::Duration,
};

use keyward_storage::{HistoryToken, Members};

use crate::{
    node_state::NodeState,
    protocol::{BootInstant, Newness},
};

impl NodeState {
    /// Records listed members, requested at `sent_at` and received by now. Returns whether every lease of another
    /// history has ended (R13).
    pub(crate) fn saw_members(&self, members: &Members, sent_at: BootInstant) -> bool {
        let longest = members.rows.iter().map(|row| row.ttl).max().unwrap_or_default();
        self.longest_seen.fetch_max(u64::try_from(longest.as_nanos()).unwrap_or(u64::MAX), Ordering::AcqRel);
        let (token, now) = (members.head.token, self.clock.boot());
        let mut newness = self.newness();
        self.count(newness.see(token, sent_at, now));
        if members.is_marked {
            newness.marked(token);
        }
        newness.allows_early(token, self.longest_lease(), now)
    }

    /// Records that the reply to a request sent at `sent_at` named this history.
    pub(crate) fn saw_history(&self, token: HistoryToken, sent_at: BootInstant) {
        let mut newness = self.newness();
        self.count(newness.see(token, sent_at, self.clock.boot()));
    }

    fn count(&self, is_another: bool) {
        self.histories.fetch_add(u64::from(is_another), Ordering::AcqRel);
    }

    /// Whether to trust a record of this history that a change is enforced (R18).
    pub(crate) fn trusts_records(&self, token: HistoryToken) -> bool {
        self.newness().trusts_records(token, self.longest_lease(), self.clock.boot())
    }

    pub(crate) fn newness(&self) -> MutexGuard<'_, Newness> {
        self.newness.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lease time to assume for nodes that cannot be listed (R17).
    pub(crate) fn longest_lease(&self) -> Duration {
        Duration::from_nanos(self.longest_seen.load(Ordering::Acquire)).max(self.terms.ttl)
    }
}
