//! When a narrowing call may be answered: every node that could still say "valid" has acknowledged, or is outlived.

use std::time::Duration;

use keyward_storage::{Members, NodeId, Seq};

use super::{Boot, Rules};

/// What the call has to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Todo {
    /// Commit the change. Its confirmation is the moment from which the call counts.
    Commit,
    /// List the members: in a new statement, and after the confirmation (R8).
    List,
    /// List the members again and again; at this moment, on one's own clock, it is over in any case (R7).
    Poll {
        /// The moment.
        until: Boot,
    },
    /// Answer.
    Answer,
}

/// One narrowing or widening call, on its way to its answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Revoker {
    rules: Rules,
    guard: Duration,
    /// The longest lease that any node may have, as far as is known: for as long as no list is to be had.
    assumed: Duration,
    /// The event, and when its commit was confirmed.
    confirmed: Option<(Seq, Boot)>,
    waiting: Option<Waiting>,
}

/// Whom the call waits for, and how long at the most.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Waiting {
    nodes: Vec<NodeId>,
    longest: Duration,
}

impl Waiting {
    fn over() -> Self {
        Self { nodes: Vec::new(), longest: Duration::ZERO }
    }
}

impl Revoker {
    /// A call that has to commit first.
    #[must_use]
    pub const fn begun(rules: Rules, guard: Duration, assumed: Duration) -> Self {
        Self { rules, guard, assumed, confirmed: None, waiting: None }
    }

    /// A call whose change was committed by an earlier one (R9): `enforced` if it is known to be in force everywhere.
    /// The first call's clock is not known here, so it counts from now.
    #[must_use]
    pub fn repeated(rules: Rules, guard: Duration, assumed: Duration, seq: Seq, enforced: bool, now: Boot) -> Self {
        let over = enforced || !rules.repeated_call_waits;
        Self { rules, guard, assumed, confirmed: Some((seq, now)), waiting: over.then(Waiting::over) }
    }

    /// The commit was confirmed; the clock was read after that.
    pub fn committed(&mut self, seq: Seq, now: Boot) {
        self.confirmed = Some((seq, now));
    }

    /// The members, as listed.
    pub fn listed(&mut self, members: &Members) {
        let nodes = members.rows.iter().map(|row| row.node).collect();
        let longest = members.rows.iter().map(|row| row.ttl).max().unwrap_or_default();
        self.waiting = Some(Waiting { nodes, longest });
        self.acknowledged(members);
    }

    /// The members, listed again. A node whose row is gone was outlived by somebody else (R10).
    pub fn acknowledged(&mut self, members: &Members) {
        let (Some(waiting), Some((seq, _))) = (&mut self.waiting, self.confirmed) else { return };
        let trusts_database_clock = !self.rules.revoker_trusts_its_own_clock;
        waiting.nodes.retain(|node| {
            let row = members.rows.iter().find(|row| row.node == *node);
            row.is_some_and(|row| {
                let lapsed = row.renewed_at.saturating_add(row.ttl) <= members.database_time;
                row.applied < seq && !(trusts_database_clock && lapsed)
            })
        });
    }

    /// The clock was read.
    pub fn passed(&mut self, now: Boot) {
        if self.rules.revoker_trusts_its_own_clock
            && let Some(end) = self.end()
            && now >= end
        {
            self.waiting = Some(Waiting::over());
        }
    }

    /// What to do next.
    #[must_use]
    pub fn next(&self) -> Todo {
        match (&self.waiting, self.confirmed) {
            (None, None) if !self.rules.members_after_commit => Todo::List,
            (_, None) => Todo::Commit,
            (None, Some(_)) => Todo::List,
            (Some(waiting), Some(_)) if waiting.nodes.is_empty() => Todo::Answer,
            (Some(_), Some(_)) => Todo::Poll { until: self.end().unwrap_or(Boot::NEVER) },
        }
    }

    /// The event that the call waits for.
    #[must_use]
    pub fn seq(&self) -> Option<Seq> {
        self.confirmed.map(|(seq, _)| seq)
    }

    /// When it is over in any case, even if the database can no longer be asked: every lease that was asked for before
    /// the commit has ended (2.4). None before the commit.
    #[must_use]
    pub fn end(&self) -> Option<Boot> {
        let (_, at) = self.confirmed?;
        let longest = self.waiting.as_ref().map_or(self.assumed, |waiting| waiting.longest);
        Some(at.plus(longest).plus(self.guard))
    }
}

#[cfg(test)]
mod tests {
    //! R7, R8 and R9.
    use keyward_domain::Timestamp;
    use keyward_storage::Member;
    use uuid::Uuid;

    use super::*;

    const GUARD: Duration = Duration::from_nanos(5);

    fn at(nanos: u64) -> Boot {
        Boot::from_nanos(nanos)
    }

    fn members(rows: &[(u128, u64, u64)]) -> Members {
        let time = Timestamp::from_micros(0).unwrap();
        let row = |&(node, applied, ttl): &(u128, u64, u64)| Member {
            node: NodeId::from_uuid(Uuid::from_u128(node)),
            counter: 0,
            applied: Seq::new(applied),
            ttl: Duration::from_nanos(ttl),
            started_at: time,
            renewed_at: time,
            version: String::new(),
        };
        Members { rows: rows.iter().map(row).collect(), head: Seq::new(9), database_time: Timestamp::MAX }
    }

    fn committed(seq: u64) -> Revoker {
        let mut revoker = Revoker::begun(Rules::ALL, GUARD, Duration::from_nanos(30));
        assert_eq!(revoker.next(), Todo::Commit);
        revoker.committed(Seq::new(seq), at(100));
        assert_eq!(revoker.next(), Todo::List, "the members are listed after the commit");
        revoker
    }

    #[test]
    fn where_nobody_is_a_member_nobody_is_waited_for() {
        let mut revoker = committed(4);
        revoker.listed(&members(&[]));
        assert_eq!(revoker.next(), Todo::Answer);
    }

    #[test]
    fn every_listed_node_acknowledges_or_goes() {
        let mut revoker = committed(4);
        revoker.listed(&members(&[(1, 3, 10), (2, 4, 20), (3, 0, 10)]));
        let end = Todo::Poll { until: at(125) };
        assert_eq!(revoker.next(), end);
        revoker.acknowledged(&members(&[(1, 4, 10), (2, 4, 20), (3, 3, 10), (9, 0, 10)]));
        assert_eq!(revoker.next(), end, "node 3 is behind; node 9 came later and does not count");
        revoker.acknowledged(&members(&[(9, 0, 10)]));
        assert_eq!(revoker.next(), Todo::Answer);
    }

    #[test]
    fn a_silent_node_is_outlived_by_the_longest_lease_and_the_guard_on_ones_own_clock() {
        let mut revoker = committed(4);
        revoker.listed(&members(&[(1, 0, 10), (2, 4, 20)]));
        revoker.passed(at(124));
        assert_eq!(revoker.next(), Todo::Poll { until: at(125) });
        revoker.passed(at(125));
        assert_eq!(revoker.next(), Todo::Answer);
    }

    #[test]
    fn a_call_that_cannot_list_anybody_any_more_ends_all_the_same() {
        let mut revoker = committed(4);
        revoker.passed(at(134));
        assert_eq!(revoker.next(), Todo::List);
        revoker.passed(at(135));
        assert_eq!(revoker.next(), Todo::Answer);
    }

    #[test]
    fn a_repeated_call_waits_unless_the_change_is_known_to_be_in_force() {
        let again = |enforced| {
            Revoker::repeated(Rules::ALL, GUARD, Duration::from_nanos(30), Seq::new(4), enforced, at(300)).next()
        };
        assert_eq!(again(true), Todo::Answer);
        assert_eq!(again(false), Todo::List);
    }
}
