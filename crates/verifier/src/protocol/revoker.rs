//! Decides when a restricting change may be answered: once every node that could still answer "valid" has acknowledged
//! it or is outlived.

use std::time::Duration;

use keyward_storage::{Enforcement, HistoryToken, Member, Members, NodeId, Position, Seq};

use super::{BootInstant, Rules};

/// Next step of the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Todo {
    /// Commit the change. The call's time counts from the confirmation of the commit.
    Commit,
    /// List the members, in a new statement after the confirmation (R8).
    List,
    /// List the members repeatedly, at most until this time on this node's own clock (R7).
    Poll {
        /// End of the wait.
        until: BootInstant,
    },
    /// Report success.
    Answer,
    /// Report an unknown outcome: the database went back to a state without the change (R18c).
    Unknown,
}

/// The progress of one call that changes what a verification returns.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Revoker {
    rules: Rules,
    guard: Duration,
    /// The longest lease time that this process has ever seen.
    assumed: Duration,
    /// When the commit was confirmed.
    confirmed: Option<BootInstant>,
    awaited: Option<Awaited>,
    waiting: Option<Waiting>,
    is_lost: bool,
}

/// The event that every node must have applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Awaited {
    /// The call's own event.
    Event(Position),
    /// The last event of this history when the members are listed. The change was read in this history, with this
    /// number.
    LastOf(HistoryToken, Seq),
}

/// The nodes that the call waits for, and the longest lease time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Waiting {
    nodes: Vec<NodeId>,
    longest: Duration,
    /// Whether every lease of another history has ended (R13).
    is_settled: bool,
}

impl Waiting {
    fn over() -> Self {
        Self { nodes: Vec::new(), longest: Duration::ZERO, is_settled: true }
    }
}

impl Revoker {
    /// A call that must commit first.
    #[must_use]
    pub const fn begun(rules: Rules, guard: Duration, assumed: Duration) -> Self {
        Self { rules, guard, assumed, confirmed: None, awaited: None, waiting: None, is_lost: false }
    }

    /// A call whose change an earlier call committed (R9), read as `last`. `enforced` if the change is known to be
    /// enforced on every node. The first call's start is unknown here, so the time counts from now.
    #[must_use]
    pub fn repeated(
        rules: Rules,
        guard: Duration,
        assumed: Duration,
        last: &Enforcement,
        enforced: bool,
        now: BootInstant,
    ) -> Self {
        let is_over = enforced || !rules.repeated_call_waits();
        Self {
            confirmed: Some(now),
            awaited: Some(Awaited::LastOf(last.token, last.seq)),
            waiting: is_over.then(Waiting::over),
            ..Self::begun(rules, guard, assumed)
        }
    }

    /// Records the confirmed commit. Read the clock after the confirmation.
    pub fn committed(&mut self, event: Position, now: BootInstant) {
        self.confirmed = Some(now);
        self.awaited = Some(Awaited::Event(event));
    }

    /// Records the listed members. `is_settled` if every lease of another history has ended by now
    /// ([`Newness::allows_early`](super::Newness::allows_early)).
    pub fn listed(&mut self, members: &Members, is_settled: bool) {
        let nodes = members.rows.iter().map(|row| row.node).collect();
        let mut longest = members.rows.iter().map(|row| row.ttl).max().unwrap_or_default();
        if self.rules.history().longest_lease_is_remembered() {
            longest = longest.max(self.assumed);
        }
        self.waiting = Some(Waiting { nodes, longest, is_settled: false });
        self.acknowledged(members, is_settled);
    }

    /// Records the members listed again. If a node's row is gone, another node has outlived it (R10).
    pub fn acknowledged(&mut self, members: &Members, is_settled: bool) {
        let Some(event) = self.find(members) else { return };
        let rules = self.rules;
        if let Some(waiting) = &mut self.waiting {
            waiting.is_settled |= is_settled;
            waiting.nodes.retain(|node| {
                let row = members.rows.iter().find(|row| row.node == *node);
                row.is_some_and(|row| !has_acknowledged(rules, row, event.seq, members))
            });
        }
    }

    /// The event that must be acknowledged, in this list. None before the commit, and if the list shows that the change
    /// is lost.
    fn find(&mut self, members: &Members) -> Option<Position> {
        match self.awaited? {
            Awaited::Event(event) => {
                self.is_lost |= self.rules.history().barrier_names_its_event() && members.absent.contains(&event);
                (!self.is_lost).then_some(event)
            }
            Awaited::LastOf(token, seq) => {
                let is_elsewhere = members.head.token != token || members.head.seq() < seq;
                self.is_lost |= self.rules.history().barrier_names_its_event() && is_elsewhere;
                self.awaited = Some(Awaited::Event(members.head.position)).filter(|_| !self.is_lost).or(self.awaited);
                (!self.is_lost).then_some(members.head.position)
            }
        }
    }

    /// Records the current time.
    pub fn passed(&mut self, now: BootInstant) {
        if self.rules.revoker_trusts_its_own_clock()
            && let Some(end) = self.end()
            && now >= end
        {
            self.waiting = Some(Waiting::over());
        }
    }

    /// Next step.
    #[must_use]
    pub fn next(&self) -> Todo {
        if self.is_lost {
            return Todo::Unknown;
        }
        match (&self.waiting, self.confirmed) {
            (None, None) if !self.rules.members_after_commit() => Todo::List,
            (_, None) => Todo::Commit,
            (None, Some(_)) => Todo::List,
            (Some(waiting), Some(_)) if waiting.nodes.is_empty() && waiting.is_settled => Todo::Answer,
            (Some(_), Some(_)) => Todo::Poll { until: self.end().unwrap_or(BootInstant::NEVER) },
        }
    }

    /// The event that the call waits for. None before the commit, and for a repeated call before the first list.
    #[must_use]
    pub const fn event(&self) -> Option<Position> {
        match self.awaited {
            Some(Awaited::Event(event)) => Some(event),
            Some(Awaited::LastOf(..)) | None => None,
        }
    }

    /// Latest end of the wait, even if the database no longer replies: by then every lease requested before the commit
    /// has ended (2.4). None before the commit.
    #[must_use]
    pub fn end(&self) -> Option<BootInstant> {
        let longest = self.waiting.as_ref().map_or(self.assumed, |waiting| waiting.longest);
        Some(self.confirmed?.plus(longest).plus(self.guard))
    }
}

/// Whether this row acknowledges the event. A row that has applied more than the last event belongs to another history.
fn has_acknowledged(rules: Rules, row: &Member, event: Seq, members: &Members) -> bool {
    let lapsed = row.renewed_at.saturating_add(row.ttl) <= members.database_time;
    let is_beyond = rules.history().rows_beyond_the_head_do_not_count() && row.applied > members.head.seq();
    (row.applied >= event && !is_beyond) || (!rules.revoker_trusts_its_own_clock() && lapsed)
}

#[cfg(test)]
#[path = "revoker/tests.rs"]
mod tests;
