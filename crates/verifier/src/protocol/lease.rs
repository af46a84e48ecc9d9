//! One node's lease: until when it may answer from memory, and what it may say about itself.
//!
//! Owned by the one task that talks to the database. Requests see only its [`Term`].

use std::time::Duration;

use keyward_storage::Seq;

use super::{Boot, Generation, Rules};

/// What a request has to look at, in the moment in which it asks (R3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Term {
    until: Boot,
    /// What a timer would clear. Looked at only where the rule that forbids it is off.
    flag: bool,
}

impl Term {
    /// No lease.
    pub const NONE: Self = Self { until: Boot::ZERO, flag: false };

    /// A lease until this moment, at which it holds no more.
    #[must_use]
    pub const fn until(until: Boot) -> Self {
        Self { until, flag: true }
    }

    /// The moment at which it holds no more.
    #[must_use]
    pub const fn end(self) -> Boot {
        self.until
    }

    /// Whether the lease holds. `now` must have been read by the request that asks, after it arrived (R3).
    #[must_use]
    pub fn holds(self, rules: &Rules, now: Boot) -> bool {
        if !rules.lease_is_checked {
            return self.until > Boot::ZERO;
        }
        if rules.clock_in_each_request { now < self.until } else { self.flag }
    }
}

/// A join or a renewal that is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Asked {
    sent_at: Boot,
    applied: Seq,
    generation: Generation,
}

impl Asked {
    /// What a renewal says of the node: up to which event it has forgotten what was changed.
    #[must_use]
    pub const fn applied(self) -> Seq {
        self.applied
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
    Member { term: Term, applied: Seq, pending: Option<Pending> },
}

/// A renewal that counts once the node has caught up (R2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Pending {
    until: Boot,
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
    pub fn ask(&self, now: Boot) -> Asked {
        let applied = if self.rules.purged_before_acknowledged { self.applied() } else { self.heard };
        Asked { sent_at: now, applied, generation: self.generation }
    }

    /// The join was confirmed: the node is a member that has applied everything up to `head`. The shards have to be
    /// opened for this generation before the term is shown to requests (R6).
    pub fn joined(&mut self, asked: Asked, head: Seq, now: Boot) -> Generation {
        self.generation = self.generation.next();
        self.heard = self.heard.max(head);
        let term = Term::until(self.granted(asked, now));
        self.standing = Standing::Member { term, applied: head, pending: None };
        self.generation
    }

    /// The renewal was confirmed, and the last event that it saw is `head`.
    pub fn renewed(&mut self, asked: Asked, head: Seq, now: Boot) {
        let (until, must_catch_up) = (self.granted(asked, now), self.rules.caught_up_before_renewed);
        if asked.generation != self.generation {
            return;
        }
        self.heard = self.heard.max(head);
        if let Standing::Member { term, applied, pending } = &mut self.standing {
            if *applied >= head || !must_catch_up {
                *term = Term::until(until.max(term.until));
                *pending = None;
            } else {
                *pending = Some(Pending { until, head });
            }
        }
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
    pub fn apply(&mut self, up_to: Seq) {
        self.heard = self.heard.max(up_to);
        if let Standing::Member { term, applied, pending } = &mut self.standing {
            *applied = up_to.max(*applied);
            if let Some(Pending { until, .. }) = pending.take_if(|pending| *applied >= pending.head) {
                *term = Term::until(until.max(term.until));
            }
        }
    }

    /// What a timer would do at the end of the lease, where the rule against it is off.
    pub fn ring(&mut self, now: Boot) {
        if let Standing::Member { term, .. } = &mut self.standing
            && now >= term.until
        {
            term.flag = false;
        }
    }

    /// What requests look at.
    #[must_use]
    pub const fn term(&self) -> Term {
        match &self.standing {
            Standing::Outside => Term::NONE,
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
    pub const fn applied(&self) -> Seq {
        match &self.standing {
            Standing::Outside => Seq::ZERO,
            Standing::Member { applied, .. } => *applied,
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
        self.is_member() && self.heard > self.applied()
    }

    fn granted(&self, asked: Asked, now: Boot) -> Boot {
        let from = if self.rules.lease_from_sending { asked.sent_at } else { now };
        from.plus(self.ttl)
    }
}

#[cfg(test)]
mod tests {
    //! R2, R3 and R6 at their boundary instants.
    use super::*;

    const TTL: Duration = Duration::from_nanos(10);

    fn at(nanos: u64) -> Boot {
        Boot::from_nanos(nanos)
    }

    fn member(head: u64) -> Lease {
        let mut lease = Lease::new(Rules::ALL, TTL);
        let asked = lease.ask(at(100));
        lease.joined(asked, Seq::new(head), at(105));
        lease
    }

    fn holds(lease: &Lease, now: u64) -> bool {
        lease.term().holds(&Rules::ALL, at(now))
    }

    #[test]
    fn nobody_has_a_lease_before_joining() {
        assert!(!holds(&Lease::new(Rules::ALL, TTL), 0));
    }

    #[test]
    fn a_lease_counts_from_before_it_was_asked_for() {
        let lease = member(0);
        assert!(holds(&lease, 109));
        assert!(!holds(&lease, 110), "at its very end it holds no more");
    }

    #[test]
    fn a_renewal_counts_once_the_node_has_caught_up_with_what_it_saw() {
        let mut lease = member(3);
        let asked = lease.ask(at(108));
        assert_eq!(asked.applied(), Seq::new(3));
        lease.renewed(asked, Seq::new(5), at(109));
        assert!(lease.is_behind());
        assert!(!holds(&lease, 110));
        lease.apply(Seq::new(4));
        assert!(!holds(&lease, 110));
        lease.apply(Seq::new(5));
        assert!(holds(&lease, 117) && !holds(&lease, 118) && !lease.is_behind());
    }

    #[test]
    fn what_was_heard_is_acknowledged_only_once_it_is_applied() {
        let mut lease = member(3);
        lease.hear(Seq::new(9));
        assert_eq!(lease.ask(at(101)).applied(), Seq::new(3));
        lease.apply(Seq::new(9));
        assert_eq!(lease.ask(at(101)).applied(), Seq::new(9));
    }

    #[test]
    fn a_renewal_that_was_overtaken_never_shortens_a_lease() {
        let mut lease = member(0);
        let (first, second) = (lease.ask(at(102)), lease.ask(at(104)));
        lease.renewed(second, Seq::ZERO, at(105));
        lease.renewed(first, Seq::ZERO, at(106));
        assert!(holds(&lease, 113));
    }

    #[test]
    fn a_member_no_more_has_no_lease_and_a_late_renewal_gives_none() {
        let mut lease = member(0);
        let late = lease.ask(at(105));
        lease.ended();
        assert!(!holds(&lease, 106));
        lease.renewed(late, Seq::ZERO, at(107));
        assert!(!holds(&lease, 107) && !lease.is_member());
        let again = lease.ask(at(108));
        lease.joined(again, Seq::new(2), at(109));
        lease.renewed(late, Seq::ZERO, at(110));
        assert_eq!(lease.term().end(), at(118), "only the join counts");
    }
}
