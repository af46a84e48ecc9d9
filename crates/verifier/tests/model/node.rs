//! One node: the core's lease and shard, one message to the database at a time, one read in progress at a time.
//!
//! It acts like the driver's control task. Each phase of a message is a separate step: sent, the snapshot of its
//! statement taken, committed, received; it may be lost at each of them.

mod step;

use keyward_domain::Timestamp;
use keyward_storage::{LeaseReply, Seq, Snapshot, Target};
use keyward_verifier::protocol::{Entries, Lease, LeaseTerm, PendingRenewal, Shard, Ticket};

use crate::{
    database::Database,
    names::{KEY, Name, boot},
    scope::{Happening, Scope},
};

pub(crate) use step::NodeStep;

/// The entry of a shard here: the key is valid, or none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Memory {
    pub(crate) key_is_valid: bool,
}

impl Entries for Memory {
    fn purge(&mut self, target: &Target) {
        self.key_is_valid &= *target != KEY;
    }

    fn clear(&mut self) {
        *self = Self::default();
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Join { previous: Option<Name> },
    Renewal,
    Leaving,
}

/// A node's request to the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Message {
    kind: Kind,
    name: Name,
    prepared: PendingRenewal,
}

/// The phase of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Control {
    Idle,
    Sent(Message),
    /// The statement has its snapshot with this head, and is not committed: a slow join, a renewal that waits for its
    /// row.
    Seen(Message, Seq),
    /// Committed, with the reply in flight. None if there was no row.
    Done(Message, Option<Seq>),
}

/// A read of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Fill {
    None,
    Begun(Ticket),
    Read { ticket: Ticket, valid: bool, as_of: Seq },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Node {
    pub(crate) name: Name,
    /// The earlier node id whose row may still exist.
    previous: Option<Name>,
    pub(crate) lease: Lease,
    pub(crate) shard: Shard<Memory>,
    control: Control,
    /// An aborted message that may still take effect.
    abandoned: Option<Message>,
    pub(crate) fill: Fill,
}

impl Node {
    /// A process that has just started.
    pub(crate) fn started(scope: &Scope, name: Name) -> Self {
        Self {
            name,
            previous: None,
            lease: Lease::new(scope.rules, scope.lease_time()),
            shard: Shard::new(scope.rules, Memory::default()),
            control: Control::Idle,
            abandoned: None,
            fill: Fill::None,
        }
    }

    pub(crate) fn term(&self) -> LeaseTerm {
        self.lease.term()
    }

    pub(crate) fn remembers(&self) -> bool {
        self.shard.clone().entries().key_is_valid
    }

    /// Sends a join or a renewal.
    fn ask(&mut self, now: u8) {
        let kind = if self.lease.is_member() { Kind::Renewal } else { Kind::Join { previous: self.previous } };
        self.control = Control::Sent(Message { kind, name: self.name, prepared: self.lease.prepare(boot(now)) });
    }

    /// The running statement takes its snapshot.
    fn take_snapshot(&mut self, database: &Database) {
        if let Control::Sent(message) = self.control {
            self.control = Control::Seen(message, database.head());
        }
    }

    /// The statement that has its snapshot commits.
    fn commit(&mut self, database: &mut Database, scope: &Scope, now: u8) {
        if let Control::Seen(message, head) = self.control {
            self.control = Control::Done(message, message.carry_out(head, database, scope, now));
        }
    }

    /// The reply arrives.
    fn hear_reply(&mut self, now: u8) {
        let Control::Done(message, confirmed) = self.control else { return };
        self.control = Control::Idle;
        match (message.kind, confirmed) {
            (Kind::Join { .. }, Some(head)) => {
                let reply = reply(head);
                let generation = self.lease.joined(message.prepared, &reply, boot(now));
                self.shard.open(generation, reply.head);
                self.previous = None;
            }
            (Kind::Renewal, Some(head)) => {
                let counts = self.lease.renewed(message.prepared, &reply(head), boot(now));
                assert!(counts, "there is one history here");
            }
            (Kind::Join { .. } | Kind::Renewal, None) => self.end_membership(),
            (Kind::Leaving, _) => {}
        }
    }

    /// The message in flight or its reply is lost; the node gives it up.
    fn give_up(&mut self, scope: &Scope) {
        self.abandon(scope);
        if !self.lease.is_member() {
            self.take_another_name();
        }
    }

    /// Releases the lease.
    fn leave(&mut self, scope: &Scope, now: u8) {
        self.abandon(scope);
        let (name, prepared) = (self.name, self.lease.prepare(boot(now)));
        self.end_membership();
        self.name.life = scope.names;
        self.control = Control::Sent(Message { kind: Kind::Leaving, name, prepared });
    }

    /// The process dies, and another one takes its place.
    fn crash(&mut self, scope: &Scope) {
        self.abandon(scope);
        let abandoned = self.abandoned;
        *self = Self { abandoned, ..Self::started(scope, Name { life: self.name.life + 1, ..self.name }) };
    }

    /// The aborted message takes effect.
    fn carry_out_late(&mut self, database: &mut Database, scope: &Scope, now: u8) {
        if let Some(message) = self.abandoned.take() {
            message.carry_out(database.head(), database, scope, now);
        }
    }

    /// Reads the next event and forgets what it changed, or everything if events are missing.
    fn catch_up(&mut self, database: &Database) {
        let applied = self.lease.applied().seq;
        let Some(event) = database.event_after(applied) else { return };
        if event.position.seq == applied.next() {
            self.shard.apply([&event.target], event.position);
        } else {
            self.shard.forget(event.position);
        }
        self.lease.apply(event.position);
    }

    fn begin_read(&mut self) {
        self.fill = Fill::Begun(self.shard.begin_read());
    }

    fn read(&mut self, database: &Database) {
        if let Fill::Begun(ticket) = self.fill {
            self.fill = Fill::Read { ticket, valid: database.key_is_valid, as_of: database.head() };
        }
    }

    /// Keeps a read, if it may be kept. Revoked keys are not kept here.
    fn keep(&mut self) {
        if let Fill::Read { ticket, valid, as_of } = std::mem::replace(&mut self.fill, Fill::None)
            && let Some(memory) = self.shard.admit(ticket, Snapshot::embedded(as_of))
        {
            memory.key_is_valid |= valid;
        }
    }

    fn end_membership(&mut self) {
        self.lease.ended();
        self.shard.close();
        self.take_another_name();
    }

    fn take_another_name(&mut self) {
        self.previous = Some(self.name);
        self.name.life += 1;
    }

    fn abandon(&mut self, scope: &Scope) {
        if scope.may(Happening::LateWork)
            && let Control::Sent(message) | Control::Seen(message, _) = self.control
        {
            self.abandoned = Some(message);
        }
        self.control = Control::Idle;
    }
}

/// There is one history here.
fn reply(head: Seq) -> LeaseReply {
    LeaseReply { head: Snapshot::embedded(head), database_time: Timestamp::MAX }
}

impl Message {
    /// Whether the database would execute it, within the scope of the search.
    fn is_within(&self, scope: &Scope, database: &Database) -> bool {
        self.kind != Kind::Renewal
            || scope.renewals.is_none_or(|most| database.renewals(self.name).is_none_or(|n| n < most))
    }

    /// Executes a request as of this snapshot, and returns the reply.
    fn carry_out(self, head: Seq, database: &mut Database, scope: &Scope, now: u8) -> Option<Seq> {
        match self.kind {
            Kind::Join { previous } => database.join(self.name, previous, head, now),
            Kind::Renewal => {
                let there = database.renew(self.name, self.prepared.applied().seq, now, scope.renewals.is_some());
                return there.then_some(head);
            }
            Kind::Leaving => database.remove(self.name),
        }
        Some(head)
    }
}
