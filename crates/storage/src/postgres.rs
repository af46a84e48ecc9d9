//! [`PgStore`] and [`PgControl`]: the ports on Postgres, for many nodes.
//!
//! Reads go to the pool in one statement each; writes that need more than one are a unit of work. It never decides
//! anything, never reads a clock, and shows nobody a type of sqlx.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use keyward_domain::{AccountId, Change, Reach, Timestamp};
use sqlx::{
    ConnectOptions as _, Connection as _, Postgres, Transaction,
    postgres::{PgArguments, PgConnectOptions, PgQueryResult},
    query::Query,
};
use tokio::time::Duration;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::{
    Authority, CLOCKS_AGREE, Committed, PoolState, Result, Schema, StorageError, Store, UnitOfWork, Write, pool::Pool,
};

#[macro_use]
mod rows;

mod accounts;
mod batcher;
mod callers;
mod control;
mod credentials;
mod error;
mod insertion;
mod installation;
mod instant;
mod keys;
mod options;
mod plans;
mod rights;
mod schema;
mod server;
mod tokens;
mod unit_of_work;
mod upkeep;

use accounts::AccountLookUps;
use batcher::Batcher;
use callers::Callers;
pub use control::{LeaseSecret, PgControl};
use credentials::LookUps;
use insertion::{Insertion, Insertions};
use instant::PgInstant;
pub use options::PgOptions;
use plans::Plans;

/// How many statements that look something up for many are under way at once.
const READS_AT_ONCE: usize = 2;
/// How many statements that add keys for many are under way at once. Two would lock the same account for each other, which
/// costs the database more than waiting for one commit does.
const INSERTIONS_AT_ONCE: usize = 1;

/// Everything that a node remembers, in Postgres. Clones share one pool of connections.
#[derive(Clone)]
pub struct PgStore {
    pool: Pool<Postgres>,
    beginnings: Beginnings,
    plans: Plans,
    statement_timeout: Duration,
    commit_timeout: Duration,
    look_ups: Arc<Batcher<LookUps>>,
    accounts: Arc<Batcher<AccountLookUps>>,
    insertions: Arc<Batcher<Insertions>>,
    tasks: TaskTracker,
    warnings: Arc<[String]>,
}

impl fmt::Debug for PgStore {
    /// Without the connection options, which hold the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PgStore").field("connections", &self.pool.plain().size()).finish_non_exhaustive()
    }
}

impl PgStore {
    /// Connects, and looks whether this is a server that a node may trust: a primary of a version that is old enough
    /// to be known and new enough to work. What is wrong with it all the same, [`Self::warnings`] tells.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`](crate::StorageError::Unavailable) if it does not answer, lets us not in or is a
    /// standby; [`StorageError::Unexpected`](crate::StorageError::Unexpected) if it is too old or the URL is none.
    pub async fn connect(options: &PgOptions) -> Result<Self> {
        let connect = options.connection()?;
        let found = first_contact(&connect, options).await?;
        let warnings = server::judge(&found, options.max_connections)?.into();
        let plans = Plans::default();
        let pool = match options.pool(&plans).connect_with(connect.clone()).await {
            Ok(pool) => Pool::from(pool),
            // The pool does not say what it waited for in vain.
            Err(sqlx::Error::PoolTimedOut) => return Err(why_no_connection(&connect, options).await),
            Err(error) => return Err(error::failed(error)),
        };
        let (statement_timeout, commit_timeout) = (options.statement_timeout, options.commit_timeout);
        let tasks = TaskTracker::new();
        let look_ups = LookUps { pool: pool.clone(), plans: plans.clone(), in_time: statement_timeout };
        let accounts = AccountLookUps { pool: pool.clone(), plans: plans.clone(), in_time: statement_timeout };
        let beginnings = Beginnings { pool: pool.clone(), tasks: tasks.clone() };
        let insertions =
            Insertions { beginnings: beginnings.clone(), plans: plans.clone(), statement_timeout, commit_timeout };
        Ok(Self {
            pool,
            beginnings,
            plans,
            statement_timeout,
            commit_timeout,
            look_ups: Arc::new(Batcher::new(look_ups, READS_AT_ONCE, tasks.clone())),
            accounts: Arc::new(Batcher::new(accounts, READS_AT_ONCE, tasks.clone())),
            insertions: Arc::new(Batcher::new(insertions, INSERTIONS_AT_ONCE, tasks.clone())),
            tasks,
            warnings,
        })
    }

    /// What is wrong with this server although it can be used, and what to do about it: it forgets what was committed, or lets
    /// us do more than the service needs.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// How the connections stand that requests use.
    #[must_use]
    pub fn pool_state(&self) -> PoolState {
        self.pool.state("postgres")
    }

    /// Brings the schema up to what this binary needs. Of several nodes that do so at once one works and the others
    /// wait.
    ///
    /// # Errors
    /// [`StorageError`](crate::StorageError): the database is away, or is not what migrations left behind.
    pub async fn migrate(&self) -> Result<()> {
        schema::migrate(self.pool.plain()).await
    }

    /// The statements that the owner of the tables runs to give our role the rights that it lacks; empty if it lacks
    /// none, or nothing is there yet.
    ///
    /// # Errors
    /// As every read.
    pub async fn missing_rights(&self) -> Result<Vec<String>> {
        rights::missing(self.pool.plain()).await
    }

    /// How the schema compares with what this binary needs.
    ///
    /// # Errors
    /// [`StorageError::Unexpected`](crate::StorageError::Unexpected) if a migration was left half done or changed
    /// after it was applied; the cause says which.
    pub async fn schema(&self) -> Result<Schema> {
        schema::compare(self.pool.plain(), &self.plans).await
    }

    /// Ends all connections, once those in use are given back. Whoever asks for one from now on is told that the
    /// database is unavailable.
    pub async fn close(&self) {
        self.pool.plain().close().await;
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Begins a transaction.
    async fn transaction(&self) -> Result<Transaction<'static, Postgres>> {
        self.beginnings.transaction().await
    }

    /// Runs a write that commits by itself. Getting no connection means that nothing was written; whatever fails from
    /// then on may mean anything.
    async fn write(&self, query: Query<'_, Postgres, PgArguments>) -> Result<PgQueryResult> {
        let mut connection = self.pool.acquire().await.map_err(error::failed)?;
        let in_time = self.statement_timeout + self.commit_timeout;
        match tokio::time::timeout(in_time, query.execute(&mut *connection)).await {
            Ok(written) => written.map_err(error::commit_failed),
            Err(late) => Err(error::commit_late(late)),
        }
    }
}

/// How long to wait before a database that is not up yet is asked again.
const KNOCK_EVERY: Duration = Duration::from_millis(250);

/// Looks at the server. One that is not up yet is waited for; one that refuses us is not.
async fn first_contact(connect: &PgConnectOptions, options: &PgOptions) -> Result<server::Server> {
    let look = || async {
        let looked_at = tokio::time::timeout(options.acquire_timeout, async {
            let mut connection = connect.connect().await?;
            let found = server::look_at(&mut connection).await?;
            connection.close().await?;
            Ok(found)
        });
        looked_at.await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
    };
    let mut last = match look().await {
        Err(error) if error::may_come(&error) && !options.connect_wait.is_zero() => error,
        other => return other.map_err(error::failed),
    };
    tracing::warn!(error = %last, "the database is not there yet: waiting for it");
    let waited = tokio::time::timeout(options.connect_wait, async {
        loop {
            tokio::time::sleep(KNOCK_EVERY).await;
            match look().await {
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

/// Why a pool got no connection in time: why a new connection fails.
async fn why_no_connection(connect: &PgConnectOptions, options: &PgOptions) -> StorageError {
    match tokio::time::timeout(options.acquire_timeout, connect.connect()).await {
        Ok(Ok(_)) | Err(_) => error::failed(sqlx::Error::PoolTimedOut),
        Ok(Err(error)) => error::failed(error),
    }
}

/// Where transactions begin.
#[derive(Clone)]
struct Beginnings {
    pool: Pool<Postgres>,
    tasks: TaskTracker,
}

impl Beginnings {
    /// Begins a transaction: the one way to do so. A caller that gives up while it begins must not take it along: sqlx
    /// counts a transaction only once `BEGIN` was answered, so dropped before that it would give a connection back that
    /// is inside one, and what is written next over it would be acknowledged and never committed. A task of its own
    /// sees it through, and rolls it back if its caller has gone.
    #[expect(clippy::disallowed_methods, reason = "the one place, where a task sees it through")]
    async fn transaction(&self) -> Result<Transaction<'static, Postgres>> {
        let pool = self.pool.clone();
        let beginning = self.tasks.spawn(async move {
            // `BEGIN` itself counts, too: sqlx does not part the two.
            let _waiting = pool.waits();
            pool.plain().begin().await
        });
        let begun = beginning.await.map_err(|ended| StorageError::Unavailable(ended.into()))?;
        begun.map_err(error::failed)
    }
}

/// Commits while those by whose right it is made stand. With synchronous standbys a commit waits for them, without an
/// end of its own.
async fn commit(mut transaction: Transaction<'static, Postgres>, callers: &Callers, in_time: Duration) -> Result<()> {
    let committing =
        async { if callers.are_none() { transaction.commit().await } else { callers.commit(&mut transaction).await } };
    match tokio::time::timeout(in_time, committing).await {
        Ok(committed) => committed.map_err(error::commit_failed),
        Err(late) => Err(error::commit_late(late)),
    }
}

/// The moments between which the database's clock agrees with a caller's.
struct Agreeing {
    from: PgInstant,
    to: PgInstant,
}

impl Agreeing {
    fn with(expected: Timestamp) -> Self {
        let (from, to) = (expected.saturating_sub(CLOCKS_AGREE), expected.saturating_add(CLOCKS_AGREE));
        Self { from: from.into(), to: to.into() }
    }
}

/// Whether a guarded write found its row.
fn applied(result: &PgQueryResult) -> Write {
    if result.rows_affected() == 0 { Write::Stale } else { Write::Applied }
}

#[async_trait]
impl Store for PgStore {
    #[tracing::instrument(level = "debug", skip_all, name = "db.unit_of_work.begin")]
    async fn begin_as(&self, by: &Authority) -> Result<Box<dyn UnitOfWork>> {
        let transaction = self.transaction().await?;
        let callers = Callers::of(by);
        let (in_time, plans) = (self.commit_timeout, self.plans.clone());
        Ok(Box::new(unit_of_work::PgUnitOfWork::new(transaction, callers, in_time, plans)))
    }

    #[tracing::instrument(level = "debug", skip_all, name = "db.store.record")]
    async fn record(&self, by: &Authority, within: &Reach, change: &Change) -> Result<Option<Committed>> {
        match change {
            // Decides no verdict, so there is no event.
            Change::KeyIssued(key) => match self.insertions.ask(Insertion::new(by, within, key)).await? {
                Write::Applied => Ok(Some(Committed { event: None })),
                Write::Stale => Ok(None),
            },
            Change::AccountRegistered(_) | Change::StatusChanged { .. } | Change::KeyRevoked { .. } => {
                let mut work = self.begin_as(by).await?;
                match work.record(within, change).await? {
                    Write::Applied => Ok(Some(work.commit().await?)),
                    Write::Stale => Ok(None),
                }
            }
        }
    }
}

/// What the statements compare with: none stands for everything.
fn root(within: &Reach) -> Option<Uuid> {
    within.root().map(AccountId::uuid)
}
