//! One node's lease: until when it may answer from memory, and what it may acknowledge.
//!
//! Owned by the one task that talks to the database. Requests see only its [`LeaseTerm`].

use std::time::Duration;

use keyward_storage::{HistoryToken, LeaseReply, Position, Seq};

use super::{BootInstant, Generation, Rules};

/// The lease as a request checks it, after its arrival (R3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LeaseTerm {
    until: BootInstant,
    /// A flag that a timer clears. Used only if the rule against it is off.
    flag: bool,
}

impl LeaseTerm {
    /// No lease.
    pub const NONE: Self = Self { until: BootInstant::ZERO, flag: false };

    /// A lease until this time, exclusive.
    #[must_use]
    pub const fn until(until: BootInstant) -> Self {
        Self { until, flag: true }
    }

    /// The time at which the lease no longer holds.
    #[must_use]
    pub const fn end(self) -> BootInstant {
        self.until
    }

    /// Whether the lease holds. The request must read `now` itself, after its arrival (R3).
    #[must_use]
    pub fn holds(self, rules: &Rules, now: BootInstant) -> bool {
        if !rules.lease_is_checked() {
            return self.until > BootInstant::ZERO;
        }
        if rules.clock_in_each_request() { now < self.until } else { self.flag }
    }
}

/// A join or renewal in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PendingRenewal {
    sent_at: BootInstant,
    applied: Position,
    token: HistoryToken,
    generation: Generation,
}

impl PendingRenewal {
    /// The last event that the node has applied, which a renewal acknowledges.
    #[must_use]
    pub const fn applied(self) -> Position {
        self.applied
    }

    /// The history of the lease to be renewed.
    #[must_use]
    pub const fn token(self) -> HistoryToken {
        self.token
    }
}

/// A node's lease.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Lease {
    rules: Rules,
    ttl: Duration,
    generation: Generation,
    state: MemberState,
    /// The last event seen in a reply. The driver stores hints separately, because they prove nothing.
    seen: Seq,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum MemberState {
    Outside,
    Member { term: LeaseTerm, applied: Position, token: HistoryToken, pending: Option<Pending> },
}

/// A renewal that takes effect once the node has caught up (R2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Pending {
    until: BootInstant,
    head: Seq,
}

impl Lease {
    /// The lease of a node that is not a member yet.
    #[must_use]
    pub const fn new(rules: Rules, ttl: Duration) -> Self {
        Self { rules, ttl, generation: Generation::FIRST, state: MemberState::Outside, seen: Seq::ZERO }
    }

    /// Prepares a join or renewal. Call it before sending, never after (R3).
    #[must_use]
    pub fn prepare(&self, now: BootInstant) -> PendingRenewal {
        let mut applied = self.applied();
        if !self.rules.purged_before_acknowledged() {
            applied.seq = self.seen;
        }
        PendingRenewal { sent_at: now, applied, token: self.token(), generation: self.generation }
    }

    /// Records a confirmed join: the node is a member that has applied every event that the reply shows. Anything it
    /// knew before may belong to another history and does not count (R18). Open the shards for this generation before
    /// showing the term to requests (R6).
    pub fn joined(&mut self, prepared: PendingRenewal, reply: &LeaseReply, now: BootInstant) -> Generation {
        self.generation = self.generation.next();
        let head = reply.head.position;
        self.seen = if self.rules.history().joining_starts_over() { head.seq } else { self.seen.max(head.seq) };
        let term = LeaseTerm::until(self.granted(prepared, now));
        self.state = MemberState::Member { term, applied: head, token: reply.head.token, pending: None };
        self.generation
    }

    /// Records a confirmed renewal. Returns false if another history confirmed it: the membership must end (R6, R18).
    #[must_use]
    pub fn renewed(&mut self, prepared: PendingRenewal, reply: &LeaseReply, now: BootInstant) -> bool {
        let until = self.granted(prepared, now);
        if prepared.generation != self.generation {
            return true;
        }
        let (rules, history) = (self.rules, self.rules.history());
        let head = reply.head.seq();
        if let MemberState::Member { term, applied, token, pending } = &mut self.state {
            if history.renewal_names_its_history() && *token != reply.head.token {
                return false;
            }
            self.seen = self.seen.max(head);
            if !history.lease_keeps_its_token() {
                *token = reply.head.token;
            }
            if applied.seq >= head || !rules.caught_up_before_renewed() {
                *term = LeaseTerm::until(until.max(term.until));
                *pending = None;
            } else {
                *pending = Some(Pending { until, head });
            }
        }
        true
    }

    /// Ends the membership: the node's row is gone, or the node leaves. Withdraw the term from requests first, then
    /// close the shards (R6).
    pub fn ended(&mut self) {
        self.generation = self.generation.next();
        self.state = MemberState::Outside;
    }

    /// Records that the node has seen this event; it need not have applied it.
    pub fn see(&mut self, seq: Seq) {
        self.seen = self.seen.max(seq);
    }

    /// Records that every shard has purged what events up to this one changed (R2). May complete a pending renewal.
    pub fn apply(&mut self, up_to: Position) {
        self.seen = self.seen.max(up_to.seq);
        if let MemberState::Member { term, applied, pending, .. } = &mut self.state {
            if up_to.seq > applied.seq {
                *applied = up_to;
            }
            if let Some(Pending { until, .. }) = pending.take_if(|pending| applied.seq >= pending.head) {
                *term = LeaseTerm::until(until.max(term.until));
            }
        }
    }

    /// What a timer does at the end of the lease, if the rule against it is off.
    pub fn ring(&mut self, now: BootInstant) {
        if let MemberState::Member { term, .. } = &mut self.state
            && now >= term.until
        {
            term.flag = false;
        }
    }

    /// The term that requests check.
    #[must_use]
    pub const fn term(&self) -> LeaseTerm {
        match &self.state {
            MemberState::Outside => LeaseTerm::NONE,
            MemberState::Member { term, .. } => *term,
        }
    }

    /// Whether the node is a member, even if its lease has expired.
    #[must_use]
    pub const fn is_member(&self) -> bool {
        matches!(self.state, MemberState::Member { .. })
    }

    /// The last event that the node has applied.
    #[must_use]
    pub const fn applied(&self) -> Position {
        match &self.state {
            MemberState::Outside => Position::START,
            MemberState::Member { applied, .. } => *applied,
        }
    }

    /// The history of the lease; [`HistoryToken::EMBEDDED`] without membership.
    #[must_use]
    pub const fn token(&self) -> HistoryToken {
        match &self.state {
            MemberState::Outside => HistoryToken::EMBEDDED,
            MemberState::Member { token, .. } => *token,
        }
    }

    /// The last event that the node has seen.
    #[must_use]
    pub const fn seen(&self) -> Seq {
        self.seen
    }

    /// Whether the node has seen events that it has not applied.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        self.is_member() && self.seen > self.applied().seq
    }

    fn granted(&self, prepared: PendingRenewal, now: BootInstant) -> BootInstant {
        let from = if self.rules.lease_from_sending() { prepared.sent_at } else { now };
        from.plus(self.ttl)
    }
}

#[cfg(test)]
#[path = "lease/tests.rs"]
mod tests;
