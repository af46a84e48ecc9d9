//! The task that waits for other nodes on behalf of every restricting change of this process. Acknowledgements are
//! cumulative, so one list of members serves all waiting calls.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use keyward_storage::{Enforcement, Membership, Position};
use tokio::{
    sync::{mpsc, oneshot},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{
    machine::Tasks,
    node_state::NodeState,
    protocol::{BootInstant, Revoker, Todo},
};

/// Pause between two lists of members: initial and maximum.
const SOON: Duration = Duration::from_millis(2);
const LATE: Duration = Duration::from_millis(20);
/// Minimum pause: timers are no finer, and another clock decides.
const SHORTEST: Duration = Duration::from_millis(1);
/// Time limit for a list of members.
const LISTING: Duration = Duration::from_secs(1);

struct Waiter {
    revoker: Revoker,
    since: BootInstant,
    done: oneshot::Sender<Result<Option<Position>, NotEnforced>>,
}

/// Why a committed change is not known to be enforced on every node. A repeated call can determine it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotEnforced {
    /// The process stopped first. The change is committed, and a repeated call waits again.
    #[error("the process stops before the change is known to be enforced on every node")]
    Stopping,
    /// The database went back to a state without the change (R18).
    #[error("the database went back to a state before the change")]
    HistoryLost,
}

/// A change to wait for.
#[derive(Clone, Copy)]
pub(crate) enum PendingChange {
    /// This call committed it with this event.
    Committed(Position),
    /// An earlier call committed it (R9); this was read from the database.
    Read(Enforcement),
}

/// Handle of the task.
pub(crate) struct Barrier {
    waiters: mpsc::UnboundedSender<Waiter>,
    state: Arc<NodeState>,
}

impl Barrier {
    /// Starts the task.
    pub(crate) fn start(
        state: &Arc<NodeState>,
        membership: &Arc<dyn Membership>,
        tasks: &dyn Tasks,
        ending: CancellationToken,
    ) -> Self {
        let (waiters, arriving) = mpsc::unbounded_channel();
        let task = Task { state: Arc::clone(state), membership: Arc::clone(membership), arriving, waiting: Vec::new() };
        tasks.spawn(Box::pin(async move {
            let _ = ending.run_until_cancelled(task.run()).await;
        }));
        Self { waiters, state: Arc::clone(state) }
    }

    /// Waits for a change whose commit is already confirmed. The time starts here: after the confirmation, never
    /// before. Returns an event that shows the history in which the change is enforced; none if no list of members was
    /// read. For a change that was read, the event may be later than the one that this call waited for.
    pub(crate) fn wait(
        &self,
        change: PendingChange,
    ) -> impl Future<Output = Result<Option<Position>, NotEnforced>> + Send + use<> {
        let now = self.state.clock.boot();
        let (rules, guard) = (self.state.rules, self.state.terms.guard);
        let assumed = self.state.longest_lease();
        let revoker = match change {
            PendingChange::Read(last) => Revoker::repeated(rules, guard, assumed, &last, false, now),
            PendingChange::Committed(event) => {
                let mut revoker = Revoker::begun(rules, guard, assumed);
                revoker.committed(event, now);
                revoker
            }
        };
        let (done, over) = oneshot::channel();
        let sent = self.waiters.send(Waiter { revoker, since: now, done });
        async move {
            sent.map_err(|_| NotEnforced::Stopping)?;
            over.await.map_err(|_| NotEnforced::Stopping)?
        }
    }
}

struct Task {
    state: Arc<NodeState>,
    membership: Arc<dyn Membership>,
    arriving: mpsc::UnboundedReceiver<Waiter>,
    waiting: Vec<Waiter>,
}

impl Task {
    async fn run(mut self) {
        let mut pause = SOON;
        loop {
            if self.waiting.is_empty() {
                let Some(waiter) = self.arriving.recv().await else { return };
                self.waiting.push(waiter);
                pause = SOON;
            }
            // Every change in `waiting` was committed before the list is requested (R8).
            while let Ok(waiter) = self.arriving.try_recv() {
                self.waiting.push(waiter);
                pause = SOON;
            }
            self.list().await;
            self.answer_ended();
            let Some(until) = self.earliest() else { continue };
            let left = until.since(self.state.clock.boot());
            tokio::select! {
                biased;
                arrived = self.arriving.recv() => {
                    self.waiting.extend(arrived);
                    pause = SOON;
                }
                () = sleep(pause.min(left).max(SHORTEST)) => pause = (pause * 3 / 2).min(LATE),
            }
        }
    }

    /// Lists the members, and updates every waiting call.
    async fn list(&mut self) {
        // At most as long as the first waiting call may wait: the promise holds even without a database.
        let first = self.waiting.iter().filter_map(|waiter| waiter.revoker.end()).min().unwrap_or(BootInstant::NEVER);
        let at_most = first.since(self.state.clock.boot()).min(LISTING);
        let events: BTreeSet<_> = self.waiting.iter().filter_map(|waiter| waiter.revoker.event()).collect();
        let events: Vec<_> = events.into_iter().collect();
        let sent_at = self.state.clock.boot();
        let listed = timeout(at_most, self.membership.members(&events)).await;
        if let Ok(Ok(members)) = &listed {
            let is_settled = self.state.saw_members(members, sent_at);
            for Waiter { revoker, .. } in &mut self.waiting {
                match revoker.next() {
                    Todo::List => revoker.listed(members, is_settled),
                    Todo::Poll { .. } => revoker.acknowledged(members, is_settled),
                    Todo::Commit | Todo::Answer | Todo::Unknown => {}
                }
            }
        }
        let now = self.state.clock.boot();
        for Waiter { revoker, .. } in &mut self.waiting {
            revoker.passed(now);
        }
    }

    /// Answers the calls whose wait has ended.
    fn answer_ended(&mut self) {
        let now = self.state.clock.boot();
        for waiter in std::mem::take(&mut self.waiting) {
            let outcome = match waiter.revoker.next() {
                Todo::Answer => Ok(waiter.revoker.event()),
                Todo::Unknown => Err(NotEnforced::HistoryLost),
                Todo::Commit | Todo::List | Todo::Poll { .. } => {
                    self.waiting.push(waiter);
                    continue;
                }
            };
            self.state.metrics.barrier.record(now.since(waiter.since).as_secs_f64());
            // Fails if the caller has gone; the change is enforced anyway.
            let _ = waiter.done.send(outcome);
        }
    }

    fn earliest(&self) -> Option<BootInstant> {
        self.waiting.iter().filter_map(|waiter| waiter.revoker.end()).min()
    }
}
