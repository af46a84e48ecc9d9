//! One node's lease: until when it may answer from memory, and what it may say about itself.
//!
//! Owned by the one task that talks to the database. Requests see only its [`LeaseTerm`].

use std::time::Duration;

use keyward_storage::{HistoryToken, LeaseReply, Position, Seq};

use super::{BootInstant, Generation, Rules};

/// What a request has to look at, in the moment in which it asks (R3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LeaseTerm {
    until: BootInstant,
    /// What a timer would clear. Looked at only where the rule that forbids it is off.
    flag: bool,
}

impl LeaseTerm {
    /// No lease.
    pub const NONE: Self = Self { until: BootInstant::ZERO, flag: false };

    /// A lease until this moment, at which it holds no more.
    #[must_use]
    pub const fn until(until: BootInstant) -> Self {
        Self { until, flag: true }
    }

    /// The moment at which it holds no more.
    #[must_use]
    pub const fn end(self) -> BootInstant {
        self.until
    }

    /// Whether the lease holds. `now` must have been read by the request that asks, after it arrived (R3).
    #[must_use]
    pub fn holds(self, rules: &Rules, now: BootInstant) -> bool {
        if !rules.lease_is_checked() {
            return self.until > BootInstant::ZERO;
        }
        if rules.clock_in_each_request() { now < self.until } else { self.flag }
    }
}

/// A join or a renewal that is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PendingRenewal {
    sent_at: BootInstant,
    applied: Position,
    token: HistoryToken,
    generation: Generation,
}

impl PendingRenewal {
    /// What a renewal says of the node: up to which event it has forgotten what was changed.
    #[must_use]
    pub const fn applied(self) -> Position {
        self.applied
    }

    /// The history in which the lease stands that is to be renewed.
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
    standing: Standing,
    /// The last event that a reply has shown to the node. A hint is kept apart by the driver, for it proves nothing.
    heard: Seq,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Standing {
    Outside,
    Member { term: LeaseTerm, applied: Position, token: HistoryToken, pending: Option<Pending> },
}

/// A renewal that counts once the node has caught up (R2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Pending {
    until: BootInstant,
    head: Seq,
}

impl Lease {
    /// A node that is no member yet.
    #[must_use]
    pub const fn new(rules: Rules, ttl: Duration) -> Self {
        Self { rules, ttl, generation: Generation::FIRST, standing: Standing::Outside, heard: Seq::ZERO }
    }

    /// A join or a renewal is about to be sent. To be called before, never after (R3).
    #[must_use]
    pub fn ask(&self, now: BootInstant) -> PendingRenewal {
        let mut applied = self.applied();
        if !self.rules.purged_before_acknowledged() {
            applied.seq = self.heard;
        }
        PendingRenewal { sent_at: now, applied, token: self.token(), generation: self.generation }
    }

    /// The join was confirmed: the node is a member that has applied everything that the reply shows. Nothing that it
    /// knew before counts: it may be of another history (R18). The shards have to be opened for this generation before
    /// the term is shown to requests (R6).
    pub fn joined(&mut self, asked: PendingRenewal, reply: &LeaseReply, now: BootInstant) -> Generation {
        self.generation = self.generation.next();
        let head = reply.head.position;
        self.heard = if self.rules.history().joining_starts_over() { head.seq } else { self.heard.max(head.seq) };
        let term = LeaseTerm::until(self.granted(asked, now));
        self.standing = Standing::Member { term, applied: head, token: reply.head.token, pending: None };
        self.generation
    }

    /// The renewal was confirmed. Returns false if another history confirmed it: the membership has to end (R6, R18).
    #[must_use]
    pub fn renewed(&mut self, asked: PendingRenewal, reply: &LeaseReply, now: BootInstant) -> bool {
        let until = self.granted(asked, now);
        if asked.generation != self.generation {
            return true;
        }
        let (rules, history) = (self.rules, self.rules.history());
        let head = reply.head.seq();
        if let Standing::Member { term, applied, token, pending } = &mut self.standing {
            if history.renewal_names_its_history() && *token != reply.head.token {
                return false;
            }
            self.heard = self.heard.max(head);
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

    /// The node's row is gone, or the node goes: it is a member no more. The term has to be taken from requests, then the
    /// shards closed (R6).
    pub fn ended(&mut self) {
        self.generation = self.generation.next();
        self.standing = Standing::Outside;
    }

    /// The node has heard of this event; it need not have applied it.
    pub fn hear(&mut self, seq: Seq) {
        self.heard = self.heard.max(seq);
    }

    /// Every shard has forgotten what events up to this one changed (R2). May make a renewal count.
    pub fn apply(&mut self, up_to: Position) {
        self.heard = self.heard.max(up_to.seq);
        if let Standing::Member { term, applied, pending, .. } = &mut self.standing {
            if up_to.seq > applied.seq {
                *applied = up_to;
            }
            if let Some(Pending { until, .. }) = pending.take_if(|pending| applied.seq >= pending.head) {
                *term = LeaseTerm::until(until.max(term.until));
            }
        }
    }

    /// What a timer would do at the end of the lease, where the rule against it is off.
    pub fn ring(&mut self, now: BootInstant) {
        if let Standing::Member { term, .. } = &mut self.standing
            && now >= term.until
        {
            term.flag = false;
        }
    }

    /// What requests look at.
    #[must_use]
    pub const fn term(&self) -> LeaseTerm {
        match &self.standing {
            Standing::Outside => LeaseTerm::NONE,
            Standing::Member { term, .. } => *term,
        }
    }

    /// Whether the node is a member, its lease good or not.
    #[must_use]
    pub const fn is_member(&self) -> bool {
        matches!(self.standing, Standing::Member { .. })
    }

    /// The last event that the node has applied.
    #[must_use]
    pub const fn applied(&self) -> Position {
        match &self.standing {
            Standing::Outside => Position::START,
            Standing::Member { applied, .. } => *applied,
        }
    }

    /// The history in which the lease stands; that of an embedded database outside any.
    #[must_use]
    pub const fn token(&self) -> HistoryToken {
        match &self.standing {
            Standing::Outside => HistoryToken::EMBEDDED,
            Standing::Member { token, .. } => *token,
        }
    }

    /// The last event that the node has heard of.
    #[must_use]
    pub const fn heard(&self) -> Seq {
        self.heard
    }

    /// Whether there are events that the node has heard of and not applied.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        self.is_member() && self.heard > self.applied().seq
    }

    fn granted(&self, asked: PendingRenewal, now: BootInstant) -> BootInstant {
        let from = if self.rules.lease_from_sending() { asked.sent_at } else { now };
        from.plus(self.ttl)
    }
}

#[cfg(test)]
#[path = "lease/tests.rs"]
mod tests;
