//! Events lost when a copy replaces a database: recorded in the copy, logged by the next server, and shown to people.
//! Decides nothing.

use std::path::Path;

use keyward_storage::{
    HistoryToken, LostHistory, Result,
    pool::Through as _,
    row::{stored_moment, stored_seq},
};
use sqlx::{
    SqliteExecutor,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions},
};

use crate::{
    error::{commit_refused, refused},
    options::Options,
    rows::column,
    schema,
    store::SqliteStore,
};

struct StoredLoss {
    kept_up_to: i64,
    had_up_to: i64,
    noticed_at: i64,
}

impl StoredLoss {
    fn restore(self) -> Result<LostHistory> {
        Ok(LostHistory {
            token: HistoryToken::EMBEDDED,
            kept_up_to: stored_seq(self.kept_up_to)?,
            had_up_to: stored_seq(self.had_up_to)?,
            noticed_at: stored_moment(self.noticed_at, "lost_history", self.had_up_to)?,
        })
    }
}

/// Records the lost events in a copy before it replaces a store. Migrates its schema first.
pub(crate) async fn write_into(copy: &Path, options: &Options, lost: &LostHistory) -> Result<()> {
    // Keeps the file's journal mode: no side file may exist when the copy gets its name.
    let connection = SqliteConnectOptions::new().filename(copy).busy_timeout(options.busy_timeout);
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(connection).await.map_err(refused)?;
    let written = async {
        schema::migrate(&pool).await?;
        insert(&pool, lost, false).await
    };
    let written = written.await;
    pool.close().await;
    written
}

/// Inserts a report.
async fn insert(executor: impl SqliteExecutor<'_>, lost: &LostHistory, is_said: bool) -> Result<()> {
    let (kept, had, at) = (column(lost.kept_up_to), column(lost.had_up_to), lost.noticed_at.as_micros());
    let query = sqlx::query!(
        "INSERT INTO lost_history (kept_up_to, had_up_to, noticed_at, is_said) VALUES (?1, ?2, ?3, ?4)",
        kept,
        had,
        at,
        is_said
    );
    query.execute(executor).await.map(|_| ()).map_err(commit_refused)
}

impl SqliteStore {
    /// Records events that a running server found missing and has logged.
    pub(crate) async fn record_lost(&self, lost: &LostHistory) -> Result<()> {
        insert(self.writer()?.plain(), lost, true).await
    }

    /// Returns the latest reports of lost events.
    ///
    /// # Errors
    /// As every read.
    pub async fn lost_history(&self, at_most: u32) -> Result<Vec<LostHistory>> {
        let rows = sqlx::query_as!(
            StoredLoss,
            r#"SELECT kept_up_to AS "kept_up_to!: i64", had_up_to AS "had_up_to!: i64", noticed_at AS "noticed_at!: i64"
            FROM lost_history ORDER BY id DESC LIMIT ?1"#,
            at_most
        );
        let rows = rows.all(&self.readers).await.map_err(refused)?;
        rows.into_iter().map(StoredLoss::restore).collect()
    }

    /// Returns the reports that no server has logged yet, oldest first, and marks them as logged.
    ///
    /// # Errors
    /// As every write.
    pub async fn unsaid_lost_history(&self) -> Result<Vec<LostHistory>> {
        let mut transaction = self.write().await?;
        let rows = sqlx::query_as!(
            StoredLoss,
            r#"SELECT kept_up_to AS "kept_up_to!: i64", had_up_to AS "had_up_to!: i64", noticed_at AS "noticed_at!: i64"
            FROM lost_history WHERE is_said = 0 ORDER BY id"#
        );
        let rows = rows.fetch_all(&mut *transaction).await.map_err(refused)?;
        if !rows.is_empty() {
            let logged = sqlx::query!("UPDATE lost_history SET is_said = 1 WHERE is_said = 0");
            logged.execute(&mut *transaction).await.map_err(refused)?;
        }
        self.commit(transaction).await?;
        rows.into_iter().map(StoredLoss::restore).collect()
    }

    /// Generates a new random number for this copy of the database, so that earlier copies are recognised as different.
    ///
    /// # Errors
    /// As every write.
    pub async fn begin_copy(&self) -> Result<()> {
        let drawn = sqlx::query!("UPDATE revocation_head SET copy = randomblob(16)");
        self.writer()?.execute(drawn).await.map(|_| ()).map_err(commit_refused)
    }
}

/// Like [`SqliteStore::begin_copy`], for a newly made copy, which may have an older schema.
pub(crate) async fn begin_copy(copy: &Path, options: &Options) -> Result<()> {
    let connection = SqliteConnectOptions::new().filename(copy).busy_timeout(options.busy_timeout);
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(connection).await.map_err(refused)?;
    // Not checked at compile time: an older schema lacks the column.
    let drawn = async {
        let known = "SELECT count(*) FROM pragma_table_info('revocation_head') WHERE name = 'copy'";
        let is_known: i64 = sqlx::query_scalar(known).fetch_one(&pool).await?;
        if is_known > 0 {
            sqlx::query("UPDATE revocation_head SET copy = randomblob(16)").execute(&pool).await?;
        }
        Ok::<_, sqlx::Error>(())
    };
    let drawn = drawn.await.map_err(refused);
    pool.close().await;
    drawn
}
