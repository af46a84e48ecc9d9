//! The only process on its database: no lease and nobody to wait for, but floor and guarded fill as everywhere (R4, R5),
//! and the purge comes before the answer.

use std::{sync::Arc, time::Duration};

use keyward_storage::{Position, Result, Seq, StorageError};
use tokio::{
    sync::Mutex,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{
    protocol::{Boot, Generation, Term},
    verifier::Shared,
};

/// How long reading events may take while somebody waits for them to be applied.
const READING: Duration = Duration::from_secs(1);

/// How often events are looked for between two rounds of dropping old ones.
const PRUNE_EVERY: u32 = 300;

#[derive(Clone)]
pub(crate) struct Embedded {
    shared: Arc<Shared>,
    /// The last event that was applied; none while the memory is closed.
    applied: Arc<Mutex<Option<Position>>>,
}

impl Embedded {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, applied: Arc::default() }
    }

    /// Begins to answer from memory. Whatever was committed before is seen by every read from now on.
    pub(crate) async fn open(&self) -> Result<()> {
        let mut applied = self.applied.lock().await;
        let head = self.shared.feed.head().await?.as_of;
        self.shared.cache.open(Generation::FIRST.next(), head);
        self.shared.gate.show(Term::until(Boot::NEVER));
        *applied = Some(head.position);
        Ok(())
    }

    /// Looks for events now and then: a request that was cut off between its commit and its purge leaves one behind.
    pub(crate) async fn run(self, leaving: CancellationToken) {
        let every = self.shared.terms.renew_every;
        let (mut rounds, mut more_to_prune) = (0_u32, false);
        while leaving.run_until_cancelled(sleep(every)).await.is_some() {
            self.apply_up_to(Position::START).await;
            rounds = rounds.wrapping_add(1);
            if more_to_prune || rounds.is_multiple_of(PRUNE_EVERY) {
                more_to_prune = self.shared.prune(READING).await;
            }
            self.shared.meters.show(self.shared.cache.size());
        }
        self.shared.gate.close();
        *self.applied.lock().await = None;
        self.shared.cache.close();
    }

    /// Forgets what events up to this one changed. When it returns, no request that arrives is answered from before.
    pub(crate) async fn apply_up_to(&self, event: Position) {
        let mut applied = self.applied.lock().await;
        let Some(before) = *applied else { return };
        let seq = event.seq;
        if seq != Seq::ZERO && before.seq >= seq {
            return;
        }
        let applying = timeout(READING, async {
            let mut now = before;
            loop {
                let progress = self.shared.apply_own(now, seq).await?;
                now = progress.up_to;
                if progress.all {
                    return Ok::<_, StorageError>(now);
                }
            }
        });
        let error = match applying.await {
            Ok(Ok(now)) => {
                *applied = Some(now);
                return;
            }
            Ok(Err(error)) => Some(error),
            Err(_) => None,
        };
        let error = error.as_ref().map(|error| error as &(dyn std::error::Error + 'static));
        if seq == Seq::ZERO {
            // Nobody waits for it: the next round reads them.
            tracing::debug!(error, "events could not be read");
        } else {
            // The database is not to be read: whatever is remembered may be wrong.
            tracing::warn!(error, "events could not be read: forgetting everything in memory");
            self.shared.cache.forget(event);
            *applied = Some(if event.seq > before.seq { event } else { before });
        }
    }
}
