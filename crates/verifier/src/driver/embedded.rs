//! The only process on its database: no lease and no other nodes to wait for. Floor and guarded fill work as everywhere
//! (R4, R5), and the purge comes before the answer.

use std::{sync::Arc, time::Duration};

use keyward_storage::{HistoryToken, LostHistory, Position, Result, Seq, StorageError};
use tokio::{
    sync::Mutex,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::catch_up::Own;
use crate::{
    node_state::NodeState,
    protocol::{BootInstant, Generation, LeaseTerm},
};

/// Time limit for reading events while a call waits for them.
const READING: Duration = Duration::from_secs(1);

/// Rounds of reading events between two prunings of old events.
const PRUNE_EVERY: u32 = 300;

#[derive(Clone)]
pub(crate) struct Embedded {
    state: Arc<NodeState>,
    memory: Arc<Mutex<Memory>>,
}

/// The state of the memory.
struct Memory {
    /// The last event applied; none while the memory is closed.
    applied: Option<Position>,
    /// The history of the events.
    token: HistoryToken,
    /// Number of times the memory was opened.
    generation: Generation,
}

impl Embedded {
    pub(crate) fn new(state: Arc<NodeState>) -> Self {
        let memory = Memory { applied: None, token: HistoryToken::EMBEDDED, generation: Generation::FIRST };
        Self { state, memory: Arc::new(Mutex::new(memory)) }
    }

    /// Starts answering from memory. Every read from now on sees all earlier commits.
    pub(crate) async fn open(&self) -> Result<()> {
        self.open_empty(&mut *self.memory.lock().await).await
    }

    async fn open_empty(&self, memory: &mut Memory) -> Result<()> {
        let head = self.state.feed.head().await?.as_of;
        // Earlier writes by other processes do no harm, because the memory is empty. If the token cannot be read, the
        // next successful read of events starts over.
        if let Ok(read) = self.state.feed.events_after(head.position, 1).await {
            memory.token = read.token;
        }
        memory.generation = memory.generation.next();
        self.state.cache.open(memory.generation, head);
        self.state.published_lease.publish(LeaseTerm::until(BootInstant::NEVER));
        memory.applied = Some(head.position);
        Ok(())
    }

    /// Forgets everything, because the database is not the one that the memory shows. Until it can be read again,
    /// requests are answered by their own reads. `assigned` is the number that the present database gave to a change of
    /// this process: at most the events before it remain of the earlier history.
    async fn start_over(&self, memory: &mut Memory, assigned: Seq) {
        self.state.published_lease.close();
        self.state.cache.close();
        let before = memory.applied.take();
        if let Ok(Err(error)) = timeout(READING, self.open_empty(memory)).await {
            tracing::warn!(error = &error as &(dyn std::error::Error + 'static), "the last event could not be read");
        }
        match (before, memory.applied) {
            (Some(before), Some(now)) if now.seq < before.seq => {
                let kept = assigned.number().checked_sub(1).map_or(now.seq, |kept| now.seq.min(Seq::new(kept)));
                self.state.metrics.history_lost.increment(1);
                tracing::error!(
                    kept_up_to = %kept,
                    had_up_to = %before.seq,
                    "the database went back under this server: of the changes up to number {}, those after number {} \
                     are lost. Keys that they revoked are accepted until you revoke them again",
                    before.seq,
                    kept
                );
                let lost = LostHistory {
                    token: memory.token,
                    kept_up_to: kept,
                    had_up_to: before.seq,
                    noticed_at: self.state.clock.wall(),
                };
                if !matches!(timeout(READING, self.state.feed.note_lost(&lost)).await, Ok(Ok(()))) {
                    tracing::warn!("the lost events could not be recorded: only the log reports them");
                }
            }
            _ => tracing::warn!("another process has written to this database: forgot everything in memory"),
        }
    }

    /// Reads events at intervals: a request aborted between its commit and its purge leaves one behind.
    pub(crate) async fn run(self, leaving: CancellationToken) {
        let every = self.state.terms.renew_every;
        let (mut rounds, mut more_to_prune) = (0_u32, false);
        while leaving.run_until_cancelled(sleep(every)).await.is_some() {
            self.catch_up().await;
            self.state.record_own_time();
            rounds = rounds.wrapping_add(1);
            if more_to_prune || rounds.is_multiple_of(PRUNE_EVERY) {
                more_to_prune = self.state.prune(READING).await;
            }
            self.state.metrics.show(self.state.cache.size());
        }
        self.state.published_lease.close();
        self.memory.lock().await.applied = None;
        self.state.cache.close();
    }

    /// Applies outstanding events, and opens the memory if it could not be opened before.
    async fn catch_up(&self) {
        let mut memory = self.memory.lock().await;
        if memory.applied.is_none() {
            match timeout(READING, self.open_empty(&mut memory)).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => return,
            }
        }
        self.apply(&mut memory, Position::START).await;
    }

    /// Forgets what events up to this one changed. Once it returns, no new request gets an earlier state.
    pub(crate) async fn apply_up_to(&self, event: Position) {
        self.apply(&mut *self.memory.lock().await, event).await;
    }

    async fn apply(&self, memory: &mut Memory, event: Position) {
        let Some(before) = memory.applied else { return };
        let (seq, token) = (event.seq, memory.token);
        // Reads even if this number was applied: the database may have gone back and reused it.
        let applying = timeout(READING, async {
            let mut now = before;
            loop {
                match self.state.apply_own(now, seq, token).await? {
                    Own::Applied(progress) if progress.all => return Ok::<_, StorageError>(Some(progress.up_to)),
                    Own::Applied(progress) => now = progress.up_to,
                    Own::Rewritten => return Ok(None),
                }
            }
        });
        let error = match applying.await {
            Ok(Ok(Some(now))) => {
                memory.applied = Some(now);
                return;
            }
            Ok(Ok(None)) => return self.start_over(memory, seq).await,
            Ok(Err(error @ StorageError::Corrupt { .. })) => {
                tracing::error!(
                    error = &error as &(dyn std::error::Error + 'static),
                    "the database is damaged: {error}"
                );
                return self.start_over(memory, seq).await;
            }
            Ok(Err(error)) => Some(error),
            Err(_) => None,
        };
        let error = error.as_ref().map(|error| error as &(dyn std::error::Error + 'static));
        if seq == Seq::ZERO {
            // No call waits: the next round reads them.
            tracing::debug!(error, "events could not be read");
        } else {
            // The database cannot be read: the memory may be stale.
            tracing::warn!(error, "events could not be read: forgetting everything in memory");
            self.state.cache.forget(event);
            memory.applied = Some(if event.seq > before.seq { event } else { before });
        }
    }
}
