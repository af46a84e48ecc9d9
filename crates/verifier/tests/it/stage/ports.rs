//! The ports of one node, each call of which can be made to fail: at once or late, carried out or not, as a whole kind or
//! the one call of some number. They never answer what the database does not say.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use keyward_domain::{KeyId, Timestamp};
use keyward_storage::{
    Confirmed, Credential, Credentials, Events, Feed, Hint, Hints, HistoryToken, Introduction, LostHistory, Members,
    Membership, NodeId, Position, Read, Renewal, Result, Seq, StorageError, Subject, Write,
};
use tokio::{
    sync::{Notify, mpsc},
    task::yield_now,
};
use tokio_util::sync::CancellationToken;

use crate::shared::{
    database::{Change, Changed, Database},
    world::{World, lock},
};

/// How long a port waits for an answer by itself: longer than a lease and the guard.
const PATIENCE: Duration = Duration::from_secs(8);

/// Which call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Call {
    Change,
    Credential,
    Head,
    EventsAfter,
    Announce,
    Listen,
    RecordEnforced,
    Prune,
    Join,
    Renew,
    Leave,
    Members,
    Reap,
    Mark,
    RecordLost,
    Lost,
}

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Harm {
    /// It fails at once.
    Error,
    /// It finds the database damaged.
    Damaged,
    /// It is carried out, and said to have failed.
    ErrorAfter,
    /// It is not carried out, and nobody says so.
    Silence,
    /// It is carried out, and nobody says so.
    SilenceAfter,
    /// It is carried out, and its answer waits until it is [let go](Ports::let_go).
    Held,
    /// It is carried out, and its answer takes this long.
    Late(Duration),
    /// The first of the events is missing from its answer.
    Hole,
    /// All of the events are missing from its answer.
    Void,
    /// Its answer is of another history.
    Elsewhere,
    /// Whoever waits for its outcome is dropped before it is carried out.
    Cancel,
    /// Whoever waits for its outcome is dropped after it was carried out.
    CancelAfter,
}

/// What happens to the calls of several nodes: to those of some numbers, counted over all of them.
pub(crate) struct Script {
    harms: BTreeMap<u64, Harm>,
    made: Mutex<u64>,
    /// Drops what the play is waiting for.
    scene: Mutex<CancellationToken>,
}

impl Script {
    pub(crate) fn new(harms: &[(u64, Harm)]) -> Arc<Self> {
        let harms = harms.iter().copied().collect();
        Arc::new(Self { harms, made: Mutex::default(), scene: Mutex::default() })
    }

    /// One scene of the play; none if it was dropped half way.
    pub(crate) async fn scene<T>(&self, scene: impl Future<Output = T>) -> Option<T> {
        let dropped = CancellationToken::new();
        *lock(&self.scene) = dropped.clone();
        dropped.run_until_cancelled(scene).await
    }

    /// Drops the present scene, if this is part of it or runs beside it.
    async fn drop_scene(&self) {
        lock(&self.scene).cancel();
        yield_now().await;
    }

    /// How many calls were made.
    pub(crate) fn made(&self) -> u64 {
        *lock(&self.made)
    }

    fn next(&self) -> Option<Harm> {
        let mut made = lock(&self.made);
        let number = *made;
        *made += 1;
        self.harms.get(&number).copied()
    }
}

/// The ports of one node.
pub(crate) struct Ports {
    world: Arc<World>,
    database: Arc<Database>,
    harms: Mutex<BTreeMap<Call, Harm>>,
    made: Mutex<BTreeMap<Call, u64>>,
    script: Mutex<Option<Arc<Script>>>,
    letting_go: Notify,
    deaf: Arc<AtomicBool>,
}

impl Ports {
    pub(crate) fn new(world: &Arc<World>, database: &Arc<Database>) -> Self {
        Self {
            world: Arc::clone(world),
            database: Arc::clone(database),
            harms: Mutex::default(),
            made: Mutex::default(),
            script: Mutex::default(),
            letting_go: Notify::new(),
            deaf: Arc::default(),
        }
    }

    /// From now on this becomes of calls of this kind.
    pub(crate) fn harm(&self, call: Call, harm: Harm) {
        lock(&self.harms).insert(call, harm);
    }

    /// From now on calls of this kind go well.
    pub(crate) fn heal(&self, call: Call) {
        lock(&self.harms).remove(&call);
    }

    /// Nothing reaches the database any more.
    pub(crate) fn cut(&self) {
        use Call as C;
        for call in [C::Change, C::Credential, C::Head, C::EventsAfter, C::Announce, C::Listen, C::RecordEnforced] {
            self.harm(call, Harm::Silence);
        }
        for call in [C::Prune, C::Join, C::Renew, C::Leave, C::Members, C::Reap] {
            self.harm(call, Harm::Silence);
        }
    }

    /// Everything reaches the database again.
    pub(crate) fn mend(&self) {
        lock(&self.harms).clear();
    }

    /// Hints arrive no more, or again.
    pub(crate) fn deafen(&self, deaf: bool) {
        self.deaf.store(deaf, Ordering::Relaxed);
    }

    /// Those calls that are held now, and were carried out, are answered.
    pub(crate) fn let_go(&self) {
        self.letting_go.notify_waiters();
    }

    /// Follows a script.
    pub(crate) fn follow(&self, script: &Arc<Script>) {
        *lock(&self.script) = Some(Arc::clone(script));
    }

    /// How many calls of this kind were made.
    pub(crate) fn made(&self, call: Call) -> u64 {
        lock(&self.made).get(&call).copied().unwrap_or_default()
    }

    /// Changes something, in a transaction.
    pub(crate) async fn change(&self, change: Change) -> Result<Changed> {
        self.call(Call::Change, self.database.change(change, None)).await
    }

    async fn call<T>(&self, call: Call, work: impl Future<Output = Result<T>> + Send) -> Result<T> {
        *lock(&self.made).entry(call).or_default() += 1;
        let script = lock(&self.script).clone();
        let harm = script.as_ref().and_then(|script| script.next());
        let harm = harm.or_else(|| lock(&self.harms).get(&call).copied());
        let failed = || Err(StorageError::Unavailable("this call was to fail".into()));
        match harm {
            None | Some(Harm::Hole | Harm::Void | Harm::Elsewhere) => work.await,
            Some(Harm::Error) => failed(),
            Some(Harm::Damaged) => Err(StorageError::Corrupt { table: "the whole database", id: "this call".into() }),
            Some(Harm::ErrorAfter) => {
                let _ = work.await?;
                failed()
            }
            Some(Harm::Silence) => {
                self.world.pass(PATIENCE).await;
                failed()
            }
            Some(Harm::SilenceAfter) => {
                let _ = work.await?;
                self.world.pass(PATIENCE).await;
                failed()
            }
            Some(Harm::Held) => {
                let (result, go) = (work.await, self.letting_go.notified());
                go.await;
                result
            }
            Some(Harm::Late(by)) => {
                let result = work.await;
                self.world.pass(by).await;
                result
            }
            Some(Harm::Cancel) => {
                if let Some(script) = script {
                    script.drop_scene().await;
                }
                work.await
            }
            Some(Harm::CancelAfter) => {
                let result = work.await;
                if let Some(script) = script {
                    script.drop_scene().await;
                }
                result
            }
        }
    }
}

#[async_trait]
impl Credentials for Ports {
    async fn credential(&self, id: KeyId) -> Result<Option<Read<Credential>>> {
        self.call(Call::Credential, async { self.database.credential(id) }).await
    }
}

#[async_trait]
impl Membership for Ports {
    async fn join(&self, node: &Introduction) -> Result<Confirmed> {
        self.call(Call::Join, self.database.join(node)).await
    }

    async fn renew(&self, renewal: &Renewal) -> Result<Option<Confirmed>> {
        self.call(Call::Renew, self.database.renew(renewal)).await
    }

    async fn leave(&self, node: NodeId) -> Result<()> {
        self.call(Call::Leave, async { self.database.leave(node) }).await
    }

    async fn members(&self, events: &[Position]) -> Result<Members> {
        let mut members = self.call(Call::Members, async { self.database.members(events) }).await?;
        if lock(&self.harms).get(&Call::Members) == Some(&Harm::Elsewhere) {
            members.head.token.started += 1;
        }
        Ok(members)
    }

    async fn reap(&self, node: NodeId, counter: u64) -> Result<Write> {
        self.call(Call::Reap, async { self.database.reap(node, counter) }).await
    }

    async fn mark(&self, token: HistoryToken) -> Result<Write> {
        self.call(Call::Mark, async { self.database.mark(token) }).await
    }

    async fn record_lost(&self, lost: &LostHistory) -> Result<()> {
        self.call(Call::RecordLost, async { self.database.record_lost(lost) }).await
    }

    async fn lost(&self, _: u32) -> Result<Vec<LostHistory>> {
        self.call(Call::Lost, async { self.database.lost() }).await
    }
}

#[async_trait]
impl Feed for Ports {
    async fn head(&self) -> Result<Read<()>> {
        self.call(Call::Head, async { self.database.head() }).await
    }

    async fn events_after(&self, position: Position, at_most: u32) -> Result<Events> {
        let mut read = self.call(Call::EventsAfter, async { self.database.events_after(position, at_most) }).await?;
        let missing = match lock(&self.harms).get(&Call::EventsAfter) {
            Some(Harm::Hole) => read.events.len().min(1),
            Some(Harm::Void) => read.events.len(),
            Some(_) | None => 0,
        };
        read.events.drain(..missing);
        Ok(read)
    }

    async fn announce(&self, hint: Hint) -> Result<()> {
        self.call(Call::Announce, async { self.database.announce(hint) }).await
    }

    async fn listen(&self) -> Result<Option<Box<dyn Hints>>> {
        let (_, hints) = self.call(Call::Listen, async { self.database.listen() }).await?;
        Ok(Some(Box::new(Listening { hints, deaf: Arc::clone(&self.deaf) })))
    }

    async fn record_enforced(&self, subjects: &[Subject], up_to: Seq, shown_by: Position, at: Timestamp) -> Result<()> {
        self.call(Call::RecordEnforced, async { self.database.record_enforced(subjects, up_to, shown_by, at) }).await
    }

    async fn note_lost(&self, lost: &LostHistory) -> Result<()> {
        self.call(Call::RecordLost, async { self.database.record_lost(lost) }).await
    }

    async fn prune(&self, _: Duration, _: Timestamp, _: u32) -> Result<u64> {
        self.call(Call::Prune, async { self.database.prune() }).await
    }
}

/// A connection that listens, and hears.
struct Listening {
    hints: mpsc::UnboundedReceiver<Hint>,
    deaf: Arc<AtomicBool>,
}

#[async_trait]
impl Hints for Listening {
    async fn next(&mut self) -> Result<Hint> {
        loop {
            let hint = self.hints.recv().await;
            let hint = hint.ok_or_else(|| StorageError::Unavailable("the connection that listens broke".into()))?;
            if !self.deaf.load(Ordering::Relaxed) {
                return Ok(hint);
            }
        }
    }
}
