//! [`SqliteStore`]: the connections to one file, and what its statements share. The ports are in the other files.

use std::{path::Path, sync::Arc};

use keyward_storage::{PoolState, Result, Schema, pool::Pool};
use sqlx::{Sqlite, Transaction};

use crate::{
    clock::DatabaseClock,
    error::{ReadOnly, commit_refused, refused, unavailable},
    files::{self, DatabaseLock, Lost, OpenError},
    foreign::ForeignWrites,
    options::Options,
    schema,
};

#[cfg(test)]
mod pool_tests;
#[cfg(test)]
mod work_tests;

/// A store in a folder.
#[derive(Clone, Debug)]
pub struct SqliteStore {
    pub(crate) readers: Pool<Sqlite>,
    /// The only writing connection, with the lock; none in a store opened for reading.
    pub(crate) writer: Option<(Pool<Sqlite>, DatabaseLock)>,
    pub(crate) foreign: Arc<ForeignWrites>,
    /// The clock that limits callers' authorities.
    pub(crate) clock: DatabaseClock,
}

impl SqliteStore {
    /// Opens the store in this folder for reading and writing. Creates a missing folder and file, accessible only to
    /// their owner. Does not migrate the schema.
    ///
    /// # Errors
    /// [`OpenError::Held`] if another process has the database open for writing, in this folder or another;
    /// [`OpenError::NotAFile`] and [`OpenError::Linked`] if it is not one plain file; otherwise an error of the
    /// operating system or SQLite.
    pub async fn open(data_dir: &Path, options: &Options) -> Result<Self, OpenError> {
        let was_complete = files::stands_alone(&files::database(data_dir));
        let lock = files::claim(data_dir)?;
        let writer = options.writer(&files::database(data_dir), &lock).await.map_err(OpenError::Database)?;
        if was_complete && schema::is_hollow(&writer).await.map_err(OpenError::Database)? {
            writer.close().await;
            return Err(OpenError::Hollow { path: files::database(data_dir) });
        }
        let readers = options.readers(&files::database(data_dir));
        let foreign = Arc::<ForeignWrites>::default();
        let first_check = async { foreign.check(&mut *writer.acquire().await.map_err(refused)?).await };
        first_check.await.map_err(OpenError::Database)?;
        Ok(Self {
            readers: readers.into(),
            writer: Some((writer.into(), lock)),
            foreign,
            clock: DatabaseClock::default(),
        })
    }

    /// Opens an existing store in this folder for reading and writing; creates nothing.
    ///
    /// # Errors
    /// [`OpenError::Missing`] if there is no store; otherwise as [`Self::open`].
    pub async fn open_existing(data_dir: &Path, options: &Options) -> Result<Self, OpenError> {
        match files::inspect(&files::database(data_dir)) {
            Ok(false) => Err(OpenError::Missing { data_dir: data_dir.into() }),
            // Reports a held lock first, because that is what an operator must know.
            Ok(true) | Err(OpenError::Linked { .. }) => Self::open(data_dir, options).await,
            Err(error) => Err(error),
        }
    }

    /// Opens the store in this folder for reading only, even while a server has it open.
    ///
    /// # Errors
    /// [`OpenError::Missing`] if there is no store, [`OpenError::NotAFile`] if something else is in its place.
    pub fn open_read_only(data_dir: &Path, options: &Options) -> Result<Self, OpenError> {
        let database = files::database(data_dir);
        if !files::inspect(&database)? {
            return Err(OpenError::Missing { data_dir: data_dir.into() });
        }
        Ok(Self {
            readers: options.readers(&database).into(),
            writer: None,
            foreign: Arc::default(),
            clock: DatabaseClock::default(),
        })
    }

    /// Migrates the schema to what this binary needs.
    ///
    /// # Errors
    /// As every write; also if a newer binary made the database, or it was changed by hand.
    pub async fn migrate(&self) -> Result<()> {
        schema::migrate(self.writer()?.plain()).await
    }

    /// Compares the schema with what this binary needs.
    ///
    /// # Errors
    /// As every read.
    pub async fn schema(&self) -> Result<Schema> {
        schema::compare(self.readers.plain()).await
    }

    /// State of the reading connections and the writing one.
    #[must_use]
    pub fn pool_states(&self) -> Vec<PoolState> {
        let writer = self.writer.as_ref().map(|(writer, _)| writer.state("writer"));
        writer.into_iter().chain([self.readers.state("readers")]).collect()
    }

    /// Waits until the database file is removed or replaced, so that writes would be lost. Never returns for a store
    /// opened for reading.
    pub async fn lost(&self) -> Lost {
        match &self.writer {
            Some((_, lock)) => lock.lost().await,
            None => std::future::pending().await,
        }
    }

    /// Waits for the current unit of work, moves all writes into the database file, and closes it. Afterwards, every
    /// operation returns that the store is unavailable.
    ///
    /// # Errors
    /// If the file cannot be written. Nothing is lost: the next opening completes it.
    pub async fn close(&self) -> Result<()> {
        self.readers.plain().close().await;
        let Some((writer, lock)) = &self.writer else { return Ok(()) };
        let writer = writer.plain();
        let checkpoint = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(writer).await;
        let is_hollow = schema::is_hollow(writer).await.unwrap_or(false);
        writer.close().await;
        if is_hollow {
            files::empty(writer.connect_options().get_filename()).map_err(unavailable)?;
        }
        lock.release();
        checkpoint.map(|_| ()).map_err(refused)
    }

    /// The writing connection, if its file is still found under its name.
    pub(crate) fn writer(&self) -> Result<&Pool<Sqlite>> {
        let (pool, lock) = self.writer.as_ref().ok_or(ReadOnly)?;
        lock.still_there()?;
        Ok(pool)
    }

    /// Begins a transaction with the write lock.
    pub(crate) async fn write(&self) -> Result<Transaction<'static, Sqlite>> {
        let mut transaction = {
            let writer = self.writer()?;
            // Also counts the time of `BEGIN` itself: sqlx does not separate the two.
            let _waiting = writer.waits();
            writer.plain().begin_with("BEGIN IMMEDIATE").await.map_err(refused)?
        };
        // Checks again: it may have waited long for other writers.
        self.writer()?;
        self.foreign.check(&mut transaction).await?;
        Ok(transaction)
    }

    /// Commits a transaction of [`Self::write`].
    pub(crate) async fn commit(&self, transaction: Transaction<'static, Sqlite>) -> Result<()> {
        transaction.commit().await.map_err(commit_refused)?;
        self.writer.as_ref().map_or(Ok(()), |(_, lock)| lock.is_kept())
    }
}
