//! The verifier of one process: memory, lease and barrier, and the tasks that keep them true.
//!
//! Requests ask for a credential; use cases that narrow or widen something wait here until it is in force everywhere. It
//! judges no key, and an outage never becomes a verdict: what cannot be known is a [`StorageError`].

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use keyward_domain::{AuthKey, KeyId, Timestamp};
use keyward_storage::{
    Credentials, Enforcement, Feed, Members, Membership, NodeId, Position, Seq, StorageError, Target,
};
use tokio::{sync::oneshot, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    cache::{Cache, Size},
    driver::{Barrier, Change, ClockDifference, Clocks, Control, Embedded, NotificationListener, Trouble, Wake},
    meters::Meters,
    protocol::{BootInstant, ClockJump, LeaseConfig, Newness, Rules},
    published_lease::PublishedLease,
    singleflight::Reads,
};

/// How long an answer waits for the note that a change is in force everywhere.
const NOTED_SOON: Duration = Duration::from_millis(250);

/// The clocks of this machine.
pub trait Clock: Send + Sync {
    /// The clock that goes on while the machine sleeps. Never cached: each request reads it (R3).
    fn boot(&self) -> BootInstant;

    /// The wall clock, in whole microseconds.
    fn wall(&self) -> Timestamp;
}

/// What a [`Verifier`] is put together from.
pub struct Parts {
    /// Where keys are read that are not in memory.
    pub credentials: Arc<dyn Credentials>,
    /// What was narrowed or widened.
    pub feed: Arc<dyn Feed>,
    /// Who else answers from memory; none on a database that belongs to this process alone.
    pub membership: Option<Arc<dyn Membership>>,
    /// The clocks.
    pub clock: Arc<dyn Clock>,
    /// Draws the random name of a node.
    pub fresh_node: Box<dyn Fn() -> NodeId + Send + Sync>,
    /// Which rules hold: [`Rules::ALL`] in production; the simulation switches them off one by one.
    pub rules: Rules,
    /// How long leases last.
    pub terms: LeaseConfig,
    /// How many bytes the memory may hold.
    pub capacity_bytes: u64,
    /// Which version this is; for operators.
    pub version: String,
    /// Where tasks run: a [`TaskTracker`], whose owner waits for them when stopping.
    pub tasks: Arc<dyn Tasks>,
}

/// Where tasks run. In production a [`TaskTracker`]; the simulation lets them stand still while time passes.
pub trait Tasks: Send + Sync {
    /// Begins a task, which runs beside whoever began it.
    fn spawn(&self, task: Pin<Box<dyn Future<Output = ()> + Send>>);
}

impl Tasks for TaskTracker {
    fn spawn(&self, task: Pin<Box<dyn Future<Output = ()> + Send>>) {
        Self::spawn(self, task);
    }
}

/// Why a committed change is not known to be in force everywhere. A repeated call finds out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotEnforced {
    /// The process ended first. The change is committed, and a repeated call waits again.
    #[error("the process stops before the change is known to be in force on every node")]
    Stopping,
    /// The database has gone back, and the change is not there (R18).
    #[error("the database went back to a state before the change")]
    HistoryLost,
}

/// What tasks and requests share.
pub(crate) struct Shared {
    pub(crate) cache: Cache,
    pub(crate) gate: PublishedLease,
    pub(crate) feed: Arc<dyn Feed>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) rules: Rules,
    pub(crate) terms: LeaseConfig,
    pub(crate) meters: Meters,
    pub(crate) clocks: Clocks,
    pub(crate) trouble: Trouble,
    pub(crate) wake: Wake,
    /// The longest lease that was ever seen in a list of members, in nanoseconds.
    pub(crate) longest_seen: AtomicU64,
    /// How long the history of the database is new to this process (R13, R18).
    pub(crate) newness: Mutex<Newness>,
    /// How many histories the replies named so far.
    pub(crate) histories: AtomicU64,
}

enum Side {
    /// One of many nodes.
    Member(Arc<dyn Membership>, Barrier),
    /// The only process on its database.
    Embedded(Embedded),
}

/// Verification from memory, and the barrier behind every narrowing call.
pub struct Verifier {
    pub(crate) shared: Arc<Shared>,
    pub(crate) credentials: Arc<dyn Credentials>,
    pub(crate) reads: Reads,
    side: Side,
    fresh_node: Arc<dyn Fn() -> NodeId + Send + Sync>,
    version: String,
    tasks: Arc<dyn Tasks>,
    /// Ends what keeps the lease.
    leaving: CancellationToken,
    /// Ends everything.
    ending: CancellationToken,
    left: CancellationToken,
    started: AtomicBool,
}

impl Verifier {
    /// Puts it together. It answers by reading, and waits for others as a revoker must; [`Verifier::start`] makes it a
    /// node that answers from memory.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let Parts { credentials, feed, membership, clock, fresh_node, rules, terms, capacity_bytes, version, tasks } =
            parts;
        let shared = Arc::new(Shared {
            cache: Cache::new(rules, capacity_bytes),
            gate: PublishedLease::new(rules),
            feed,
            clock,
            rules,
            terms,
            meters: Meters::new(),
            clocks: Clocks::default(),
            trouble: Trouble::default(),
            wake: Wake::default(),
            longest_seen: AtomicU64::new(0),
            newness: Mutex::new(Newness::new(rules.history(), terms.guard)),
            histories: AtomicU64::new(0),
        });
        let ending = CancellationToken::new();
        let side = match membership {
            Some(membership) => {
                let barrier = Barrier::start(&shared, &membership, &*tasks, ending.clone());
                Side::Member(membership, barrier)
            }
            None => Side::Embedded(Embedded::new(Arc::clone(&shared))),
        };
        let (leaving, left) = (ending.child_token(), CancellationToken::new());
        let fresh_node = Arc::from(fresh_node);
        Self {
            shared,
            credentials,
            reads: Reads::default(),
            side,
            fresh_node,
            version,
            tasks,
            leaving,
            ending,
            left,
            started: AtomicBool::new(false),
        }
    }

    /// Begins to answer from memory: joins the others, and goes on trying for as long as that fails.
    ///
    /// # Errors
    /// [`StorageError`] if the embedded database cannot be read.
    pub async fn start(&self) -> Result<(), StorageError> {
        match &self.side {
            Side::Embedded(embedded) => {
                embedded.open().await?;
                self.started.store(true, Ordering::Release);
                let (embedded, leaving, left) = (embedded.clone(), self.leaving.clone(), self.left.clone());
                self.tasks.spawn(Box::pin(async move {
                    embedded.run(leaving).await;
                    left.cancel();
                }));
            }
            Side::Member(membership, _) => {
                self.started.store(true, Ordering::Release);
                let announcer = NotificationListener::new(Arc::clone(&self.shared), (self.fresh_node)());
                self.tasks.spawn(Box::pin(announcer.run(self.leaving.clone())));
                let control = Control::new(
                    Arc::clone(&self.shared),
                    Arc::clone(membership),
                    Arc::clone(&self.fresh_node),
                    self.version.clone(),
                );
                let (leaving, left) = (self.leaving.clone(), self.left.clone());
                self.tasks.spawn(Box::pin(async move {
                    control.run(leaving).await;
                    left.cancel();
                }));
            }
        }
        Ok(())
    }

    /// Stops answering from memory, then gives the lease back: nobody has to wait for this node any more. Requests are
    /// still answered, by reading. To be called before they are drained.
    pub async fn leave(&self) {
        self.shared.gate.close();
        self.leaving.cancel();
        if self.started.load(Ordering::Acquire) {
            self.left.cancelled().await;
        }
    }

    /// Ends the tasks. Calls that still wait for a change to be in force get [`NotEnforced::Stopping`].
    pub fn end(&self) {
        self.shared.gate.close();
        self.ending.cancel();
    }

    /// Puts another form of the same key in its place in memory, if it is still there unchanged.
    pub fn exchange(&self, known: &AuthKey, by: AuthKey) {
        self.shared.cache.exchange(known, by);
    }

    /// Forgets one key, for reasons that are no event: its digest was renewed.
    pub fn forget(&self, id: KeyId) {
        self.shared.cache.forget_key(id);
    }

    /// Waits until a committed change is in force on every node. To be called after the commit was confirmed, not before.
    /// Goes on in the background if nobody waits for it any more.
    ///
    /// # Errors
    /// [`NotEnforced`]: the change is committed, and it is not known to be in force.
    pub async fn enforce(&self, event: Position, subjects: Vec<Target>) -> Result<(), NotEnforced> {
        self.wait(Change::Committed(event), event.seq, subjects).await
    }

    /// The same for a change that an earlier call committed (R9). Over at once if it is [known](Self::is_enforced) to
    /// be in force.
    ///
    /// # Errors
    /// [`NotEnforced`]: it is not known to be in force.
    pub async fn enforce_again(&self, last: Enforcement, subjects: Vec<Target>) -> Result<(), NotEnforced> {
        if self.is_enforced(&last) {
            return Ok(());
        }
        self.wait(Change::Read(last), last.seq, subjects).await
    }

    /// Whether a change is known to be in force on every node. A note says so; in a history that is new to this process
    /// it may be of before, and is believed once every lease of another history has ended (R18).
    #[must_use]
    pub fn is_enforced(&self, last: &Enforcement) -> bool {
        let trusted = match &self.side {
            Side::Member(..) => self.shared.trusts_notes(last.token),
            Side::Embedded(_) => true,
        };
        last.enforced_at.is_some() && trusted
    }

    async fn wait(&self, change: Change, seq: Seq, subjects: Vec<Target>) -> Result<(), NotEnforced> {
        let promised = self.shared.clock.boot().plus(self.worst_wait());
        let shown_by = match &self.side {
            Side::Member(_, barrier) => {
                let wait = barrier.wait(change);
                self.shared.wake.hear(seq);
                let shared = Arc::clone(&self.shared);
                // Off to the others while the wait begins. A hint only: nothing depends on it (R14).
                self.tasks.spawn(Box::pin(async move { shared.announce(seq).await }));
                wait.await?
            }
            Side::Embedded(embedded) => {
                let event = match change {
                    Change::Committed(event) => event,
                    Change::Read(_) => Position::unnamed(seq),
                };
                embedded.apply_up_to(event).await;
                Some(event)
            }
        };
        if let Some(shown_by) = shown_by {
            self.note(seq, shown_by, subjects, promised).await;
        }
        Ok(())
    }

    /// Notes that a change is in force. The note goes on to its end in the background: no answer comes later than it was
    /// promised for want of one (L). Without it a repeated call waits once more.
    async fn note(&self, seq: Seq, shown_by: Position, subjects: Vec<Target>, promised: BootInstant) {
        let (shared, (noted, done)) = (Arc::clone(&self.shared), oneshot::channel());
        self.tasks.spawn(Box::pin(async move {
            shared.note(seq, shown_by, &subjects).await;
            // Nobody waits any more: it is noted all the same.
            let _ = noted.send(());
        }));
        let patience = match &self.side {
            Side::Member(..) => promised.since(self.shared.clock.boot()).min(NOTED_SOON),
            Side::Embedded(_) => NOTED_SOON,
        };
        let _ = timeout(patience, done).await;
    }

    /// Whether a request that arrives now may be answered from memory.
    #[must_use]
    pub fn may_answer_from_memory(&self) -> bool {
        self.shared.gate.admits(self.shared.clock.boot())
    }

    /// How many histories of the database this process has seen so far. What was read before this number changed may be
    /// of one that is lost (R18).
    #[must_use]
    pub fn histories(&self) -> u64 {
        self.shared.histories.load(Ordering::Acquire)
    }

    /// How long a narrowing call may take at the worst.
    #[must_use]
    pub fn worst_wait(&self) -> Duration {
        match &self.side {
            Side::Member(..) => self.shared.terms.worst_wait(),
            Side::Embedded(_) => Duration::ZERO,
        }
    }

    /// The nodes that answer from memory; none where there is only this one.
    ///
    /// # Errors
    /// [`StorageError`] if the database does not answer.
    pub async fn members(&self) -> Result<Option<Members>, StorageError> {
        match &self.side {
            Side::Member(membership, _) => membership.members(&[]).await.map(Some),
            Side::Embedded(_) => Ok(None),
        }
    }

    /// Whether this node could not join the others, and so answers by reading alone.
    #[must_use]
    pub fn could_not_join(&self) -> bool {
        self.shared.trouble.has_no_lease()
    }

    /// How the wall clock of this machine differs from the database's; none where they agree, and where the database
    /// has no clock of its own.
    #[must_use]
    pub fn clock_difference(&self) -> Option<ClockDifference> {
        self.shared.clock_difference()
    }

    /// How far the clock that dates what is stored has jumped: the database's, and where it has none of its own this
    /// machine's. None where it goes evenly.
    #[must_use]
    pub fn clock_jump(&self) -> Option<ClockJump> {
        self.shared.clock_jump()
    }

    /// The time by which what all nodes share may be dated and deleted now; none while it is in doubt, as it is in the
    /// first ten minutes of a process.
    #[must_use]
    pub fn upkeep_time(&self) -> Option<Timestamp> {
        match &self.side {
            Side::Member(..) => {}
            Side::Embedded(_) => self.shared.learn_own_time(),
        }
        self.shared.upkeep_time()
    }

    /// How much is remembered.
    #[must_use]
    pub fn size(&self) -> Size {
        self.shared.cache.size()
    }
}

impl Drop for Verifier {
    fn drop(&mut self) {
        self.end();
    }
}
