//! The fixture of one scenario: a database in memory, nodes on it, and ports that fail as a test requires. Judges
//! nothing.

use std::{sync::Arc, time::Duration};

use keyward_domain::{AccountId, KeyId, Role};
use keyward_storage::{NodeId, Result, StorageError, Target};
use keyward_verifier::{
    Clock as _, NotEnforced, Verifier, VerifierParts,
    protocol::{LeaseConfig, Rules},
};
use tokio::time::timeout;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::shared::{
    accounts::{account_id, is_good, key_id, targets_of},
    check,
    database::{Change, Changed, Database},
    history::{Answer, Record},
    plan::Plan,
    process::Machine,
    rng::Rng,
    world::World,
};

mod ports;

pub(crate) use ports::{Call, Fault, Ports, Script};

/// Lease time and guard of every node here.
pub(crate) const TERMS: LeaseConfig = LeaseConfig::QUICK;
/// Longer than any operation that ends by itself.
const FOREVER: Duration = Duration::from_mins(10);

/// A database with a platform (account 0), a partner (1), a merchant (2), and keys of that merchant.
pub(crate) struct Fixture {
    pub(crate) world: Arc<World>,
    pub(crate) database: Arc<Database>,
}

/// A node, or the only process.
pub(crate) struct Actor {
    pub(crate) ports: Arc<Ports>,
    pub(crate) machine: Arc<Machine>,
    pub(crate) verifier: Arc<Verifier>,
    pub(crate) tasks: TaskTracker,
}

impl Fixture {
    /// Creates a fixture with this many keys, numbered from 0.
    pub(crate) fn with_keys(keys: u64) -> Self {
        let plan = Plan {
            nodes: 0,
            terms: TERMS,
            calls: 0,
            gap: 0,
            loss: 0,
            slow: 0,
            hint_loss: 0,
            commit: 0,
            preempted: 0,
            noise: 0,
            node_faults: 0,
            database_faults: 0,
            clock_faults: 0,
        };
        let world = Arc::new(World::new(Rng::of_seed(7), Rules::ALL, plan));
        let database = Database::new(&world);
        database.add_account(account_id(0), Role::Platform, None);
        database.add_account(account_id(1), Role::Partner, Some(account_id(0)));
        database.add_account(account_id(2), Role::Merchant, Some(account_id(1)));
        let fixture = Self { world, database };
        for number in 0..keys {
            fixture.add_key(number);
        }
        fixture
    }

    /// Adds the key with this number.
    pub(crate) fn add_key(&self, number: u64) {
        let key = key_id(number);
        self.database.add_key(key, account_id(2));
        let chain = self.database.truth(key).expect("it was just made").chain;
        let targets = targets_of(key, &chain);
        self.world.history().push(Record::Made { key, targets });
    }

    /// A node that has not joined yet.
    pub(crate) fn node(&self) -> Actor {
        self.actor(true, TERMS)
    }

    /// A node with other terms that has not joined yet.
    pub(crate) fn node_of(&self, terms: LeaseConfig) -> Actor {
        self.actor(true, terms)
    }

    /// A node that has joined and receives hints.
    pub(crate) async fn member(&self) -> Actor {
        let actor = self.node();
        actor.verifier.start().await.expect("a member starts");
        self.pass_millis(20).await;
        assert!(actor.verifier.may_answer_from_memory());
        actor
    }

    /// The only process on its database, open.
    pub(crate) async fn alone(&self) -> Actor {
        let actor = self.actor(false, TERMS);
        actor.verifier.start().await.expect("it opens");
        actor
    }

    /// The only process on its database, with this fault while it opens.
    pub(crate) async fn alone_with(&self, call: Call, fault: Fault) -> Actor {
        let actor = self.actor(false, TERMS);
        actor.ports.fail(call, fault);
        actor.verifier.start().await.expect_err("it does not open");
        actor
    }

    fn actor(&self, member: bool, terms: LeaseConfig) -> Actor {
        let ports = Arc::new(Ports::new(&self.world, &self.database));
        let (machine, tasks, names) = (Machine::new(&self.world), TaskTracker::new(), Arc::clone(&self.world));
        let verifier = Arc::new(Verifier::new(VerifierParts {
            credentials: Arc::clone(&ports) as _,
            feed: Arc::clone(&ports) as _,
            membership: member.then(|| Arc::clone(&ports) as _),
            clock: Arc::clone(&machine) as _,
            fresh_node: Box::new(move || NodeId::from_uuid(Uuid::from_u64_pair(names.draw(Rng::draw), 7))),
            rules: Rules::ALL,
            terms,
            capacity_bytes: 1 << 24,
            version: "staged".to_owned(),
            tasks: Arc::new(tasks.clone()),
        }));
        Actor { ports, machine, verifier, tasks }
    }

    /// Lets time pass.
    pub(crate) async fn pass(&self, time: Duration) {
        self.world.pass(time).await;
    }

    /// Lets this many milliseconds pass.
    pub(crate) async fn pass_millis(&self, millis: u64) {
        self.world.pass(Duration::from_millis(millis)).await;
    }

    /// Sends a request for a verdict on the key with this number.
    pub(crate) async fn verify(&self, on: &Actor, number: u64) -> Answer {
        let (key, arrived_at) = (key_id(number), self.world.now());
        let arrived = self.world.history().mark();
        let answer = match ends(on.verifier.credential(key)).await {
            Ok(Some(credential)) if is_good(&credential) => Answer::Valid,
            Ok(Some(_)) => Answer::Restricted,
            Ok(None) => Answer::Unknown,
            Err(_) => Answer::Unavailable,
        };
        let at = self.world.now();
        self.world.history().push(Record::Verified { at, arrived_at, arrived, node: 0, key, answer });
        answer
    }

    /// Commits a change without notifying any node.
    pub(crate) async fn commit(&self, change: Change) -> Changed {
        self.database.change(change, None).await.expect("the database commits")
    }

    /// Makes a call that changes a verdict, like the product: commit, then the barrier.
    pub(crate) async fn call(&self, on: &Actor, change: Change) -> Result<Result<(), NotEnforced>> {
        let changed = on.ports.change(change).await?;
        let (since, target, confirmed) = (on.machine.boot(), change.target(), self.world.history().mark());
        let (seq, done, repeated) = match changed {
            Changed::Now(event) => (event.seq, ends(on.verifier.enforce(event, vec![target])).await, false),
            Changed::Before(Some(last)) => (last.seq, ends(on.verifier.enforce_again(last, vec![target])).await, true),
            Changed::Before(None) | Changed::Refused => {
                return Err(StorageError::Unexpected("there is nothing to change".into()));
            }
        };
        if done.is_ok() {
            let (at, took) = (self.world.now(), on.machine.boot().since(since));
            let answered = Record::Answered { at, node: 0, target, seq, confirmed, took, repeated };
            self.world.history().push(answered);
        }
        Ok(done)
    }

    /// Revokes the key with this number through this node, and returns how long that took.
    pub(crate) async fn revoke(&self, on: &Actor, number: u64) -> Duration {
        let since = self.world.now();
        let done = self.call(on, Change::Revoke(key_id(number))).await;
        done.expect("the database commits").expect("no call is cut off");
        self.world.now().saturating_sub(since)
    }

    /// The promises that this scenario's log breaks.
    pub(crate) fn breaches(&self) -> Vec<String> {
        check::breaches(&self.world.history(), TERMS.worst_wait())
    }

    /// Whether the last change of this key is recorded as enforced.
    pub(crate) async fn is_recorded(&self, number: u64) -> bool {
        let changed = self.commit(Change::Revoke(key_id(number))).await;
        matches!(changed, Changed::Before(Some(last)) if last.enforced_at.is_some())
    }
}

impl Actor {
    /// Whether the key with this number is in memory.
    pub(crate) fn remembers(&self, number: u64) -> bool {
        self.verifier.remembered(key_id(number)).is_some()
    }

    /// Kills the process: none of its calls reaches the database any more, and its tasks stop.
    pub(crate) fn die(&self) {
        self.ports.cut();
        self.verifier.end();
    }

    /// Ends everything, and waits until it has ended.
    pub(crate) async fn end(&self) {
        self.verifier.end();
        self.tasks.close();
        ends(self.tasks.wait()).await;
    }
}

/// Asserts that this future ends.
pub(crate) async fn ends<T>(work: impl Future<Output = T>) -> T {
    timeout(FOREVER, work).await.expect("it hangs")
}

/// The keys' account, as a target.
pub(crate) fn merchant() -> AccountId {
    account_id(2)
}

/// The key with this number, as a target.
pub(crate) fn target(number: u64) -> Target {
    Target::Key(key_id(number))
}

/// The id of the key with this number.
pub(crate) fn id(number: u64) -> KeyId {
    key_id(number)
}
