//! The whole installation: nodes, keys, accounts, and their clients. Restricting changes work like the product's:
//! commit, then the barrier; an already committed one waits again (R9).

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use keyward_domain::{AccountId, KeyId, Role, Status};
use keyward_storage::{Hint, Seq};
use keyward_verifier::Clock as _;
use tokio::sync::oneshot;

use super::{
    accounts::{account_id, key_id, targets_of},
    database::{Change, Changed, Database},
    history::Record,
    link::{Line, LineFault},
    node::{Alive, Node},
    requests::verify,
    world::{World, lock},
};

/// Initial numbers.
const PARTNERS: u64 = 3;
const MERCHANTS: u64 = 8;
const KEYS: u64 = 40;

/// The installation.
pub(crate) struct Cluster {
    pub(crate) world: Arc<World>,
    pub(crate) database: Arc<Database>,
    pub(crate) nodes: Vec<Arc<Node>>,
    accounts: Mutex<Accounts>,
}

#[derive(Default)]
struct Accounts {
    made: u64,
    /// Unrevoked keys, and some revoked ones.
    keys: Vec<KeyId>,
    partners: Vec<AccountId>,
    merchants: Vec<AccountId>,
    /// The last changes started: some are repeated.
    changes: Vec<Change>,
}

impl Cluster {
    pub(crate) fn new(world: &Arc<World>) -> Arc<Self> {
        let database = Database::new(world);
        let nodes = (0..world.plan.nodes).map(|number| Node::new(number, world, &database)).collect();
        let cluster = Self { world: Arc::clone(world), database, nodes, accounts: Mutex::default() };
        cluster.database.add_account(account_id(0), Role::Platform, None);
        for _ in 0..PARTNERS {
            cluster.make_account(Role::Partner);
        }
        for _ in 0..MERCHANTS {
            cluster.make_account(Role::Merchant);
        }
        for _ in 0..KEYS {
            cluster.make_key();
        }
        Arc::new(cluster)
    }

    fn make_account(&self, role: Role) {
        let mut accounts = lock(&self.accounts);
        accounts.made += 1;
        let id = account_id(accounts.made);
        let parent = match role {
            Role::Merchant => self.world.draw(|rng| rng.one_of(&accounts.partners).copied()),
            Role::Platform | Role::Partner => Some(account_id(0)),
        };
        self.database.add_account(id, role, parent);
        match role {
            Role::Merchant => accounts.merchants.push(id),
            Role::Platform | Role::Partner => accounts.partners.push(id),
        }
    }

    /// Issues a key. Once this returns, every node must accept it.
    pub(crate) fn make_key(&self) -> KeyId {
        let mut accounts = lock(&self.accounts);
        accounts.made += 1;
        let id = key_id(accounts.made);
        let at = self.world.draw(|rng| rng.one_of(&accounts.merchants).copied()).unwrap_or(account_id(0));
        self.database.add_key(id, at);
        accounts.keys.push(id);
        if accounts.keys.len() > 60 {
            accounts.keys.remove(0);
        }
        let chain = self.database.truth(id).map(|credential| credential.chain);
        let targets = chain.map(|chain| targets_of(id, &chain)).unwrap_or_default();
        self.world.history().push(Record::Made { key: id, targets });
        id
    }

    /// A random node.
    pub(crate) fn any_node(&self) -> Option<&Arc<Node>> {
        self.world.draw(|rng| rng.one_of(&self.nodes))
    }

    /// A random key; younger ones are more likely.
    pub(crate) fn any_key(&self) -> Option<KeyId> {
        let accounts = lock(&self.accounts);
        let recent = &accounts.keys[accounts.keys.len().saturating_sub(12)..];
        self.world.draw(|rng| if rng.per_mille(600) { rng.one_of(recent) } else { rng.one_of(&accounts.keys) }).copied()
    }

    /// All keys that are still in use.
    pub(crate) fn keys(&self) -> Vec<KeyId> {
        lock(&self.accounts).keys.clone()
    }

    /// A key that this change touches.
    fn key_under(&self, change: Change) -> Option<KeyId> {
        let Change::Status(account, _) = change else {
            let Change::Revoke(key) = change else { return None };
            return Some(key);
        };
        let under = |key: &KeyId| self.database.truth(*key).is_some_and(|it| it.chain.contains(account));
        let keys: Vec<KeyId> = self.keys().into_iter().filter(under).collect();
        self.world.draw(|rng| rng.one_of(&keys).copied())
    }

    /// The next change to request.
    pub(crate) fn next_change(&self) -> Option<Change> {
        let kind = self.world.draw(|rng| rng.below(100));
        match kind {
            0..60 => self.any_key().map(Change::Revoke),
            60..80 => self.any_account(false).map(|id| Change::Status(id, Status::Suspended)),
            80..85 => self.any_account(true).map(|id| Change::Status(id, Status::Suspended)),
            85..88 => {
                self.make_account(Role::Merchant);
                let closed = self.any_account(false)?;
                lock(&self.accounts).merchants.retain(|id| *id != closed);
                Some(Change::Status(closed, Status::Closed))
            }
            _ => {
                let accounts = lock(&self.accounts);
                self.world.draw(|rng| rng.one_of(&accounts.changes).copied())
            }
        }
    }

    fn any_account(&self, partner: bool) -> Option<AccountId> {
        let accounts = lock(&self.accounts);
        self.world.draw(|rng| rng.one_of(if partner { &accounts.partners } else { &accounts.merchants })).copied()
    }

    /// A client makes a change through this node.
    pub(crate) fn call(self: &Arc<Self>, node: &Arc<Node>, change: Change) {
        let Some(alive) = node.alive() else { return };
        {
            let mut accounts = lock(&self.accounts);
            accounts.changes.push(change);
            if accounts.changes.len() > 4 {
                accounts.changes.remove(0);
            }
        }
        if change.restricts() {
            self.world.count("restricting changes begun");
        }
        let (cluster, on, here) = (Arc::clone(self), Arc::clone(node), alive.clone());
        node.begin(&alive, "a call", async move { cluster.change(&on, &here, change).await });
    }

    async fn change(self: &Arc<Self>, node: &Arc<Node>, alive: &Alive, change: Change) {
        let (number_known, numbered) = oneshot::channel();
        let early = (!self.world.rules.members_after_commit).then_some(number_known);
        let is_early = early.is_some();
        let committing = alive.ports.change(change, early);
        // If the members may be listed before the commit (R8), the barrier starts with only the number.
        let barrier = async {
            match (is_early, numbered.await) {
                (true, Ok(event)) => Some(alive.verifier.enforce(event, vec![change.target()]).await),
                (_, Ok(_) | Err(_)) => None,
            }
        };
        let (changed, enforced_early) = tokio::join!(biased; committing, barrier);
        let (confirmed, stood_still) = (node.machine.boot(), node.stood_still());
        let mark = self.world.history().mark();
        let Ok(changed) = changed else {
            self.world.count("calls with an unknown outcome (503)");
            return;
        };
        let target = change.target();
        let (seq, enforced, repeated) = match (changed, enforced_early) {
            (Changed::Refused | Changed::Before(None), _) => return,
            (Changed::Now(event), Some(enforced)) => (event.seq, enforced, false),
            (Changed::Now(event), None) => (event.seq, alive.verifier.enforce(event, vec![target]).await, false),
            (Changed::Before(Some(last)), _) => {
                (last.seq, alive.verifier.enforce_again(last, vec![target]).await, true)
            }
        };
        if enforced.is_err() {
            self.world.count("calls cut off by the end of their process");
            return;
        }
        let still = Duration::from_nanos(node.stood_still().saturating_sub(stood_still));
        let took = node.machine.boot().since(confirmed).saturating_sub(still);
        let (at, number) = (self.world.now(), node.number);
        let answered = Record::Answered { at, node: number, target, seq, confirmed: mark, took, repeated };
        self.world.history().push(answered);
        self.answered(node, change, took, repeated);
        self.look(change);
    }

    fn answered(&self, node: &Arc<Node>, change: Change, took: Duration, repeated: bool) {
        self.world.count(match (change.restricts(), repeated) {
            (true, false) => "restricting changes answered 2xx",
            (true, true) => "restricting changes answered 2xx, repeated",
            (false, _) => "lifting changes answered 2xx",
        });
        if took + Duration::from_millis(2) >= self.world.plan.worst_wait() {
            self.world.count("calls that ended by time-out");
        }
        self.world.trace("answered", node.number);
    }

    /// Verifies the answer on every node immediately, and again some time later.
    fn look(self: &Arc<Self>, change: Change) {
        let Some(key) = self.key_under(change) else { return };
        for node in &self.nodes {
            verify(&self.world, node, key);
            let (cluster, node) = (Arc::clone(self), Arc::clone(node));
            self.world.spawn(async move {
                let later = cluster.world.draw(|rng| rng.doubling(1, 4_000));
                cluster.world.pass(later).await;
                verify(&cluster.world, &node, key);
            });
        }
    }

    /// Revokes a key while a node that reads it joins again: the read is slow, the node's row gets another id, and no
    /// event reaches it (R6, R8).
    pub(crate) async fn revoke_while_a_node_joins(self: Arc<Self>) {
        let (Some(joining), Some(revoking), key) = (self.any_node(), self.any_node(), self.make_key()) else { return };
        self.world.count("calls while a node joined");
        let short = |cluster: &Self, most| cluster.world.draw(|rng| rng.millis(0, most));
        joining.link.set_fault(Some(Line::Keys), LineFault::LATE);
        verify(&self.world, joining, key);
        self.world.pass(short(&self, 5)).await;
        let (joins, changes) = self.world.draw(|rng| *rng.one_of(&[(200, 0), (0, 200), (200, 200)]).expect("a choice"));
        self.database.let_wait(short(&self, joins), short(&self, changes));
        joining.machine.step_wall(3_600_000_000);
        for _ in 0..3 {
            // Wakes the node with a hint of a nonexistent event. Has no effect while the database is down.
            let _ = self.database.announce(Hint::Event(Seq::new(1 << 50)));
        }
        self.world.pass(short(&self, 6)).await;
        joining.link.set_fault(Some(Line::Pool), LineFault::CUT);
        self.world.pass(short(&self, 30)).await;
        self.call(revoking, Change::Revoke(key));
        for most in [10, 20, 40, 40, 80, 80, 160, 160] {
            self.world.pass(short(&self, most)).await;
            verify(&self.world, joining, key);
        }
        self.database.let_wait(Duration::ZERO, Duration::ZERO);
        joining.link.set_fault(Some(Line::Keys), LineFault::NONE);
        joining.link.set_fault(Some(Line::Pool), LineFault::NONE);
    }

    /// Revokes a key while a node that has it in memory is cut off; then that node returns only partly: it renews, but
    /// reads no events (R2).
    pub(crate) async fn revoke_while_a_node_is_away(self: Arc<Self>) {
        let (Some(away), Some(revoking), key) = (self.any_node(), self.any_node(), self.make_key()) else { return };
        self.world.count("calls while a node was cut off and partly returned");
        verify(&self.world, away, key);
        self.world.pass(Duration::from_millis(20)).await;
        away.link.set_fault(None, LineFault::CUT);
        self.call(revoking, Change::Revoke(key));
        let ttl = u64::try_from(self.world.plan.terms.ttl.as_millis()).unwrap_or_default();
        self.world.pass(self.world.draw(|rng| rng.millis(ttl / 2, ttl))).await;
        away.link.set_fault(Some(Line::Lease), LineFault::NONE);
        for _ in 0..12 {
            self.world.pass(self.world.draw(|rng| rng.millis(0, ttl / 5))).await;
            verify(&self.world, away, key);
        }
        away.link.set_fault(None, LineFault::NONE);
    }

    /// A client makes a change after the key is in every node's memory.
    pub(crate) async fn restrict(self: Arc<Self>, change: Change) {
        if let Some(key) = self.key_under(change) {
            for node in &self.nodes {
                verify(&self.world, node, key);
            }
        }
        let later = self.world.draw(|rng| rng.millis(0, 60));
        self.world.pass(later).await;
        let Some(node) = self.any_node() else { return };
        self.call(node, change);
        if let Change::Status(account, Status::Suspended) = change {
            let later = self.world.draw(|rng| rng.doubling(100, 6_000));
            self.world.pass(later).await;
            if let Some(node) = self.any_node() {
                self.call(node, Change::Status(account, Status::Active));
            }
        }
    }
}
