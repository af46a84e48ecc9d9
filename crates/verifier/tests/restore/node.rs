//! One node: the core's lease, shard and row numbers, one message to the database at a time, one read in progress at a
//! time.
//!
//! It acts like the driver's control task.

mod step;

use keyward_domain::Timestamp;
use keyward_storage::{Event, Events, HistoryToken, LeaseReply, Position, Snapshot, Target};
use keyward_verifier::protocol::{Entries, Lease, PendingRenewal, RowNumbers, Shard, Succession, Ticket};

use crate::{
    database::{Database, Numbers},
    log::Log,
    names::{KEY, Name, boot},
    scope::{Happening, Scope},
};

pub(crate) use step::NodeStep;

/// The entry of a shard here: the key is valid, or none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Memory {
    key_is_valid: bool,
}

impl Entries for Memory {
    fn purge(&mut self, target: &Target) {
        self.key_is_valid &= *target != KEY;
    }

    fn clear(&mut self) {
        *self = Self::default();
    }
}

/// A message to the database and its reply.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Control {
    Idle,
    Joining {
        prepared: PendingRenewal,
        number: u64,
    },
    Joined {
        prepared: PendingRenewal,
        number: u64,
        shown: Snapshot,
    },
    Renewing(Renewal),
    /// None if the database does not have what the renewal named.
    Renewed {
        prepared: PendingRenewal,
        number: u64,
        shown: Option<Snapshot>,
    },
    /// Events that were read and have not arrived yet.
    Events(Batch),
}

/// A renewal, with the node id at that time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Renewal {
    name: Name,
    prepared: PendingRenewal,
    numbers: Numbers,
}

/// Events, and the database's information on them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Batch {
    /// The history and the event that they follow.
    after: Snapshot,
    follow: bool,
    next: Option<Event>,
    is_all: bool,
}

/// A read of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Fill {
    None,
    /// It shows the database as of its beginning: later changes are seen by later reads.
    Read {
        ticket: Ticket,
        at: u8,
        valid: bool,
        as_of: Snapshot,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Node {
    pub(crate) name: Name,
    /// The earlier node id whose row may still exist.
    previous: Option<Name>,
    pub(crate) lease: Lease,
    pub(crate) shard: Shard<Memory>,
    numbers: RowNumbers,
    /// Number of renewals sent with this node id, if they are counted.
    drawn: u8,
    control: Control,
    /// An aborted renewal that may still take effect.
    abandoned: Option<Renewal>,
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
            numbers: RowNumbers::new(scope.rules.history),
            drawn: 0,
            control: Control::Idle,
            abandoned: None,
            fill: Fill::None,
        }
    }

    /// Whether the node may answer from memory now.
    pub(crate) fn has_lease(&self, scope: &Scope, now: u8) -> bool {
        self.lease.term().holds(&scope.rules, boot(now))
    }

    pub(crate) fn remembers(&self) -> bool {
        self.shard.clone().entries().key_is_valid
    }

    /// Whether a request that shares the read in progress gets "valid". If the token does not change, this requires
    /// that a read is aborted in less than a lease time, which the server and the node ensure.
    pub(crate) fn shares_valid(&self, scope: &Scope, now: u8) -> bool {
        let Fill::Read { ticket, at, valid: true, as_of } = self.fill else { return false };
        (!scope.token_stays || now < at + scope.ttl) && self.shard.vouches_for(ticket, as_of, true)
    }

    /// Whether it has seen only existing events, if its lease belongs to this history.
    pub(crate) fn settles(&self, database: &Database) -> bool {
        let is_here = self.lease.is_member() && self.lease.token() == database.history();
        !is_here || self.lease.seen() <= database.log.head().seq
    }

    /// A sufficiently random number: no other row has it, and this one has it only once.
    fn draw(&self, scope: &Scope) -> u64 {
        let number = 1_000 + u64::from(self.name.life) * 100 + u64::from(self.drawn);
        if scope.renewals.is_some() && scope.rules.history.rows_are_numbered_at_random { number } else { 0 }
    }

    /// Sends a join or a renewal.
    fn ask(&mut self, scope: &Scope, now: u8) {
        let prepared = self.lease.prepare(boot(now));
        if self.lease.is_member() {
            let mut numbers = Numbers::default();
            if scope.renewals.is_some() {
                numbers.may_have = self.numbers.may_have().to_vec();
                self.drawn += 1;
                numbers.gets = self.numbers.next(self.draw(scope));
            }
            self.control = Control::Renewing(Renewal { name: self.name, prepared, numbers });
        } else {
            self.control = Control::Joining { prepared, number: self.draw(scope) };
        }
    }

    /// The database executes the message.
    fn carry_out(&mut self, database: &mut Database, scope: &Scope) {
        self.control = match std::mem::replace(&mut self.control, Control::Idle) {
            Control::Joining { prepared, number } => {
                let shown = database.join(scope, self.name, self.previous, number);
                Control::Joined { prepared, number, shown }
            }
            Control::Renewing(Renewal { name, prepared, numbers }) => {
                let shown = database.renew(scope, name, prepared, &numbers);
                Control::Renewed { prepared, number: numbers.gets, shown }
            }
            other @ (Control::Idle | Control::Joined { .. } | Control::Renewed { .. } | Control::Events(_)) => other,
        };
    }

    /// Only the old server confirms a renewal.
    fn is_confirmed_by(&mut self, old: Snapshot) {
        if let Control::Renewing(Renewal { prepared, ref numbers, .. }) = self.control {
            self.control = Control::Renewed { prepared, number: numbers.gets, shown: Some(old) };
        }
    }

    /// The reply arrives.
    fn hear_reply(&mut self, scope: &Scope, now: u8) {
        match std::mem::replace(&mut self.control, Control::Idle) {
            Control::Joined { prepared, number, shown } => {
                let generation = self.lease.joined(prepared, &confirmed(shown), boot(now));
                self.shard.open(generation, shown);
                self.confirm(scope, number);
                self.previous = None;
            }
            Control::Renewed { prepared, number, shown: Some(shown) } => {
                self.confirm(scope, number);
                if !self.lease.renewed(prepared, &confirmed(shown), boot(now)) {
                    self.end_membership();
                }
            }
            Control::Renewed { shown: None, .. } => self.end_membership(),
            Control::Events(batch) => self.apply(&batch, scope),
            Control::Idle | Control::Joining { .. } | Control::Renewing(_) => {}
        }
    }

    fn confirm(&mut self, scope: &Scope, number: u64) {
        if scope.renewals.is_some() {
            self.numbers.confirmed(number);
        }
    }

    /// The message in flight or its reply is lost; the node gives it up.
    fn give_up(&mut self, scope: &Scope) {
        let control = std::mem::replace(&mut self.control, Control::Idle);
        if !self.lease.is_member() {
            self.take_another_name();
        } else if let Control::Renewing(renewal) = control
            && scope.may(Happening::LateWork)
        {
            self.abandoned = Some(renewal);
        }
    }

    /// The process dies, and another one takes its place.
    fn crash(&mut self, scope: &Scope) {
        let (abandoned, name) = (self.abandoned.take(), Name { life: self.name.life + 1, ..self.name });
        *self = Self { abandoned, ..Self::started(scope, name) };
    }

    fn carry_out_late(&mut self, database: &mut Database, scope: &Scope) {
        if let Some(Renewal { name, prepared, numbers }) = self.abandoned.take() {
            database.renew(scope, name, prepared, &numbers);
        }
    }

    /// Reads the next event.
    fn read_events(&self, database: &Database) -> Batch {
        let applied = self.lease.applied();
        let Events { token, follow, events } = database.events_after(applied);
        let next = events.first().copied();
        let last = next.map_or(applied, |event| event.position);
        Batch {
            after: Snapshot { position: applied, token },
            follow,
            next,
            is_all: database.log.after(last.seq).is_none(),
        }
    }

    /// Forgets what the event changed, or everything if events are missing; or the membership ends.
    fn apply(&mut self, batch: &Batch, scope: &Scope) {
        let (applied, seen) = (self.lease.applied(), self.lease.seen());
        let events: Vec<_> = batch.next.into_iter().collect();
        let is_gapless = Succession::is_gapless(applied.seq, &events);
        let read = Events { token: batch.after.token, follow: batch.follow, events };
        let known = Succession { token: self.lease.token(), applied, seen };
        if !known.admits(&scope.rules.history, &read, batch.is_all) {
            return self.end_membership();
        }
        let up_to = match batch.next {
            None if applied.seq < seen => Position::unnamed(seen),
            None => return,
            Some(event) => event.position,
        };
        match batch.next {
            Some(event) if is_gapless => self.shard.apply([&event.target], up_to),
            _ => self.shard.forget(up_to),
        }
        self.lease.apply(up_to);
    }

    fn read(&mut self, log: &Log, token: HistoryToken, scope: &Scope, now: u8) {
        let at = if scope.token_stays { now } else { 0 };
        let (ticket, as_of) = (self.shard.begin_read(), Snapshot { position: log.head(), token });
        self.fill = Fill::Read { ticket, at, valid: log.key_is_valid(), as_of };
    }

    /// Keeps a read, if it may be kept. Revoked keys are not kept here.
    fn keep(&mut self) {
        if let Fill::Read { ticket, valid, as_of, .. } = std::mem::replace(&mut self.fill, Fill::None)
            && let Some(memory) = self.shard.admit(ticket, as_of)
        {
            memory.key_is_valid |= valid;
        }
    }

    fn end_membership(&mut self) {
        self.lease.ended();
        self.shard.close();
        self.numbers.ended();
        self.take_another_name();
    }

    fn take_another_name(&mut self) {
        self.previous = Some(self.name);
        self.name.life += 1;
        self.drawn = 0;
    }
}

fn confirmed(head: Snapshot) -> LeaseReply {
    LeaseReply { head, database_time: Timestamp::MAX }
}
