//! A database in memory that keeps exactly what the ports promise of a real one: statements see a snapshot, commits
//! take time, a crash loses only what was not committed. Decides nothing of the protocol.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use keyward_domain::{AccountId, Chain, KeyId, Link, Role, Status, Timestamp};
use keyward_storage::{
    Credential, Enforcement, Event, Events, Hint, HistoryToken, JoinRequest, LeaseReply, LostHistory, Member, Members,
    NodeId, Position, Read, Renewal, Result, Seq, Snapshot, StorageError, Target, Write,
};
use tokio::sync::{Mutex as Turn, mpsc};

use super::{
    accounts::{KeyForms, link},
    process::WALL,
    world::{World, lock},
};

#[path = "database/change.rs"]
mod change;
#[path = "database/histories.rs"]
mod histories;

pub(crate) use change::{Change, Changed};

/// The database.
pub(crate) struct Database {
    world: Arc<World>,
    state: Mutex<State>,
    /// The lock on the row that numbers all events (R1).
    head: Turn<()>,
    /// How long a join waits for other locks after it has seen the head, and a change after it has its number.
    waits: Mutex<(Duration, Duration)>,
}

#[derive(Clone, Default)]
struct State {
    down: bool,
    /// Number of crashes: earlier connections and transactions are gone.
    life: u64,
    /// Number of earlier histories, and the current token.
    histories: u64,
    token: HistoryToken,
    /// The history that was waited out.
    mark: Option<HistoryToken>,
    lost: Vec<LostHistory>,
    keys: BTreeMap<KeyId, Key>,
    accounts: BTreeMap<AccountId, Account>,
    events: BTreeMap<Seq, Event>,
    /// The greatest visible number.
    head: Seq,
    /// The greatest number ever assigned, if numbers do not follow the order of commits.
    given: Seq,
    /// Locks of transactions.
    locked: BTreeSet<Target>,
    leases: BTreeMap<NodeId, Member>,
    /// Offset of the wall clock, in microseconds.
    stepped: i64,
    listeners: BTreeMap<u64, mpsc::UnboundedSender<Hint>>,
    connections: u64,
}

#[derive(Clone)]
struct Key {
    forms: KeyForms,
    account: AccountId,
    revoked: bool,
    last: Option<Enforcement>,
}

#[derive(Clone)]
struct Account {
    /// As it is read while active, suspended, closed.
    active: Arc<Link>,
    suspended: Arc<Link>,
    closed: Arc<Link>,
    status: Status,
    parent: Option<AccountId>,
    last: Option<Enforcement>,
}

impl Account {
    fn link(&self) -> Arc<Link> {
        Arc::clone(match self.status {
            Status::Active => &self.active,
            Status::Suspended => &self.suspended,
            Status::Closed => &self.closed,
        })
    }
}

impl Database {
    pub(crate) fn new(world: &Arc<World>) -> Arc<Self> {
        // It starts empty, so there is no lease of another history to wait for.
        let token = HistoryToken { started: 1, ..HistoryToken::EMBEDDED };
        let state = State { token, mark: Some(token), ..State::default() };
        Arc::new(Self {
            world: Arc::clone(world),
            state: Mutex::new(state),
            head: Turn::new(()),
            waits: Mutex::default(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// The state, if the database is running.
    fn up(&self) -> Result<MutexGuard<'_, State>> {
        let state = self.state();
        if state.down { Err(StorageError::Unavailable("the database is away".into())) } else { Ok(state) }
    }

    /// Adds an account, which is no event (2.2: never on INSERT).
    pub(crate) fn add_account(&self, id: AccountId, role: Role, parent: Option<AccountId>) {
        let form = |status| link(id, role, status);
        let (active, suspended, closed) = (form(Status::Active), form(Status::Suspended), form(Status::Closed));
        let account = Account { active, suspended, closed, status: Status::Active, parent, last: None };
        self.state().accounts.insert(id, account);
    }

    /// Adds a key.
    pub(crate) fn add_key(&self, id: KeyId, account: AccountId) {
        let key = Key { forms: KeyForms::new(id, account), account, revoked: false, last: None };
        self.state().keys.insert(id, key);
    }

    /// The current state of a key, for the check at the end.
    pub(crate) fn truth(&self, id: KeyId) -> Option<Credential> {
        self.state().credential(id)
    }

    /// Reads a key with its chain and the head, in one snapshot.
    pub(crate) fn credential(&self, id: KeyId) -> Result<Option<Read<Credential>>> {
        let state = self.up()?;
        Ok(state.credential(id).map(|value| Read { value, as_of: state.snapshot() }))
    }

    pub(crate) fn head(&self) -> Result<Read<()>> {
        let state = self.up()?;
        Ok(Read { value: (), as_of: state.snapshot() })
    }

    pub(crate) fn events_after(&self, position: Position, at_most: u32) -> Result<Events> {
        let state = self.up()?;
        let events =
            state.events.range(position.seq.next()..).take(at_most as usize).map(|(_, event)| *event).collect();
        Ok(Events { token: state.token, follow: state.holds(position), events })
    }

    pub(crate) fn record_enforced(
        &self,
        targets: &[Target],
        up_to: Seq,
        shown_by: Position,
        at: Timestamp,
    ) -> Result<()> {
        let mut state = self.up()?;
        if self.world.rules.history.record_names_its_event && !state.holds(shown_by) {
            return Ok(());
        }
        for target in targets {
            let Some(last) = state.last(*target) else { continue };
            if last.seq <= up_to && last.enforced_at.is_none() {
                last.enforced_at = Some(at);
                let seq = last.seq;
                self.world.history().enforced(*target, seq);
            }
        }
        Ok(())
    }

    /// Drops history that no member needs, however young.
    pub(crate) fn prune(&self) -> Result<u64> {
        let mut state = self.up()?;
        let lowest = state.leases.values().map(|row| row.applied).min().unwrap_or(state.head);
        let kept = state.events.split_off(&lowest);
        let dropped = std::mem::replace(&mut state.events, kept).len() as u64;
        self.world.add("events pruned", dropped);
        Ok(dropped)
    }

    /// Sees the head first, and commits some time after that.
    pub(crate) async fn join(&self, node: &JoinRequest) -> Result<LeaseReply> {
        let (head, life) = self.begin()?;
        let (waits, _) = *lock(&self.waits);
        self.wait(waits).await;
        self.commit_takes_time().await;
        let mut state = self.still(life)?;
        let at = self.wall(&state);
        if state.leases.contains_key(&node.node) {
            return Err(StorageError::Unexpected("a member of this name is there already".into()));
        }
        if let Some(previous) = node.previous
            && state.leases.remove(&previous).is_some()
        {
            self.world.count("joins that removed their earlier row");
        }
        let row = Member {
            node: node.node,
            counter: node.counter,
            applied: head.seq(),
            ttl: node.ttl,
            started_at: node.started_at,
            renewed_at: at,
            version: node.version.clone(),
        };
        state.leases.insert(node.node, row);
        self.world.count("joins");
        Ok(LeaseReply { head, database_time: at })
    }

    /// Sees the head first, and commits some time after that.
    pub(crate) async fn renew(&self, renewal: &Renewal) -> Result<Option<LeaseReply>> {
        let (head, life) = self.begin()?;
        self.commit_takes_time().await;
        let mut state = self.still(life)?;
        let at = self.wall(&state);
        if state.head > head.seq() {
            self.world.count("renewals that saw an older head than at their commit");
        }
        let rules = self.world.rules.history;
        if (rules.renewal_names_its_history && renewal.token != state.token)
            || (rules.renewal_names_its_event && !state.holds(renewal.applied))
        {
            return Ok(None);
        }
        let is_named = |row: &Member| !rules.renewal_names_its_row || renewal.counters.contains(&row.counter);
        let row = state.leases.get_mut(&renewal.node).filter(|row| is_named(row));
        let Some(row) = row else { return Ok(None) };
        row.counter = if rules.rows_are_numbered_at_random { renewal.counter } else { row.counter + 1 };
        row.applied = row.applied.max(renewal.applied.seq);
        row.renewed_at = at;
        Ok(Some(LeaseReply { head, database_time: at }))
    }

    pub(crate) fn leave(&self, node: NodeId) -> Result<()> {
        self.up()?.leases.remove(&node);
        Ok(())
    }

    pub(crate) fn members(&self, events: &[Position]) -> Result<Members> {
        let state = self.up()?;
        Ok(Members {
            rows: state.leases.values().cloned().collect(),
            head: state.snapshot(),
            is_marked: state.mark == Some(state.token),
            absent: events.iter().filter(|event| !state.holds(**event)).copied().collect(),
            database_time: self.wall(&state),
        })
    }

    pub(crate) fn reap(&self, node: NodeId, counter: u64) -> Result<Write> {
        let mut state = self.up()?;
        if state.leases.get(&node).is_none_or(|row| row.counter != counter) {
            return Ok(Write::Stale);
        }
        state.leases.remove(&node);
        self.world.count("rows reaped");
        Ok(Write::Applied)
    }

    /// Notifies listeners with individual delays: some late, in another order, or never.
    pub(crate) fn announce(&self, hint: Hint) -> Result<()> {
        let listeners: Vec<_> = self.up()?.listeners.values().cloned().collect();
        for listener in listeners {
            let world = Arc::clone(&self.world);
            let (lost, delay) = world.draw(|rng| {
                let late = rng.per_mille(50);
                (rng.per_mille(world.plan.hint_loss), if late { rng.doubling(1, 500) } else { rng.millis(0, 1) })
            });
            if lost {
                self.world.count("fault: notification lost");
                continue;
            }
            self.world.spawn(async move {
                world.pass(delay).await;
                // The listener has gone.
                let _ = listener.send(hint);
            });
        }
        Ok(())
    }

    /// Listens. Returns the connection's number.
    pub(crate) fn listen(&self) -> Result<(u64, mpsc::UnboundedReceiver<Hint>)> {
        let mut state = self.up()?;
        let (sender, receiver) = mpsc::unbounded_channel();
        state.connections += 1;
        let number = state.connections;
        state.listeners.insert(number, sender);
        Ok((number, receiver))
    }

    /// Removes a listening connection.
    pub(crate) fn forget_listener(&self, number: u64) {
        self.state().listeners.remove(&number);
    }

    /// Sets the wall clock by this many microseconds.
    pub(crate) fn step_wall(&self, by: i64) {
        let mut state = self.state();
        state.stepped = state.stepped.saturating_add(by);
    }

    /// Crashes: loses everything that is not committed, and every connection.
    pub(crate) fn crash(&self) {
        let mut state = self.state();
        state.down = true;
        state.life += 1;
        state.listeners.clear();
        state.locked.clear();
    }

    pub(crate) fn restart(&self) {
        self.state().down = false;
    }

    /// From now on, joins and changes wait this long for other locks.
    pub(crate) fn let_wait(&self, joins: Duration, changes: Duration) {
        *lock(&self.waits) = (joins, changes);
    }

    async fn wait(&self, time: Duration) {
        if time > Duration::ZERO {
            self.world.pass(time).await;
        }
    }

    /// Number of members.
    pub(crate) fn rows(&self) -> usize {
        self.state().leases.len()
    }

    fn begin(&self) -> Result<(Snapshot, u64)> {
        let state = self.up()?;
        Ok((state.snapshot(), state.life))
    }

    /// The state, if there was no crash in between.
    fn still(&self, life: u64) -> Result<MutexGuard<'_, State>> {
        let state = self.up()?;
        if state.life == life { Ok(state) } else { Err(StorageError::Unavailable("the connection is gone".into())) }
    }

    async fn commit_takes_time(&self) {
        let most = self.world.plan.commit;
        let time = self
            .world
            .draw(|rng| if rng.per_mille(300) { Duration::from_millis(rng.below(most + 1)) } else { Duration::ZERO });
        self.wait(time).await;
    }

    fn wall(&self, state: &State) -> Timestamp {
        let elapsed = i64::try_from(self.world.now().as_micros()).unwrap_or_default();
        Timestamp::from_micros(WALL.saturating_add(elapsed).saturating_add(state.stepped)).unwrap_or(Timestamp::MAX)
    }
}

impl State {
    fn credential(&self, id: KeyId) -> Option<Credential> {
        let key = self.keys.get(&id)?;
        let own = self.accounts.get(&key.account)?;
        let above = |account: &Account| account.parent.and_then(|parent| self.accounts.get(&parent));
        let parent = above(own);
        let links = [parent, parent.and_then(above)].map(|account| account.map(Account::link));
        let chain = Chain::shared(own.link(), links).ok()?;
        Some(Credential { key: key.forms.key(key.revoked), chain })
    }

    fn last(&mut self, target: Target) -> Option<&mut Enforcement> {
        match target {
            Target::Key(id) => self.keys.get_mut(&id)?.last.as_mut(),
            Target::Account(id) => self.accounts.get_mut(&id)?.last.as_mut(),
        }
    }
}
