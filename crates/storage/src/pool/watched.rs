//! A pool of sqlx that counts the callers waiting for a connection, which sqlx does not.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use sqlx::{
    Database, Error, Executor, FromRow, IntoArguments,
    pool::PoolConnection,
    query::{Map, Query, QueryScalar},
};

use super::PoolState;

/// A pool that counts waiting callers. Clones share it.
pub struct Pool<DB: Database> {
    connections: sqlx::Pool<DB>,
    waiting: Arc<AtomicUsize>,
}

/// Counts a waiting caller until dropped.
pub struct Waiting<'a>(&'a AtomicUsize);

impl<DB: Database> Clone for Pool<DB> {
    fn clone(&self) -> Self {
        Self { connections: self.connections.clone(), waiting: Arc::clone(&self.waiting) }
    }
}

impl<DB: Database> fmt::Debug for Pool<DB> {
    /// Omits the options, which may contain a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("open", &self.connections.size()).finish_non_exhaustive()
    }
}

impl<DB: Database> From<sqlx::Pool<DB>> for Pool<DB> {
    fn from(connections: sqlx::Pool<DB>) -> Self {
        Self { connections, waiting: Arc::default() }
    }
}

impl<DB: Database> Pool<DB> {
    /// The pool itself, for uncounted uses: schema, copies, shutdown.
    #[must_use]
    pub const fn plain(&self) -> &sqlx::Pool<DB> {
        &self.connections
    }

    /// Waits for a connection.
    ///
    /// # Errors
    /// As sqlx: no connection is free in time, or none can be opened.
    pub async fn acquire(&self) -> Result<PoolConnection<DB>, Error> {
        let _waiting = self.waits();
        self.connections.acquire().await
    }

    /// Counts a caller that waits by other means.
    #[must_use]
    pub fn waits(&self) -> Waiting<'_> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        Waiting(&self.waiting)
    }

    /// Current state of the pool.
    #[must_use]
    pub fn state(&self, name: &'static str) -> PoolState {
        PoolState {
            name,
            max: self.connections.options().get_max_connections(),
            open: self.connections.size(),
            idle: u32::try_from(self.connections.num_idle()).unwrap_or(u32::MAX),
            waiting: self.waiting.load(Ordering::Relaxed),
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A query that takes its connection from a counting pool.
pub trait Through<DB: Database>: Sized {
    /// The result type of one row.
    type Found;

    /// Fetches all rows.
    fn all(self, pool: &Pool<DB>) -> impl Future<Output = Result<Vec<Self::Found>, Error>> + Send;

    /// Fetches the only row.
    fn one(self, pool: &Pool<DB>) -> impl Future<Output = Result<Self::Found, Error>> + Send;

    /// Fetches the row, if there is one.
    fn maybe(self, pool: &Pool<DB>) -> impl Future<Output = Result<Option<Self::Found>, Error>> + Send;
}

macro_rules! takes_a_connection {
    () => {
        type Found = O;

        async fn all(self, pool: &Pool<DB>) -> Result<Vec<O>, Error> {
            self.fetch_all(&mut *pool.acquire().await?).await
        }

        async fn one(self, pool: &Pool<DB>) -> Result<O, Error> {
            self.fetch_one(&mut *pool.acquire().await?).await
        }

        async fn maybe(self, pool: &Pool<DB>) -> Result<Option<O>, Error> {
            self.fetch_optional(&mut *pool.acquire().await?).await
        }
    };
}

impl<'q, DB, F, O, A> Through<DB> for Map<'q, DB, F, A>
where
    DB: Database,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    F: FnMut(DB::Row) -> Result<O, Error> + Send,
    O: Send + Unpin,
    A: 'q + Send + IntoArguments<DB>,
{
    takes_a_connection!();
}

impl<'q, DB, O, A> Through<DB> for QueryScalar<'q, DB, O, A>
where
    DB: Database,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    O: Send + Unpin,
    A: 'q + Send + IntoArguments<DB>,
    (O,): for<'r> FromRow<'r, DB::Row>,
{
    takes_a_connection!();
}

impl<DB: Database> Pool<DB>
where
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    /// Executes a statement without result rows.
    ///
    /// # Errors
    /// As [`Self::acquire`], and errors of the database.
    pub async fn execute<'q, A>(&self, statement: Query<'q, DB, A>) -> Result<DB::QueryResult, Error>
    where
        A: 'q + Send + IntoArguments<DB>,
    {
        statement.execute(&mut *self.acquire().await?).await
    }
}
