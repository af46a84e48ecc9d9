//! A node: a machine, its connection to the database, and the current process. It starts, stalls, dies and returns with
//! another node id.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use keyward_storage::NodeId;
use keyward_verifier::{Clock as _, Tasks, Verifier, VerifierParts, protocol::BootInstant};
use uuid::Uuid;

use super::{
    database::Database,
    link::Link,
    ports::Ports,
    process::{Machine, Process},
    world::{World, lock},
};

/// Capacity of a node's memory in bytes: enough for all keys, in some seeds only for a part.
const ROOM: [u64; 3] = [1 << 24, 1 << 24, 64 * 1_400];

/// A process that runs or is stopped.
#[derive(Clone)]
pub(crate) struct Alive {
    pub(crate) process: Arc<Process>,
    pub(crate) verifier: Arc<Verifier>,
    pub(crate) ports: Arc<Ports>,
}

/// A node.
pub(crate) struct Node {
    pub(crate) number: u64,
    pub(crate) machine: Arc<Machine>,
    pub(crate) link: Arc<Link>,
    world: Arc<World>,
    database: Arc<Database>,
    alive: Mutex<Option<Alive>>,
    /// Unfinished operations on the live process: what, and since when.
    under_way: Mutex<BTreeMap<u64, &'static str>>,
    /// Total time in which processes were stopped here, in nanoseconds, and the start of the current stop.
    stood_still: Mutex<(u64, Option<BootInstant>)>,
}

impl Node {
    pub(crate) fn new(number: u64, world: &Arc<World>, database: &Arc<Database>) -> Arc<Self> {
        Arc::new(Self {
            number,
            machine: Machine::new(world),
            link: Link::new(world),
            world: Arc::clone(world),
            database: Arc::clone(database),
            alive: Mutex::default(),
            under_way: Mutex::default(),
            stood_still: Mutex::default(),
        })
    }

    /// The process that runs here, if one does.
    pub(crate) fn alive(&self) -> Option<Alive> {
        lock(&self.alive).clone()
    }

    /// Starts a process.
    pub(crate) fn start(&self) {
        let (world, process) = (Arc::clone(&self.world), Process::start(&self.world));
        let ports = Arc::new(Ports {
            world: Arc::clone(&world),
            database: Arc::clone(&self.database),
            link: Arc::clone(&self.link),
        });
        let names = Arc::clone(&world);
        let verifier = Arc::new(Verifier::new(VerifierParts {
            credentials: Arc::clone(&ports) as _,
            feed: Arc::clone(&ports) as _,
            membership: Some(Arc::clone(&ports) as _),
            clock: Arc::clone(&self.machine) as _,
            fresh_node: Box::new(move || {
                let number = names.draw(super::rng::Rng::draw);
                NodeId::from_uuid(Uuid::from_u64_pair(number, 7))
            }),
            rules: world.rules,
            terms: world.plan.terms,
            capacity_bytes: world.draw(|rng| rng.one_of(&ROOM).copied()).unwrap_or(ROOM[0]),
            version: "simulated".to_owned(),
            tasks: Arc::clone(&process) as _,
        }));
        let starting = Arc::clone(&verifier);
        process.spawn(Box::pin(async move {
            // It cannot fail with a membership.
            starting.start().await.expect("a member starts");
        }));
        world.trace("start", self.number);
        *lock(&self.alive) = Some(Alive { process, verifier, ports });
    }

    /// Kills the process, as by SIGKILL.
    pub(crate) fn kill(&self) {
        if let Some(alive) = lock(&self.alive).take() {
            alive.process.kill();
            // Its unfinished operations and connections are dropped; a dead process executes nothing.
            alive.verifier.end();
        }
        lock(&self.under_way).clear();
        self.goes_again();
        self.world.trace("kill", self.number);
    }

    /// Stops the process, as by SIGSTOP.
    pub(crate) fn pause(&self) {
        if let Some(alive) = self.alive() {
            alive.process.pause();
            lock(&self.stood_still).1.get_or_insert(self.machine.boot());
        }
    }

    /// Resumes the process.
    pub(crate) fn resume(&self) {
        self.goes_again();
        if let Some(alive) = self.alive() {
            alive.process.resume();
        }
    }

    fn goes_again(&self) {
        let now = self.machine.boot();
        let mut stood_still = lock(&self.stood_still);
        if let Some(since) = stood_still.1.take() {
            stood_still.0 += u64::try_from(now.since(since).as_nanos()).unwrap_or_default();
        }
    }

    /// Total time in which processes were stopped here, by the boot clock, in nanoseconds.
    pub(crate) fn stood_still(&self) -> u64 {
        lock(&self.stood_still).0
    }

    /// Starts an operation on this process. It ends with the process, and is reported if it never ends.
    pub(crate) fn begin(
        self: &Arc<Self>,
        alive: &Alive,
        what: &'static str,
        work: impl Future<Output = ()> + Send + 'static,
    ) {
        let number = self.world.draw(super::rng::Rng::draw);
        lock(&self.under_way).insert(number, what);
        let node = Arc::clone(self);
        alive.process.spawn(Box::pin(async move {
            work.await;
            lock(&node.under_way).remove(&number);
        }));
    }

    /// The unfinished operations.
    pub(crate) fn under_way(&self) -> Vec<&'static str> {
        lock(&self.under_way).values().copied().collect()
    }
}
