//! A node's knowledge of the history that it has joined: the random numbers of its own row, and the last events that it
//! applied. Does no I/O and decides nothing about leases.

use std::collections::VecDeque;

use keyward_domain::Timestamp;
use keyward_storage::{HistoryToken, LostHistory, Members, NodeId, Position, Renewal, Seq, Snapshot};

use crate::protocol::{HistoryRules, PendingRenewal, RowNumbers};

/// Maximum number of remembered events, used to find the common part of two histories after the database went back.
pub(crate) const EVENTS: u32 = 1_024;

pub(crate) struct JoinedHistory {
    numbers: RowNumbers,
    /// Oldest first.
    applied: VecDeque<Position>,
    /// The event that the current membership began with, until those before it are [known](Self::precede).
    began_with: Option<Position>,
    /// Events of ended memberships, until the database has reported which of them exist.
    uncompared: Vec<Position>,
    /// The history of the uncompared events.
    before: Option<HistoryToken>,
    /// Lost events that are not recorded in the database yet.
    unrecorded: Vec<LostHistory>,
}

impl JoinedHistory {
    /// State of a process that has not joined yet.
    pub(crate) const fn new(rules: HistoryRules) -> Self {
        let numbers = RowNumbers::new(rules);
        Self {
            numbers,
            applied: VecDeque::new(),
            began_with: None,
            uncompared: Vec::new(),
            before: None,
            unrecorded: Vec::new(),
        }
    }

    /// A random number for a row, derived from a fresh, random node id.
    pub(crate) fn draw(fresh_node: &(dyn Fn() -> NodeId + Send + Sync)) -> u64 {
        let (high, low) = fresh_node().uuid().as_u64_pair();
        // Database columns are signed.
        (high ^ low) & (u64::MAX >> 1)
    }

    /// Records that the row is confirmed to have this number, by a join or a renewal.
    pub(crate) fn confirmed(&mut self, counter: u64) {
        self.numbers.confirmed(counter);
    }

    /// Prepares the next renewal. Its outcome is unknown until it is [confirmed](Self::confirmed).
    pub(crate) fn renewal(
        &mut self,
        node: NodeId,
        prepared: PendingRenewal,
        fresh_node: &(dyn Fn() -> NodeId + Send + Sync),
    ) -> Renewal {
        let counters = self.numbers.may_have().to_vec();
        let counter = self.numbers.next(Self::draw(fresh_node));
        Renewal { node, applied: prepared.applied(), token: prepared.token(), counters, counter }
    }

    /// Records that every event up to this one was applied.
    pub(crate) fn add(&mut self, applied: Position) {
        if self.applied.back().is_some_and(|last| last.seq >= applied.seq) {
            return;
        }
        if self.applied.len() >= EVENTS as usize {
            self.applied.pop_front();
        }
        self.applied.push_back(applied);
    }

    /// Records that the membership in this history has ended.
    pub(crate) fn ended(&mut self, token: HistoryToken) {
        self.numbers.ended();
        if !self.applied.is_empty() && self.before.is_none() {
            self.before = Some(token);
        }
    }

    /// Records a join: later events follow this one. Events applied earlier must be compared.
    pub(crate) fn begin(&mut self, joined: Snapshot) {
        self.uncompared.extend(std::mem::take(&mut self.applied));
        self.began_with = (joined.seq() > Seq::ZERO).then_some(joined.position);
        self.applied.extend(self.began_with);
    }

    /// The event whose predecessors are unknown. Without them, all of them would count as lost together with this
    /// event.
    pub(crate) const fn began_with(&self) -> Option<Position> {
        self.began_with
    }

    /// Adds the events before the one that the membership [began with](Self::began_with).
    pub(crate) fn precede(&mut self, past: &[Position]) {
        self.began_with = None;
        let room = (EVENTS as usize).saturating_sub(self.applied.len());
        let first = self.applied.front().copied();
        let earlier = past.iter().rev().filter(|event| first.is_none_or(|first| event.seq < first.seq)).take(room);
        for event in earlier {
            self.applied.push_front(*event);
        }
    }

    /// Events applied before the current membership, until they are [compared](Self::compare).
    pub(crate) fn uncompared(&self) -> &[Position] {
        &self.uncompared
    }

    /// The next lost events to record, until they are [recorded](Self::recorded).
    pub(crate) fn unrecorded(&self) -> Option<&LostHistory> {
        self.unrecorded.first()
    }

    /// Records that the first [unrecorded](Self::unrecorded) entry is in the database.
    pub(crate) fn recorded(&mut self) {
        self.unrecorded.remove(0);
    }

    /// Compares the uncompared events with those that the database reports absent. Returns the lost events, to be
    /// recorded, if the last of them is absent. In the same history, absent events were pruned, and nothing is lost.
    pub(crate) fn compare(&mut self, members: &Members, at: Timestamp) -> Option<LostHistory> {
        let (before, token) = (std::mem::take(&mut self.uncompared), self.before.take());
        let is_there = |event: &&Position| !members.absent.contains(event);
        // Events that still exist belong to this history, too.
        let first = self.applied.front().copied();
        let still = before.iter().rev().filter(is_there);
        for event in still.filter(|event| first.is_none_or(|first| event.seq < first.seq)).take(EVENTS as usize - 1) {
            self.applied.push_front(*event);
        }
        let newest = before.iter().max().filter(|newest| !is_there(newest))?;
        let is_other = token != Some(members.head.token) || members.head.seq() < newest.seq;
        let kept = before.iter().filter(is_there).max();
        let lost = is_other.then(|| LostHistory {
            token: members.head.token,
            kept_up_to: kept.map_or(Seq::ZERO, |event| event.seq),
            had_up_to: newest.seq,
            noticed_at: at,
        });
        self.unrecorded.extend(lost.clone());
        lost
    }
}
