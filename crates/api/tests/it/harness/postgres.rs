//! A separate Postgres database for one test, on the throwaway cluster or that of `KEYWARD_TEST_DATABASE_URL`. Never
//! touches a database that it did not create.

use std::sync::atomic::{AtomicU32, Ordering};

use keyward_domain::Environment;
use keyward_storage::{Installation as _, LeaseSecret, PgControl, PgOptions, PgStore, Stamp};
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, PgConnection, postgres::PgConnectOptions,
};

use super::START;

/// A database with the schema in it. Dropping it drops the database.
pub(crate) struct Database {
    cluster: String,
    name: String,
}

impl Database {
    pub(crate) async fn create() -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let cluster = keyward_testkit::pg::shared_url().unwrap();
        let name = format!("keyward_api_{}_{number}", std::process::id());
        run(&cluster, format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
        run(&cluster, format!("CREATE DATABASE {name}")).await;
        Self { cluster, name }
    }

    /// Connects as a node does.
    pub(crate) async fn connect(&self) -> (PgStore, PgControl) {
        let url = keyward_testkit::pg::with_database(&self.cluster, &self.name).unwrap();
        let options = PgOptions { max_connections: 4, min_connections: 1, ..PgOptions::new(url.into()) };
        let store = PgStore::connect(&options).await.unwrap();
        store.migrate().await.unwrap();
        // As a server does first: an empty database has no history whose leases must be waited for (R18).
        let stamp = Stamp { environment: Environment::Sandbox, fingerprints: Vec::new() };
        let _ = store.claim(&stamp, START.parse().unwrap()).await.unwrap();
        let control = PgControl::connect(&store, &options, LeaseSecret::from_random([7; 16])).await.unwrap();
        (store, control)
    }
}

impl Drop for Database {
    /// On a thread with a runtime of its own: the test's runtime may be shutting down.
    fn drop(&mut self) {
        let (cluster, sql) = (self.cluster.clone(), format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
        let removed = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(run(&cluster, sql));
        });
        // The throwaway cluster removes leftovers; they must not hide a failed test.
        let _ = removed.join();
    }
}

async fn run(url: &str, sql: String) {
    let options: PgConnectOptions = url.parse().unwrap();
    let mut connection: PgConnection = options.connect().await.unwrap();
    connection.execute(AssertSqlSafe(sql)).await.unwrap();
    connection.close().await.unwrap();
}
