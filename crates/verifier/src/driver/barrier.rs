//! The task that waits for other nodes on behalf of every narrowing call of this process: acknowledgements are cumulative,
//! so one list of members serves all.

use std::{sync::Arc, time::Duration};

use keyward_storage::{Membership, Seq};
use tokio::{
    sync::{mpsc, oneshot},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{
    protocol::{Boot, Revoker, Todo},
    verifier::{CutOff, Shared, Tasks},
};

/// How long after a list the next one is read, at first and at the most.
const SOON: Duration = Duration::from_millis(2);
const LATE: Duration = Duration::from_millis(20);
/// The shortest pause: no timer is finer, and the clock that counts is another one.
const SHORTEST: Duration = Duration::from_millis(1);
/// How long a list may take.
const LISTING: Duration = Duration::from_secs(1);

struct Waiter {
    revoker: Revoker,
    since: Boot,
    done: oneshot::Sender<()>,
}

/// The way to the task.
pub(crate) struct Barrier {
    waiters: mpsc::UnboundedSender<Waiter>,
    shared: Arc<Shared>,
}

impl Barrier {
    /// Starts the task.
    pub(crate) fn start(
        shared: &Arc<Shared>,
        membership: &Arc<dyn Membership>,
        tasks: &dyn Tasks,
        ending: CancellationToken,
    ) -> Self {
        let (waiters, arriving) = mpsc::unbounded_channel();
        let task =
            Task { shared: Arc::clone(shared), membership: Arc::clone(membership), arriving, waiting: Vec::new() };
        tasks.spawn(Box::pin(async move {
            let _ = ending.run_until_cancelled(task.run()).await;
        }));
        Self { waiters, shared: Arc::clone(shared) }
    }

    /// Waits for a commit that has been confirmed by now. The clock starts here: after the confirmation, never before.
    pub(crate) fn wait(&self, seq: Seq, repeated: bool) -> impl Future<Output = Result<(), CutOff>> + Send + use<> {
        let now = self.shared.clock.boot();
        let (rules, guard) = (self.shared.rules, self.shared.terms.guard);
        let assumed = self.shared.longest_lease();
        let revoker = if repeated {
            Revoker::repeated(rules, guard, assumed, seq, false, now)
        } else {
            let mut revoker = Revoker::begun(rules, guard, assumed);
            revoker.committed(seq, now);
            revoker
        };
        let (done, over) = oneshot::channel();
        let sent = self.waiters.send(Waiter { revoker, since: now, done });
        async move {
            sent.map_err(|_| CutOff)?;
            over.await.map_err(|_| CutOff)
        }
    }
}

struct Task {
    shared: Arc<Shared>,
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
            // Everybody who is waiting now committed before the list is asked for (R8).
            while let Ok(waiter) = self.arriving.try_recv() {
                self.waiting.push(waiter);
                pause = SOON;
            }
            self.list().await;
            self.let_go();
            let Some(until) = self.earliest() else { continue };
            let left = until.since(self.shared.clock.boot());
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

    /// Asks who is there, and tells everybody who waits.
    async fn list(&mut self) {
        // Not longer than the first of those who wait may wait: the promise holds without a database, too.
        let first = self.waiting.iter().filter_map(|waiter| waiter.revoker.end()).min().unwrap_or(Boot::NEVER);
        let patience = first.since(self.shared.clock.boot()).min(LISTING);
        let listed = timeout(patience, self.membership.members()).await;
        if let Ok(Ok(members)) = &listed {
            self.shared.saw(members);
            for Waiter { revoker, .. } in &mut self.waiting {
                match revoker.next() {
                    Todo::List => revoker.listed(members),
                    Todo::Poll { .. } => revoker.acknowledged(members),
                    Todo::Commit | Todo::Answer => {}
                }
            }
        }
        let now = self.shared.clock.boot();
        for Waiter { revoker, .. } in &mut self.waiting {
            revoker.passed(now);
        }
    }

    /// Lets those go for whom it is over.
    fn let_go(&mut self) {
        let now = self.shared.clock.boot();
        let (over, waiting) =
            std::mem::take(&mut self.waiting).into_iter().partition(|waiter| waiter.revoker.next() == Todo::Answer);
        self.waiting = waiting;
        for Waiter { since, done, .. } in over {
            self.shared.meters.barrier.record(now.since(since).as_secs_f64());
            // Nobody waits any more: it was enforced all the same.
            let _ = done.send(());
        }
    }

    fn earliest(&self) -> Option<Boot> {
        self.waiting.iter().filter_map(|waiter| waiter.revoker.end()).min()
    }
}
