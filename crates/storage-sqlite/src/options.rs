//! Options of a store's connections.

use std::{path::Path, time::Duration};

use keyward_storage::Result;
use sqlx::{
    ConnectOptions as _, Connection as _, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use crate::{
    error::refused,
    files::{DatabaseLock, Log},
};

/// Options of a store. The defaults suit a server.
#[derive(Clone, Debug)]
pub struct Options {
    /// Maximum number of reading connections.
    pub readers: u32,
    /// Time limit for a connection, mainly the writing one, after which the store counts as unavailable.
    pub acquire_timeout: Duration,
    /// Time limit for a lock that another process, such as a backup, holds on the file.
    pub busy_timeout: Duration,
    /// Counts the steps of SQLite's virtual machine on every connection.
    #[cfg(test)]
    pub(crate) steps: std::sync::Arc<std::sync::atomic::AtomicU64>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            readers: 4,
            acquire_timeout: Duration::from_secs(5),
            busy_timeout: Duration::from_secs(5),
            #[cfg(test)]
            steps: std::sync::Arc::default(),
        }
    }
}

impl Options {
    /// The only writing connection, opened immediately.
    pub(crate) async fn writer(&self, database: &Path, lock: &DatabaseLock) -> Result<SqlitePool> {
        let connection =
            self.connection(database).journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);
        let log = lock.log();
        self.pool(1, log.clone())
            .after_release(move |connection, _| {
                let log = log.clone();
                Box::pin(async move {
                    // A rollback may still be queued. If SQLite has rolled back by itself (after a full disk), sqlx
                    // considers the transaction open for ever: such a connection is replaced.
                    let is_sound = connection.ping().await.is_ok() && !connection.is_in_transaction();
                    if !is_sound {
                        // The last connection removes the log when it closes.
                        log.is_closed();
                    }
                    Ok(is_sound)
                })
            })
            .connect_with(connection)
            .await
            .map_err(refused)
    }

    /// Read-only connections, each opened on first use.
    pub(crate) fn readers(&self, database: &Path) -> SqlitePool {
        self.pool(self.readers, Log::default()).connect_lazy_with(self.connection(database).read_only(true))
    }

    /// Opens the database for reading, and reads its list of tables once.
    pub(crate) async fn look_into(&self, database: &Path) -> sqlx::Result<()> {
        let mut connection = self.connection(database).read_only(true).connect().await?;
        let looked = sqlx::query("SELECT count(*) FROM sqlite_schema").execute(&mut connection).await;
        connection.close().await?;
        looked.map(|_| ())
    }

    fn connection(&self, database: &Path) -> SqliteConnectOptions {
        SqliteConnectOptions::new().filename(database).foreign_keys(true).busy_timeout(self.busy_timeout)
    }

    fn pool(&self, connections: u32, log: Log) -> SqlitePoolOptions {
        #[cfg(test)]
        let steps = std::sync::Arc::clone(&self.steps);
        SqlitePoolOptions::new()
            .max_connections(connections.max(1))
            .acquire_timeout(self.acquire_timeout)
            // Connections to files do not go stale, and each is tested when it is returned.
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
            .after_connect(move |connection, _| {
                let log = log.clone();
                #[cfg(test)]
                let steps = std::sync::Arc::clone(&steps);
                Box::pin(async move {
                    // The first read of the database opens its log.
                    sqlx::query("SELECT count(*) FROM sqlite_schema").execute(&mut *connection).await?;
                    log.is_open();
                    #[cfg(test)]
                    connection.lock_handle().await?.set_progress_handler(1, move || {
                        steps.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        true
                    });
                    Ok(())
                })
            })
    }
}
