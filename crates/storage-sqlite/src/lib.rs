//! The embedded database: the storage ports on SQLite, one file in one folder of one machine.
//!
//! Writers queue for one connection and begin `IMMEDIATE`, so that a decision is never made on what another writer is
//! about to change; readers have connections of their own, which cannot write, and wait for nobody. What a commit
//! acknowledges survives the loss of power (`synchronous=FULL`). A database belongs to one server at a time, by
//! whatever name it is reached: an operating system lock on its file sees to that. A file that is removed or replaced
//! under a server takes no more writes, and [`SqliteStore::lost`] says so.
//!
//! What decides a verdict is numbered by triggers of the schema, in the transaction of the change. There is one process, so
//! the revocation protocol needs no membership here: only the feed of events.
//!
//! Decides nothing and reads no clock (events are dated, and callers held to their time, by SQLite's). Every query is
//! checked by sqlx at compile time against the migrations.

use std::{path::Path, sync::Arc};

use async_trait::async_trait;
use keyward_storage::{Authority, PoolState, Result, Schema, Store, UnitOfWork, pool::Pool};
use sqlx::{Sqlite, Transaction, migrate::Migrator};

mod accounts;
mod callers;
mod copies;
mod credentials;
mod error;
mod feed;
mod files;
mod foreign;
mod history;
mod installation;
mod keys;
mod options;
mod rows;
mod schema;
#[cfg(feature = "testing")]
pub mod testing;
mod tokens;
mod unit;
mod upkeep;
mod watch;

#[cfg(test)]
#[path = "lib/work_tests.rs"]
mod work_tests;

pub use copies::{discard, restore};
pub use files::{Lost, OpenError};
pub use options::Options;

use error::{ReadOnly, commit_refused, refused, unavailable};
use files::DatabaseLock;
use foreign::ForeignWrites;
use watch::Watch;

/// The migrations that this binary knows.
static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/sqlite");

/// A store in a folder.
#[derive(Clone, Debug)]
pub struct SqliteStore {
    readers: Pool<Sqlite>,
    /// The one connection that writes, and the lock that makes it the only one; neither in a store opened to read.
    writer: Option<(Pool<Sqlite>, DatabaseLock)>,
    foreign: Arc<ForeignWrites>,
    /// By what a caller is held to its time.
    watch: Watch,
}

impl SqliteStore {
    /// Opens the store in this folder for reading and writing. Makes folder and file, for their owner alone, where they
    /// are not there yet; the schema it leaves as it is.
    ///
    /// # Errors
    /// [`OpenError::Held`] if another process has the database open for writing, in this folder or another;
    /// [`OpenError::NotAFile`] and [`OpenError::Linked`] if it is not one plain file; otherwise what the operating
    /// system or SQLite says.
    pub async fn open(data_dir: &Path, options: &Options) -> Result<Self, OpenError> {
        let stood_alone = copies::stands_alone(&files::database(data_dir));
        let lock = files::claim(data_dir)?;
        let writer = options.writer(&files::database(data_dir), &lock).await.map_err(OpenError::Database)?;
        if stood_alone && schema::is_hollow(&writer).await.map_err(OpenError::Database)? {
            writer.close().await;
            return Err(OpenError::Hollow { path: files::database(data_dir) });
        }
        let readers = options.readers(&files::database(data_dir));
        let foreign = Arc::<ForeignWrites>::default();
        let first_look = async { foreign.look(&mut *writer.acquire().await.map_err(refused)?).await };
        first_look.await.map_err(OpenError::Database)?;
        Ok(Self { readers: readers.into(), writer: Some((writer.into(), lock)), foreign, watch: Watch::default() })
    }

    /// Opens the store in this folder for reading and writing, if there is one; makes nothing.
    ///
    /// # Errors
    /// [`OpenError::Missing`] if there is no store; otherwise as [`Self::open`].
    pub async fn open_existing(data_dir: &Path, options: &Options) -> Result<Self, OpenError> {
        match files::look(&files::database(data_dir)) {
            Ok(false) => Err(OpenError::Missing { data_dir: data_dir.into() }),
            // Who holds it decides first, for that is what a person has to know.
            Ok(true) | Err(OpenError::Linked { .. }) => Self::open(data_dir, options).await,
            Err(error) => Err(error),
        }
    }

    /// Opens the store in this folder for reading only, also while a server has it open.
    ///
    /// # Errors
    /// [`OpenError::Missing`] if there is no store, [`OpenError::NotAFile`] if something else is in its place.
    pub fn open_read_only(data_dir: &Path, options: &Options) -> Result<Self, OpenError> {
        let database = files::database(data_dir);
        if !files::look(&database)? {
            return Err(OpenError::Missing { data_dir: data_dir.into() });
        }
        Ok(Self {
            readers: options.readers(&database).into(),
            writer: None,
            foreign: Arc::default(),
            watch: Watch::default(),
        })
    }

    /// Brings the schema up to what this binary needs.
    ///
    /// # Errors
    /// As every write; also if the database was made by a newer binary or changed by hand.
    #[tracing::instrument(skip_all, name = "db.schema.migrate")]
    pub async fn migrate(&self) -> Result<()> {
        schema::migrate(self.writer()?.plain()).await
    }

    /// How the schema compares with what this binary needs.
    ///
    /// # Errors
    /// As every read.
    #[tracing::instrument(skip_all, name = "db.schema.compare")]
    pub async fn schema(&self) -> Result<Schema> {
        schema::compare(self.readers.plain()).await
    }

    /// How its connections stand: those that read, and the one that writes.
    #[must_use]
    pub fn pool_states(&self) -> Vec<PoolState> {
        let writer = self.writer.as_ref().map(|(writer, _)| writer.state("writer"));
        writer.into_iter().chain([self.readers.state("readers")]).collect()
    }

    /// Waits until the database file is lost: removed or replaced, so that what is written would be lost. Never over
    /// for a store that was opened to read.
    pub async fn lost(&self) -> Lost {
        match &self.writer {
            Some((_, lock)) => lock.lost().await,
            None => std::future::pending().await,
        }
    }

    /// Waits for the unit of work under way, moves all that was written into the one database file, and lets go of
    /// it. Whatever the store is asked for afterwards, it returns that it is unavailable.
    ///
    /// # Errors
    /// If the file could not be written: nothing is lost then, the next opening will do it.
    #[tracing::instrument(skip_all, name = "db.store.close")]
    pub async fn close(&self) -> Result<()> {
        self.readers.plain().close().await;
        let Some((writer, lock)) = &self.writer else { return Ok(()) };
        let writer = writer.plain();
        let checkpoint = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(writer).await;
        let is_hollow = schema::is_hollow(writer).await.unwrap_or(false);
        writer.close().await;
        if is_hollow {
            copies::empty(writer.connect_options().get_filename()).map_err(unavailable)?;
        }
        lock.release();
        checkpoint.map(|_| ()).map_err(refused)
    }

    /// The connection that writes, if its file is still the one that others find.
    fn writer(&self) -> Result<&Pool<Sqlite>> {
        let (pool, lock) = self.writer.as_ref().ok_or(ReadOnly)?;
        lock.still_there()?;
        Ok(pool)
    }

    /// A transaction that has the right to write from its first moment on.
    async fn write(&self) -> Result<Transaction<'static, Sqlite>> {
        let mut transaction = {
            let writer = self.writer()?;
            // `BEGIN` itself counts, too: sqlx does not part the two.
            let _waiting = writer.waits();
            writer.plain().begin_with("BEGIN IMMEDIATE").await.map_err(refused)?
        };
        // Again: it may have waited long for those before it.
        self.writer()?;
        self.foreign.look(&mut transaction).await?;
        Ok(transaction)
    }

    /// Commits what [`Self::write`] began.
    async fn commit(&self, transaction: Transaction<'static, Sqlite>) -> Result<()> {
        transaction.commit().await.map_err(commit_refused)?;
        self.writer.as_ref().map_or(Ok(()), |(_, lock)| lock.is_kept())
    }
}

#[async_trait]
impl Store for SqliteStore {
    #[tracing::instrument(skip_all, name = "db.store.begin")]
    async fn begin_as(&self, by: &Authority) -> Result<Box<dyn UnitOfWork>> {
        let Some((_, lock)) = &self.writer else { return Err(ReadOnly.into()) };
        let mut transaction = self.write().await?;
        callers::confirm(&mut transaction, by).await?;
        Ok(Box::new(unit::SqliteUnit::new(transaction, lock.clone(), by.ends_at(), self.watch.clone())))
    }
}

#[cfg(test)]
#[path = "lib/pool_tests.rs"]
mod pool_tests;
