//! The events, in order, as the schema's triggers write them, and the enforcement of changes.
//!
//! Only one process uses the folder, so there are no listeners, and no other node delays pruning. Changes by manual
//! statements are events, too, and are found here.

use std::time::Duration;

use async_trait::async_trait;
use keyward_domain::{AccountId, KeyId, Timestamp};
use keyward_storage::{
    Event, Events, Feed, Hint, Hints, LostHistory, Position, Read, Result, Seq, Snapshot, StorageError, Target,
    pool::Through as _, row::stored_seq,
};
use sqlx::{SqliteConnection, SqliteExecutor};
use uuid::Uuid;

use crate::{
    error::{commit_refused, refused},
    foreign,
    rows::column,
    store::SqliteStore,
};

/// Maximum number of enforced changes recorded per transaction: a revocation waits for it.
const MAX_ENFORCED_PER_TRANSACTION: usize = 256;

struct StoredEvent {
    seq: i64,
    scope: String,
    subject: Uuid,
}

impl StoredEvent {
    fn restore(self) -> Result<Event> {
        let target = match &*self.scope {
            "key" => Target::Key(KeyId::from_uuid(self.subject)),
            "account" => Target::Account(AccountId::from_uuid(self.subject)),
            _ => return Err(StorageError::Corrupt { table: "revocation_event", id: self.seq.to_string() }),
        };
        Ok(Event { position: Position::unnamed(stored_seq(self.seq)?), target })
    }
}

/// The number of the last event; in a unit of work with events, its own last one.
pub(crate) async fn head(executor: impl SqliteExecutor<'_>) -> Result<Seq> {
    let head = sqlx::query_scalar!(r#"SELECT seq AS "seq!: i64" FROM revocation_head WHERE id = 1"#);
    stored_seq(head.fetch_one(executor).await.map_err(refused)?)
}

#[async_trait]
impl Feed for SqliteStore {
    async fn head(&self) -> Result<Read<()>> {
        Ok(Read {
            value: (),
            as_of: Snapshot::embedded(head(&mut *self.readers.acquire().await.map_err(refused)?).await?),
        })
    }

    async fn events_after(&self, position: Position, at_most: u32) -> Result<Events> {
        // If a unit of work runs, it has checked already.
        if let Some((writer, _)) = &self.writer
            && let Some(mut connection) = writer.plain().try_acquire()
        {
            self.foreign.check(&mut connection).await?;
            // Later statements read the current state.
            foreign::forget_pages(&mut connection).await?;
        }
        let seq = column(position.seq);
        let rows = sqlx::query_as!(
            StoredEvent,
            r#"SELECT seq AS "seq!: i64", scope AS "scope!", subject AS "subject!: Uuid"
            FROM revocation_event WHERE seq > ?1 ORDER BY seq LIMIT ?2"#,
            seq,
            at_most
        );
        let rows = rows.all(&self.readers).await.map_err(refused)?;
        // Checks after reading the events, so that a change of history is detected together with them. Pruned events
        // show as a gap in the numbers. The head is never pruned: it is behind only if the database went back.
        let head = self.foreign.check_events(&mut *self.readers.acquire().await.map_err(refused)?).await?;
        let follow = !rows.is_empty() || head >= position.seq;
        let events = rows.into_iter().map(StoredEvent::restore).collect::<Result<_>>()?;
        Ok(Events { token: self.foreign.history(), follow, events })
    }

    async fn announce(&self, _hint: Hint) -> Result<()> {
        Ok(())
    }

    async fn listen(&self) -> Result<Option<Box<dyn Hints>>> {
        Ok(None)
    }

    /// An existing record costs only a read, and no commit.
    async fn record_enforced(&self, targets: &[Target], up_to: Seq, _: Position, at: Timestamp) -> Result<()> {
        let (up_to, at) = (column(up_to), at.as_micros());
        let mut open = Vec::new();
        for target in targets {
            if is_open(&mut *self.readers.acquire().await.map_err(refused)?, *target, up_to).await? {
                open.push(*target);
            }
        }
        for open in open.chunks(MAX_ENFORCED_PER_TRANSACTION) {
            let mut transaction = self.write().await?;
            for target in open {
                note(&mut transaction, *target, up_to, at).await?;
            }
            transaction.commit().await.map_err(commit_refused)?;
        }
        Ok(())
    }

    /// Drops the oldest events up to the first one to keep, and never the last event: so a reader that is behind always
    /// sees a gap. Examines no more events than it may drop.
    async fn prune(&self, older_than: Duration, expected: Timestamp, at_most: u32) -> Result<u64> {
        let made_before = expected.saturating_sub(older_than).as_micros();
        let oldest = sqlx::query_scalar!(
            r#"SELECT EXISTS (
                SELECT 1 FROM (SELECT e.seq, e.at FROM revocation_event e ORDER BY e.seq LIMIT 1) o
                    JOIN revocation_head h ON o.seq < h.seq
                WHERE o.at < ?1
            ) AS "is_due!: bool""#,
            made_before
        );
        if !oldest.one(&self.readers).await.map_err(refused)? {
            return Ok(0);
        }
        let done = sqlx::query!(
            "DELETE FROM revocation_event WHERE seq < (
                SELECT coalesce(min(iif(o.at >= ?1, o.seq, NULL)), max(o.seq) + 1)
                FROM (SELECT e.seq, e.at FROM revocation_event e ORDER BY e.seq LIMIT ?2) o
            ) AND seq < (SELECT h.seq FROM revocation_head h)",
            made_before,
            at_most
        );
        Ok(self.writer()?.execute(done).await.map_err(commit_refused)?.rows_affected())
    }

    async fn note_lost(&self, lost: &LostHistory) -> Result<()> {
        self.record_lost(lost).await
    }
}

/// Whether a change up to this event is not recorded as enforced.
async fn is_open(executor: impl SqliteExecutor<'_>, target: Target, up_to: i64) -> Result<bool> {
    let open = match target {
        Target::Key(id) => {
            let id = id.uuid();
            let open = sqlx::query_scalar!(
                r#"SELECT EXISTS (
                    SELECT 1 FROM api_key WHERE id = ?1 AND change_seq <= ?2 AND enforced_at IS NULL
                ) AS "open!: bool""#,
                id,
                up_to
            );
            open.fetch_one(executor).await
        }
        Target::Account(id) => {
            let id = id.uuid();
            let open = sqlx::query_scalar!(
                r#"SELECT EXISTS (
                    SELECT 1 FROM account WHERE id = ?1 AND change_seq <= ?2 AND enforced_at IS NULL
                ) AS "open!: bool""#,
                id,
                up_to
            );
            open.fetch_one(executor).await
        }
    };
    open.map_err(refused)
}

/// Records the enforcement, unless a later change exists.
async fn note(connection: &mut SqliteConnection, target: Target, up_to: i64, at: i64) -> Result<()> {
    let done = match target {
        Target::Key(id) => {
            let id = id.uuid();
            let noted = sqlx::query!(
                "UPDATE api_key SET enforced_at = ?3 WHERE id = ?1 AND change_seq <= ?2 AND enforced_at IS NULL",
                id,
                up_to,
                at
            );
            noted.execute(connection).await
        }
        Target::Account(id) => {
            let id = id.uuid();
            let noted = sqlx::query!(
                "UPDATE account SET enforced_at = ?3 WHERE id = ?1 AND change_seq <= ?2 AND enforced_at IS NULL",
                id,
                up_to,
                at
            );
            noted.execute(connection).await
        }
    };
    done.map(|_| ()).map_err(refused)
}
