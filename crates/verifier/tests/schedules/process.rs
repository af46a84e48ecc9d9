//! One process: the memory and the published lease that its threads share, and the thread that holds the lease.

use std::time::Duration;

use keyward_domain::Timestamp;
use keyward_storage::{LeaseReply, Read, Seq, Snapshot};
use keyward_verifier::{
    Cache, Credential, PublishedLease,
    protocol::{BootInstant, Lease, Request, Rules, Step, Ticket},
};
use shuttle::sync::{
    Mutex,
    atomic::{AtomicU64, Ordering},
};

use crate::{
    content::{Key, is_valid},
    database::Database,
    platform::Scheduled,
};

/// Lease time, on a clock that starts at 0.
pub(crate) const LEASE: Duration = Duration::from_nanos(2);

/// Capacity for everything.
const ROOM: u64 = 1 << 20;

/// State shared by the threads.
pub(crate) struct Process {
    rules: Rules,
    pub(crate) cache: Cache<Scheduled>,
    published_lease: PublishedLease<Scheduled>,
    pub(crate) database: Database,
    clock: AtomicU64,
    /// A finished read, for the requests that share it.
    flight: Mutex<Option<(Ticket, Read<Credential>)>>,
}

impl Process {
    pub(crate) fn new(rules: Rules) -> Self {
        Self {
            rules,
            cache: Cache::new(rules, ROOM),
            published_lease: PublishedLease::new(rules),
            database: Database::default(),
            clock: AtomicU64::new(0),
            flight: Mutex::new(None),
        }
    }

    pub(crate) fn now(&self) -> BootInstant {
        BootInstant::from_nanos(self.clock.load(Ordering::SeqCst))
    }

    /// Advances the clock by one.
    pub(crate) fn tick(&self) {
        self.clock.fetch_add(1, Ordering::SeqCst);
    }

    /// Reads a key and keeps it if it may be kept; others may share the read. Returns whether it was kept.
    pub(crate) fn fill(&self, key: Key) -> (Credential, bool) {
        let ticket = self.cache.begin_read(key.id());
        let read = self.database.read(key);
        let kept = self.cache.keep(ticket, &read);
        let credential = read.value.clone();
        *self.flight.lock().unwrap() = Some((ticket, read));
        (credential, kept)
    }

    /// Runs a request that arrives now. Returns whether it gets "valid"; none if it gets no answer.
    pub(crate) fn ask(&self, key: Key) -> Option<bool> {
        let mut request = Request::arrived(self.rules);
        let mut may_share = true;
        for _ in 0..MOST_STEPS {
            match request.next() {
                Step::CheckLease => request.lease(self.published_lease.admits(self.now())),
                Step::LookUp => request.looked_up(self.cache.look_up(key.id())),
                Step::Read => {
                    let flight = self.flight.lock().unwrap().clone();
                    let shared = flight.filter(|(_, read)| may_share && read.value.key.id() == key.id());
                    may_share = false;
                    let (credential, vouched_for) = match shared {
                        Some((ticket, read)) => {
                            let vouched_for = self.cache.vouches_for(ticket, &read);
                            (read.value, vouched_for)
                        }
                        None => self.fill(key),
                    };
                    request.read(credential, vouched_for);
                }
                Step::ReadAlone => request.read_alone(self.database.read(key).value),
                Step::Answer => return request.into_answer().as_ref().map(is_valid),
            }
        }
        None
    }
}

/// Lease, look-up, a shared read, two own reads, answer.
const MOST_STEPS: usize = 6;

/// The thread that holds the lease.
pub(crate) struct Control {
    lease: Lease,
    name: u32,
}

impl Control {
    /// A process that has joined.
    pub(crate) fn joined(process: &Process) -> Self {
        let mut control = Self { lease: Lease::new(process.rules, LEASE), name: 0 };
        control.join(process);
        control
    }

    /// The last event that the process has applied.
    pub(crate) const fn applied(&self) -> Seq {
        self.lease.applied().seq
    }

    /// Reads events, forgets what they changed, and acknowledges them.
    pub(crate) fn catch_up(&mut self, process: &Process) {
        let events = process.database.events_after(self.lease.applied().seq);
        let Some(last) = events.last().map(|event| event.position) else { return };
        self.lease.see(last.seq);
        // A renewal may fall due at any time. The rule must ensure that events that were only seen are not
        // acknowledged.
        self.renew(process);
        process.cache.apply(&events, last);
        self.lease.apply(last);
        process.published_lease.publish(self.lease.term());
        self.renew(process);
    }

    /// Ends the membership: withdraws the term from requests, closes the memory, then removes the row.
    pub(crate) fn end(&mut self, process: &Process) {
        process.published_lease.close();
        self.lease.ended();
        process.cache.close();
    }

    /// Joins with another node id. The snapshot of the join is older than its commit.
    pub(crate) fn join(&mut self, process: &Process) {
        self.name += 1;
        let prepared = self.lease.prepare(process.now());
        let head: Seq = process.database.head();
        process.database.join(self.name, head);
        let reply = reply(head);
        let generation = self.lease.joined(prepared, &reply, process.now());
        process.cache.open(generation, reply.head);
        process.published_lease.publish(self.lease.term());
    }

    fn renew(&mut self, process: &Process) {
        let prepared = self.lease.prepare(process.now());
        if let Some(head) = process.database.renew(self.name, prepared.applied().seq) {
            assert!(self.lease.renewed(prepared, &reply(head), process.now()), "there is one history here");
            process.published_lease.publish(self.lease.term());
        }
    }
}

fn reply(head: Seq) -> LeaseReply {
    LeaseReply { head: Snapshot::embedded(head), database_time: Timestamp::MAX }
}
