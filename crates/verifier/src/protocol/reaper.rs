//! Decides which rows of dead nodes may be removed: those unchanged for their lease time plus the guard, by this node's
//! own clock (R10). Never uses a time that another machine wrote.

use std::{collections::BTreeMap, time::Duration};

use keyward_storage::{Members, NodeId};

use super::{BootInstant, Rules};

/// A stale row: remove it if its counter is still this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StaleRow {
    /// The row's node.
    pub node: NodeId,
    /// The counter when the row was seen.
    pub counter: u64,
}

/// The rows of other nodes as one node has seen them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reaper {
    rules: Rules,
    guard: Duration,
    seen: BTreeMap<NodeId, Sighting>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Sighting {
    counter: u64,
    since: BootInstant,
}

impl Reaper {
    /// A reaper that has seen no rows yet.
    #[must_use]
    pub const fn new(rules: Rules, guard: Duration) -> Self {
        Self { rules, guard, seen: BTreeMap::new() }
    }

    /// Examines the members and returns the rows that have been unchanged for too long. Read the clock after listing
    /// the members and before removing anything: then a lease requested before the first look has ended.
    pub fn look(&mut self, members: &Members, now: BootInstant) -> Vec<StaleRow> {
        self.seen.retain(|node, _| members.rows.iter().any(|row| row.node == *node));
        let mut stale = Vec::new();
        for row in &members.rows {
            let sighting = self.seen.entry(row.node).or_insert(Sighting { counter: row.counter, since: now });
            if sighting.counter != row.counter {
                *sighting = Sighting { counter: row.counter, since: now };
            }
            let outlived = now >= sighting.since.plus(row.ttl).plus(self.guard);
            let lapsed = row.renewed_at.saturating_add(row.ttl) <= members.database_time;
            if outlived || (!self.rules.reaper_trusts_its_own_clock() && lapsed) {
                stale.push(StaleRow { node: row.node, counter: row.counter });
            }
        }
        stale
    }
}

#[cfg(test)]
mod tests {
    //! R10.
    use keyward_domain::Timestamp;
    use keyward_storage::{Member, Seq, Snapshot};
    use uuid::Uuid;

    use super::*;

    fn members(rows: &[(u128, u64)]) -> Members {
        let time = Timestamp::from_micros(0).unwrap();
        let row = |&(node, counter): &(u128, u64)| Member {
            node: NodeId::from_uuid(Uuid::from_u128(node)),
            counter,
            applied: Seq::ZERO,
            ttl: Duration::from_nanos(10),
            started_at: time,
            renewed_at: time,
            version: String::new(),
        };
        Members {
            rows: rows.iter().map(row).collect(),
            head: Snapshot::default(),
            is_marked: false,
            absent: Vec::new(),
            database_time: Timestamp::MAX,
        }
    }

    fn look(reaper: &mut Reaper, rows: &[(u128, u64)], now: u64) -> Vec<(u128, u64)> {
        let stale = reaper.look(&members(rows), BootInstant::from_nanos(now));
        stale.iter().map(|it| (it.node.uuid().as_u128(), it.counter)).collect()
    }

    #[test]
    fn only_a_row_unchanged_for_its_lease_and_the_guard_is_removed() {
        let mut reaper = Reaper::new(Rules::ALL, Duration::from_nanos(5));
        assert!(look(&mut reaper, &[(1, 7), (2, 7)], 100).is_empty(), "whatever the database's clock shows");
        assert!(look(&mut reaper, &[(1, 7), (2, 8)], 114).is_empty());
        assert_eq!(look(&mut reaper, &[(1, 7), (2, 8)], 115), [(1, 7)]);
        assert_eq!(look(&mut reaper, &[(2, 8)], 129), [(2, 8)]);
    }

    #[test]
    fn a_row_that_reappears_starts_a_new_period() {
        let mut reaper = Reaper::new(Rules::ALL, Duration::from_nanos(5));
        assert!(look(&mut reaper, &[(1, 7)], 100).is_empty());
        assert!(look(&mut reaper, &[], 110).is_empty());
        assert!(look(&mut reaper, &[(1, 7)], 120).is_empty());
    }
}
