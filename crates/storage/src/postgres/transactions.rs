//! Begins transactions and commits them, so that a caller that goes away leaves none open. Contains no statement.

use sqlx::{Postgres, Transaction};
use tokio::time::Duration;
use tokio_util::task::TaskTracker;

use super::{callers::Callers, error};
use crate::{Result, StorageError, pool::Pool};

/// Begins transactions.
#[derive(Clone)]
pub(super) struct Transactions {
    pub(super) pool: Pool<Postgres>,
    pub(super) tasks: TaskTracker,
}

impl Transactions {
    /// Begins a transaction; the only way to do so. If the caller drops this future, the `BEGIN` must still complete:
    /// sqlx counts a transaction only once `BEGIN` is answered. Otherwise the pool would get back a connection that is
    /// inside a transaction, and the next write over it would be acknowledged and never committed. A separate task
    /// completes it, and rolls it back if its caller has gone.
    #[expect(clippy::disallowed_methods, reason = "the only place, where a task completes it")]
    pub(super) async fn begin(&self) -> Result<Transaction<'static, Postgres>> {
        let pool = self.pool.clone();
        let beginning = self.tasks.spawn(async move {
            // Also counts the time of `BEGIN` itself: sqlx does not separate the two.
            let _waiting = pool.waits();
            pool.plain().begin().await
        });
        let begun = beginning.await.map_err(|ended| StorageError::Unavailable(ended.into()))?;
        begun.map_err(error::failed)
    }
}

/// Commits if the callers' authorities still hold. With synchronous standbys a commit waits for them, without a time
/// limit.
pub(super) async fn commit(
    mut transaction: Transaction<'static, Postgres>,
    callers: &Callers,
    in_time: Duration,
) -> Result<()> {
    let committing =
        async { if callers.are_none() { transaction.commit().await } else { callers.commit(&mut transaction).await } };
    match tokio::time::timeout(in_time, committing).await {
        Ok(committed) => committed.map_err(error::commit_failed),
        Err(late) => Err(error::commit_late(late)),
    }
}
