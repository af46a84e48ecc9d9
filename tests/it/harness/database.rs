//! A separate database for one test on a Postgres, and access to either database without a node. Never touches a
//! database that it did not create.

use std::{
    io,
    path::Path,
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::Duration,
};

use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, PgConnection, SqliteConnection,
    postgres::PgConnectOptions, sqlite::SqliteConnectOptions,
};
use tokio::time::timeout;

/// An empty database. Dropping it drops the database.
pub(super) struct Database {
    server: String,
    name: String,
    url: String,
}

impl Database {
    pub(super) async fn create(server: &str) -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("keyward_e2e_{}_{number}", std::process::id());
        run(server, format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await.unwrap();
        run(server, format!("CREATE DATABASE {name}")).await.unwrap();
        let url = keyward_testkit::pg::with_database(server, &name).unwrap();
        Self { server: server.to_owned(), name, url }
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) async fn execute(&self, sql: &str) {
        run(&self.url, sql.to_owned()).await.unwrap();
    }

    /// Executes statements, and returns the server's error.
    pub(super) async fn attempt(&self, sql: &str) -> Result<(), String> {
        run(&self.url, sql.to_owned()).await.map_err(|error| error.to_string())
    }

    pub(super) async fn session(&self, sql: &'static str) -> Session {
        let options: PgConnectOptions = self.url.parse().unwrap();
        let mut connection: PgConnection = options.connect().await.unwrap();
        connection.execute(sql).await.unwrap();
        Session(connection)
    }

    /// The first column of each row, as text.
    pub(super) async fn column(&self, sql: &'static str) -> Vec<String> {
        let options: PgConnectOptions = self.url.parse().unwrap();
        let mut connection: PgConnection = options.connect().await.unwrap();
        let column = sqlx::query_scalar(sql).fetch_all(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        column
    }
}

/// A connection that stays open.
pub(crate) struct Session(PgConnection);

impl Session {
    /// Ends the session and its locks.
    pub(crate) async fn end(self) {
        self.0.close().await.unwrap();
    }
}

impl Drop for Database {
    /// On a thread with a runtime of its own: the test's runtime may be shutting down.
    fn drop(&mut self) {
        let (server, sql) = (self.server.clone(), format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
        let removed = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            // If a failed test left the server cut off, this does not wait for it.
            let removed = async { timeout(Duration::from_secs(10), run(&server, sql)).await };
            runtime.block_on(removed).map_err(io::Error::from)?.map_err(io::Error::other)
        });
        // Leftovers go with the throwaway cluster, which may already be gone.
        let _ = removed.join();
    }
}

async fn run(url: &str, sql: String) -> sqlx::Result<()> {
    let options: PgConnectOptions = url.parse()?;
    let mut connection: PgConnection = options.connect().await?;
    connection.execute(AssertSqlSafe(sql)).await?;
    connection.close().await
}

/// Executes statements in the embedded database, while no node has it open.
pub(super) async fn execute_embedded(path: &Path, sql: &'static str) {
    let options = SqliteConnectOptions::new().filename(path);
    let mut connection: SqliteConnection = options.connect().await.unwrap();
    connection.execute(sql).await.unwrap();
    connection.close().await.unwrap();
}
