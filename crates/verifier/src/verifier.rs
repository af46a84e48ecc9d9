//! The verifier of one process: memory, lease and barrier, and the tasks that maintain them.
//!
//! Requests look up credentials here. Use cases that change what a verification returns wait here until the change is
//! enforced on every node. The verifier judges no key, and an outage never becomes a verdict: it is a [`StorageError`].

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use keyward_domain::{KeyId, Timestamp};
use keyward_storage::{
    Credentials, Enforcement, Feed, Members, Membership, NodeId, Position, Seq, StorageError, Target,
};
use tokio::{sync::oneshot, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    cache::{PackedKey, Size},
    driver::{Barrier, ClockDifference, Control, Embedded, NotEnforced, NotificationListener, PendingChange},
    machine::{Clock, Tasks},
    node_state::NodeState,
    protocol::{BootInstant, ClockJump, LeaseConfig, Rules},
    singleflight::Singleflight,
};

/// Maximum time that an answer waits for the record that a change is enforced.
const RECORD_WAIT: Duration = Duration::from_millis(250);

/// Dependencies and settings of a [`Verifier`].
pub struct VerifierParts {
    /// Reads keys that are not in memory.
    pub credentials: Arc<dyn Credentials>,
    /// The feed of changes that affect verification.
    pub feed: Arc<dyn Feed>,
    /// The other nodes that answer from memory; none on a database that only this process uses.
    pub membership: Option<Arc<dyn Membership>>,
    /// This machine's clocks.
    pub clock: Arc<dyn Clock>,
    /// Generates random node ids.
    pub fresh_node: Box<dyn Fn() -> NodeId + Send + Sync>,
    /// Rules in effect: [`Rules::ALL`] in production; the simulation turns them off one by one.
    pub rules: Rules,
    /// Lease time and intervals.
    pub terms: LeaseConfig,
    /// Capacity of the memory, in bytes.
    pub capacity_bytes: u64,
    /// Version of the program, shown to operators.
    pub version: String,
    /// Runs the tasks: a `TaskTracker`, whose owner waits for them at shutdown.
    pub tasks: Arc<dyn Tasks>,
}

enum Side {
    /// One of many nodes.
    Member(Arc<dyn Membership>, Barrier),
    /// The only process on its database.
    Embedded(Embedded),
}

/// Verification from memory, and the barrier behind every restricting change.
pub struct Verifier {
    pub(crate) state: Arc<NodeState>,
    pub(crate) credentials: Arc<dyn Credentials>,
    pub(crate) singleflight: Singleflight,
    side: Side,
    fresh_node: Arc<dyn Fn() -> NodeId + Send + Sync>,
    version: String,
    tasks: Arc<dyn Tasks>,
    /// Stops the tasks that maintain the lease.
    leaving: CancellationToken,
    /// Stops all tasks.
    ending: CancellationToken,
    left: CancellationToken,
    started: AtomicBool,
}

impl Verifier {
    /// Creates a verifier that answers by reading from the database, and waits for other nodes as a revoker must.
    /// [`Verifier::start`] makes it a node that answers from memory.
    #[must_use]
    pub fn new(parts: VerifierParts) -> Self {
        let VerifierParts {
            credentials,
            feed,
            membership,
            clock,
            fresh_node,
            rules,
            terms,
            capacity_bytes,
            version,
            tasks,
        } = parts;
        let state = Arc::new(NodeState::new(feed, clock, rules, terms, capacity_bytes));
        let ending = CancellationToken::new();
        let side = match membership {
            Some(membership) => {
                let barrier = Barrier::start(&state, &membership, &*tasks, ending.clone());
                Side::Member(membership, barrier)
            }
            None => Side::Embedded(Embedded::new(Arc::clone(&state))),
        };
        let (leaving, left) = (ending.child_token(), CancellationToken::new());
        let fresh_node = Arc::from(fresh_node);
        Self {
            state,
            credentials,
            singleflight: Singleflight::default(),
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

    /// Starts answering from memory: joins the other nodes, and retries while that fails.
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
                let listener = NotificationListener::new(Arc::clone(&self.state), (self.fresh_node)());
                self.tasks.spawn(Box::pin(listener.run(self.leaving.clone())));
                let control = Control::new(
                    Arc::clone(&self.state),
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

    /// Stops answering from memory, then releases the lease, so that no call waits for this node. Requests are still
    /// answered by reading. Call it before draining requests.
    pub async fn leave(&self) {
        self.state.published_lease.close();
        self.leaving.cancel();
        if self.started.load(Ordering::Acquire) {
            self.left.cancelled().await;
        }
    }

    /// Stops the tasks. Calls that still wait for enforcement return [`NotEnforced::Stopping`].
    pub fn end(&self) {
        self.state.published_lease.close();
        self.ending.cancel();
    }

    /// Replaces a key in memory by another form of it, if the entry is unchanged.
    pub fn exchange(&self, known: &PackedKey, by: PackedKey) {
        self.state.cache.exchange(known, by);
    }

    /// Forgets one key for a reason that is not an event: its digest was replaced.
    pub fn forget(&self, id: KeyId) {
        self.state.cache.forget_key(id);
    }

    /// Waits until a committed change is enforced on every node. Call it only after the commit is confirmed. The wait
    /// continues in the background if the caller goes away.
    ///
    /// # Errors
    /// [`NotEnforced`] if the change is committed but not known to be enforced.
    pub async fn enforce(&self, event: Position, targets: Vec<Target>) -> Result<(), NotEnforced> {
        self.wait(PendingChange::Committed(event), event.seq, targets).await
    }

    /// Like [`Self::enforce`], for a change that an earlier call committed (R9). Returns immediately if the change is
    /// [known](Self::is_enforced) to be enforced.
    ///
    /// # Errors
    /// [`NotEnforced`] if the change is not known to be enforced.
    pub async fn enforce_again(&self, last: Enforcement, targets: Vec<Target>) -> Result<(), NotEnforced> {
        if self.is_enforced(&last) {
            return Ok(());
        }
        self.wait(PendingChange::Read(last), last.seq, targets).await
    }

    /// Whether a change is recorded as enforced on every node. In a history that is new to this process, the record may
    /// predate it, and counts only once every lease of another history has ended (R18).
    #[must_use]
    pub fn is_enforced(&self, last: &Enforcement) -> bool {
        let trusted = match &self.side {
            Side::Member(..) => self.state.trusts_records(last.token),
            Side::Embedded(_) => true,
        };
        last.enforced_at.is_some() && trusted
    }

    async fn wait(&self, change: PendingChange, seq: Seq, targets: Vec<Target>) -> Result<(), NotEnforced> {
        let promised = self.state.clock.boot().plus(self.worst_wait());
        let shown_by = match &self.side {
            Side::Member(_, barrier) => {
                let wait = barrier.wait(change);
                self.state.wake.see(seq);
                let state = Arc::clone(&self.state);
                // Notifies the other nodes while the wait begins. A hint only: nothing depends on it (R14).
                self.tasks.spawn(Box::pin(async move { state.announce(seq).await }));
                wait.await?
            }
            Side::Embedded(embedded) => {
                let event = match change {
                    PendingChange::Committed(event) => event,
                    PendingChange::Read(_) => Position::unnamed(seq),
                };
                embedded.apply_up_to(event).await;
                Some(event)
            }
        };
        if let Some(shown_by) = shown_by {
            self.record_enforced(seq, shown_by, targets, promised).await;
        }
        Ok(())
    }

    /// Records that a change is enforced. The write continues in the background, so that it never delays an answer
    /// beyond the promised time (L). Without the record, a repeated call waits again.
    async fn record_enforced(&self, seq: Seq, shown_by: Position, targets: Vec<Target>, promised: BootInstant) {
        let (state, (recorded, done)) = (Arc::clone(&self.state), oneshot::channel());
        self.tasks.spawn(Box::pin(async move {
            state.record_enforced(seq, shown_by, &targets).await;
            // The caller may have stopped waiting; the record is written anyway.
            let _ = recorded.send(());
        }));
        let at_most = match &self.side {
            Side::Member(..) => promised.since(self.state.clock.boot()).min(RECORD_WAIT),
            Side::Embedded(_) => RECORD_WAIT,
        };
        let _ = timeout(at_most, done).await;
    }

    /// Whether a request that arrives now may be answered from memory.
    #[must_use]
    pub fn may_answer_from_memory(&self) -> bool {
        self.state.published_lease.admits(self.state.clock.boot())
    }

    /// Number of database histories that this process has seen. A read from before this number changed may belong to a
    /// lost history (R18).
    #[must_use]
    pub fn histories(&self) -> u64 {
        self.state.histories.load(Ordering::Acquire)
    }

    /// Maximum wait of a restricting change.
    #[must_use]
    pub fn worst_wait(&self) -> Duration {
        match &self.side {
            Side::Member(..) => self.state.terms.worst_wait(),
            Side::Embedded(_) => Duration::ZERO,
        }
    }

    /// The nodes that answer from memory; none on an embedded database.
    ///
    /// # Errors
    /// [`StorageError`] if the database does not reply.
    pub async fn members(&self) -> Result<Option<Members>, StorageError> {
        match &self.side {
            Side::Member(membership, _) => membership.members(&[]).await.map(Some),
            Side::Embedded(_) => Ok(None),
        }
    }

    /// Whether this node could not join the others, and so answers only by reading.
    #[must_use]
    pub fn could_not_join(&self) -> bool {
        self.state.lease_problems.has_no_lease()
    }

    /// Difference between this machine's wall clock and the database's; none if they agree, or if the database has no
    /// clock of its own.
    #[must_use]
    pub fn clock_difference(&self) -> Option<ClockDifference> {
        self.state.clock_difference()
    }

    /// Jump of the clock that dates stored data: the database's, or this machine's if the database has none. None while
    /// it runs evenly.
    #[must_use]
    pub fn clock_jump(&self) -> Option<ClockJump> {
        self.state.clock_jump()
    }

    /// The time for dating and deleting shared state; none while it is in doubt, as in the first ten minutes of a
    /// process.
    #[must_use]
    pub fn upkeep_time(&self) -> Option<Timestamp> {
        match &self.side {
            Side::Member(..) => {}
            Side::Embedded(_) => self.state.record_own_time(),
        }
        self.state.upkeep_time()
    }

    /// Size of the memory.
    #[must_use]
    pub fn size(&self) -> Size {
        self.state.cache.size()
    }
}

impl Drop for Verifier {
    fn drop(&mut self) {
        self.end();
    }
}
