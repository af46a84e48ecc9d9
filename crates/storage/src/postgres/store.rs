//! [`PgStore`]: the connections of a node, and what its statements share. The ports are in the other files.

use std::{fmt, sync::Arc};

use sqlx::{
    ConnectOptions as _, Connection as _, Postgres, Transaction,
    postgres::{PgArguments, PgConnectOptions, PgQueryResult},
    query::Query,
};
use tokio::time::Duration;
use tokio_util::task::TaskTracker;

use super::{
    batcher::Batcher, error, insertion::Insertions, options::PgOptions, plans::Plans, rights, schema, server,
    transactions::Transactions,
};
use crate::{PoolState, Result, Schema, StorageError, pool::Pool};

/// Maximum number of concurrent batched look-up statements.
const MAX_CONCURRENT_READS: usize = 2;
/// Maximum number of concurrent batched insert statements. Two would contend for locks on the same account, which costs
/// the database more than waiting for one commit.
const MAX_CONCURRENT_INSERTIONS: usize = 1;

/// Batched look-ups of keys; their statement is in `credentials`.
pub(super) struct LookUps {
    pub(super) pool: Pool<Postgres>,
    pub(super) plans: Plans,
    pub(super) in_time: Duration,
}

/// Batched look-ups of accounts by mid, each within its caller's reach; their statement is in `accounts`.
pub(super) struct AccountLookUps {
    pub(super) pool: Pool<Postgres>,
    pub(super) plans: Plans,
    pub(super) in_time: Duration,
}

/// The ports on Postgres. Clones share one connection pool.
#[derive(Clone)]
pub struct PgStore {
    pub(super) pool: Pool<Postgres>,
    transactions: Transactions,
    pub(super) plans: Plans,
    statement_timeout: Duration,
    pub(super) commit_timeout: Duration,
    pub(super) look_ups: Arc<Batcher<LookUps>>,
    pub(super) accounts: Arc<Batcher<AccountLookUps>>,
    pub(super) insertions: Arc<Batcher<Insertions>>,
    tasks: TaskTracker,
    warnings: Arc<[String]>,
}

impl fmt::Debug for PgStore {
    /// Omits the connection options, which contain the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PgStore").field("connections", &self.pool.plain().size()).finish_non_exhaustive()
    }
}

impl PgStore {
    /// Connects, and checks that the server is usable: a primary with a supported version. [`Self::warnings`] returns
    /// warnings about it.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`](crate::StorageError::Unavailable) if it does not reply, refuses the login or is a
    /// standby; [`StorageError::Unexpected`](crate::StorageError::Unexpected) if it is too old or the URL is invalid.
    pub async fn connect(options: &PgOptions) -> Result<Self> {
        let connect = options.connection()?;
        let found = inspect_server(&connect, options).await?;
        let warnings = server::judge(&found, options.max_connections)?.into();
        let plans = Plans::default();
        let pool = match options.pool(&plans).connect_with(connect.clone()).await {
            Ok(pool) => Pool::from(pool),
            // The pool does not report why a connection failed.
            Err(sqlx::Error::PoolTimedOut) => return Err(why_no_connection(&connect, options).await),
            Err(error) => return Err(error::failed(error)),
        };
        let (statement_timeout, commit_timeout) = (options.statement_timeout, options.commit_timeout);
        let tasks = TaskTracker::new();
        let look_ups = LookUps { pool: pool.clone(), plans: plans.clone(), in_time: statement_timeout };
        let accounts = AccountLookUps { pool: pool.clone(), plans: plans.clone(), in_time: statement_timeout };
        let transactions = Transactions { pool: pool.clone(), tasks: tasks.clone() };
        let insertions =
            Insertions { transactions: transactions.clone(), plans: plans.clone(), statement_timeout, commit_timeout };
        Ok(Self {
            pool,
            transactions,
            plans,
            statement_timeout,
            commit_timeout,
            look_ups: Arc::new(Batcher::new(look_ups, MAX_CONCURRENT_READS, tasks.clone())),
            accounts: Arc::new(Batcher::new(accounts, MAX_CONCURRENT_READS, tasks.clone())),
            insertions: Arc::new(Batcher::new(insertions, MAX_CONCURRENT_INSERTIONS, tasks.clone())),
            tasks,
            warnings,
        })
    }

    /// Warnings about this usable server, with remedies: it may lose commits, or it grants more rights than the service
    /// needs.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// State of the connections for requests.
    #[must_use]
    pub fn pool_state(&self) -> PoolState {
        self.pool.state("postgres")
    }

    /// Migrates the schema to what this binary needs. If several nodes migrate concurrently, one works and the others
    /// wait.
    ///
    /// # Errors
    /// [`StorageError`](crate::StorageError): if the database is unavailable, or if its schema is not one that
    /// migrations produced.
    pub async fn migrate(&self) -> Result<()> {
        schema::migrate(self.pool.plain()).await
    }

    /// Returns the statements with which the tables' owner grants this role its missing rights; empty if it lacks none,
    /// or if there are no tables yet.
    ///
    /// # Errors
    /// As every read.
    pub async fn missing_rights(&self) -> Result<Vec<String>> {
        rights::missing(self.pool.plain()).await
    }

    /// Compares the schema with what this binary needs.
    ///
    /// # Errors
    /// [`StorageError::Unexpected`](crate::StorageError::Unexpected) if a migration is incomplete or was changed after
    /// it was applied; the cause names it.
    pub async fn schema(&self) -> Result<Schema> {
        schema::compare(self.pool.plain(), &self.plans).await
    }

    /// Closes all connections, once those in use are returned. From now on, operations return that the database is
    /// unavailable.
    pub async fn close(&self) {
        self.pool.plain().close().await;
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Begins a transaction.
    pub(super) async fn transaction(&self) -> Result<Transaction<'static, Postgres>> {
        self.transactions.begin().await
    }

    /// Runs a write that commits by itself. Without a connection, nothing was written; after any later failure, the
    /// outcome is unknown.
    pub(super) async fn write(&self, query: Query<'_, Postgres, PgArguments>) -> Result<PgQueryResult> {
        let mut connection = self.pool.acquire().await.map_err(error::failed)?;
        let in_time = self.statement_timeout + self.commit_timeout;
        match tokio::time::timeout(in_time, query.execute(&mut *connection)).await {
            Ok(written) => written.map_err(error::commit_failed),
            Err(late) => Err(error::commit_late(late)),
        }
    }
}

/// Pause before connecting again to a database that is not up yet.
const RETRY_PAUSE: Duration = Duration::from_millis(250);

/// Inspects the server. Waits for one that is not up yet, but not for one that refuses the login.
async fn inspect_server(connect: &PgConnectOptions, options: &PgOptions) -> Result<server::Server> {
    let inspect = || async {
        let inspected = tokio::time::timeout(options.acquire_timeout, async {
            let mut connection = connect.connect().await?;
            let found = server::inspect(&mut connection).await?;
            connection.close().await?;
            Ok(found)
        });
        inspected.await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
    };
    let mut last = match inspect().await {
        Err(error) if error::may_come(&error) && !options.connect_wait.is_zero() => error,
        other => return other.map_err(error::failed),
    };
    tracing::warn!(error = %last, "the database is not available yet: waiting for it");
    let waited = tokio::time::timeout(options.connect_wait, async {
        loop {
            tokio::time::sleep(RETRY_PAUSE).await;
            match inspect().await {
                Err(error) if error::may_come(&error) => last = error,
                other => break other,
            }
        }
    });
    match waited.await {
        Ok(found) => found.map_err(error::failed),
        Err(_) => Err(error::failed(last)),
    }
}

/// Returns why a pool got no connection in time: the error of a new connection.
async fn why_no_connection(connect: &PgConnectOptions, options: &PgOptions) -> StorageError {
    match tokio::time::timeout(options.acquire_timeout, connect.connect()).await {
        Ok(Ok(_)) | Err(_) => error::failed(sqlx::Error::PoolTimedOut),
        Ok(Err(error)) => error::failed(error),
    }
}
