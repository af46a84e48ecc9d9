//! A fresh database for each test, on the throwaway cluster or the one of `KEYWARD_TEST_DATABASE_URL`. Never touches a
//! database that it did not create.

use std::{
    fmt::Write as _,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use async_trait::async_trait;
use keyward_domain::Timestamp;
use keyward_storage::{
    LeaseSecret, PgControl, PgOptions, PgStore,
    conformance::{Fixture, RawSql, sample},
};
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, PgConnection, PgPool, Row as _,
    postgres::{PgConnectOptions, PgPoolOptions, PgRow},
};
use uuid::Uuid;

pub(crate) static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("../../migrations/postgres");

/// The lease secret of another process.
pub(crate) fn fresh_secret() -> LeaseSecret {
    LeaseSecret::from_random(sample::fresh().into_bytes())
}

/// A database for one test. Dropping it drops the database.
pub(crate) struct Database {
    cluster: String,
    name: String,
}

impl Database {
    /// Creates an empty database.
    pub(crate) async fn create() -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let cluster = keyward_testkit::pg::shared_url().unwrap();
        let name = format!("keyward_test_{}_{number}", std::process::id());
        let database = Self { cluster, name };
        database.remove().await;
        run(&database.cluster, format!("CREATE DATABASE {}", database.name)).await;
        database
    }

    /// Creates a database with the schema.
    pub(crate) async fn migrated() -> Self {
        let database = Self::create().await;
        let store = database.store(1).await;
        store.migrate().await.unwrap();
        store.close().await;
        // The server ends a closed connection a moment later; tests count those that are left.
        let left = "SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND application_name = 'keyward'";
        database.raw().wait_for(0, left).await;
        database
    }

    /// Options for a test, with at most this many connections.
    pub(crate) fn options(&self, connections: u32) -> PgOptions {
        let url = keyward_testkit::pg::with_database(&self.cluster, &self.name).unwrap();
        PgOptions { max_connections: connections, min_connections: 1, ..PgOptions::new(url.into()) }
    }

    /// Options for another role.
    pub(crate) fn options_as(&self, role: &str) -> PgOptions {
        let url = keyward_testkit::pg::with_database(&self.cluster, &self.name).unwrap();
        let url = format!("{url}{}user={role}", if url.contains('?') { '&' } else { '?' });
        PgOptions { max_connections: 1, min_connections: 1, ..PgOptions::new(url.into()) }
    }

    pub(crate) async fn store(&self, connections: u32) -> PgStore {
        PgStore::connect(&self.options(connections)).await.unwrap()
    }

    pub(crate) async fn control(&self, store: &PgStore) -> PgControl {
        PgControl::connect(store, &self.options(1), fresh_secret()).await.unwrap()
    }

    /// Direct access to the database.
    pub(crate) fn raw(&self) -> Raw {
        let url = keyward_testkit::pg::with_database(&self.cluster, &self.name).unwrap();
        let options: PgConnectOptions = url.parse().unwrap();
        Raw(PgPoolOptions::new().max_connections(1).connect_lazy_with(options.application_name("test")))
    }

    /// An operator's session: one connection, as the tables' owner.
    pub(crate) async fn session(&self) -> Session {
        let url = keyward_testkit::pg::with_database(&self.cluster, &self.name).unwrap();
        let options: PgConnectOptions = url.parse().unwrap();
        Session(options.application_name("test").connect().await.unwrap())
    }

    async fn remove(&self) {
        run(&self.cluster, format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name)).await;
    }
}

impl Drop for Database {
    /// Runs on a thread with a separate runtime: the test's own may be shutting down.
    fn drop(&mut self) {
        let (cluster, name) = (self.cluster.clone(), self.name.clone());
        let removed = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(Self { cluster, name }.remove_and_forget());
        });
        // The throwaway cluster removes leftovers; an error here must not hide a failed test.
        let _ = removed.join();
    }
}

impl Database {
    async fn remove_and_forget(self) {
        self.remove().await;
        std::mem::forget(self);
    }
}

async fn run(url: &str, sql: String) {
    let options: PgConnectOptions = url.parse().unwrap();
    let mut connection: PgConnection = options.connect().await.unwrap();
    connection.execute(AssertSqlSafe(sql)).await.unwrap();
    connection.close().await.unwrap();
}

/// Manual statements, one after the other.
pub(crate) struct Session(PgConnection);

impl Session {
    /// Runs a statement, or several separated by semicolons.
    pub(crate) async fn run(&mut self, sql: &str) {
        self.0.execute(AssertSqlSafe(sql.to_owned())).await.unwrap();
    }

    /// Returns the database's error for a statement that it rejects.
    pub(crate) async fn refuses(&mut self, sql: &str) -> String {
        self.0.execute(AssertSqlSafe(sql.to_owned())).await.unwrap_err().to_string()
    }

    /// Returns the single row of a query.
    pub(crate) async fn row(&mut self, sql: &str) -> PgRow {
        self.0.fetch_one(AssertSqlSafe(sql.to_owned())).await.unwrap()
    }

    /// Returns the number in a query's single row.
    pub(crate) async fn number(&mut self, sql: &str) -> i64 {
        self.row(sql).await.get(0)
    }
}

/// The fixture for the conformance suite.
pub(crate) async fn fixture() -> Fixture {
    let database = Database::migrated().await;
    let store = database.store(8).await;
    fixture_of(&store, Arc::new(database.control(&store).await), database)
}

/// The fixture over a connected store and its control.
pub(crate) fn fixture_of(store: &PgStore, control: Arc<PgControl>, database: Database) -> Fixture {
    Fixture {
        store: Arc::new(store.clone()),
        feed: control.clone(),
        membership: Some(control),
        raw: Box::new(database.raw()),
        keep: Box::new(database),
    }
}

/// Access to the database without the store.
pub(crate) struct Raw(PgPool);

impl Raw {
    /// Terminates the store's connections from outside, and waits until they are gone.
    pub(crate) async fn end_connections(&self) -> i64 {
        self.end_connections_of("keyward").await
    }

    /// Like [`Self::end_connections`], for connections with this name.
    pub(crate) async fn end_connections_of(&self, name: &str) -> i64 {
        self.number(&format!(
            "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid, 10000)) FROM pg_stat_activity
            WHERE datname = current_database() AND application_name = '{name}'"
        ))
        .await
    }

    /// Repeats the query until it returns this number.
    pub(crate) async fn wait_for(&self, number: i64, sql: &str) {
        while self.number(sql).await != number {
            tokio::task::yield_now().await;
        }
    }
}

#[async_trait]
impl RawSql for Raw {
    async fn execute(&self, sql: &str) -> Result<u64, String> {
        let done = sqlx::query(AssertSqlSafe(sql.to_owned())).execute(&self.0).await;
        done.map(|done| done.rows_affected()).map_err(|error| error.to_string())
    }

    async fn number(&self, sql: &str) -> i64 {
        sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(&self.0).await.unwrap()
    }

    fn id(&self, id: Uuid) -> String {
        format!("'{id}'::uuid")
    }

    fn moment(&self, at: Timestamp) -> String {
        // Exact to the microsecond, unlike the text of a time.
        format!("'epoch'::timestamptz + {} * interval '1 microsecond'", at.as_micros())
    }

    fn bytes(&self, bytes: &[u8]) -> String {
        let mut text = String::new();
        for byte in bytes {
            write!(text, "{byte:02x}").unwrap();
        }
        format!("'\\x{text}'::bytea")
    }

    fn truth(&self, value: bool) -> String {
        value.to_string()
    }

    fn migrations(&self) -> String {
        MIGRATIONS.iter().map(|it| it.sql.as_str()).collect::<Vec<_>>().join("\n")
    }

    fn is_about(&self, message: &str, constraint: &str) -> bool {
        message.contains(&format!("\"{constraint}\""))
    }

    fn own_attacks(&self, _account: Uuid) -> Vec<(&'static str, String)> {
        let lease = |counter, applied, ttl_ms| {
            let (node, moment) = (self.id(sample::fresh()), self.moment(sample::at(0)));
            format!(
                "INSERT INTO node_lease (node, counter, applied, ttl_ms, started_at, renewed_at, version)
                VALUES ({node}, {counter}, {applied}, {ttl_ms}, {moment}, {moment}, 'x')"
            )
        };
        let lost = |kept, had| {
            format!(
                "INSERT INTO lost_history (token, kept_up_to, had_up_to, noticed_at) VALUES ('x', {kept}, {had}, {})",
                self.moment(sample::at(0))
            )
        };
        let mark = format!(
            "INSERT INTO history_mark (id, token, marked_at) VALUES (false, 'x', {})",
            self.moment(sample::at(0))
        );
        vec![
            ("history_mark_one_row", mark),
            ("lost_history_kept", lost(-1, 1)),
            ("lost_history_had", lost(3, 3)),
            ("node_lease_counter", lease(-1, 0, 1)),
            ("node_lease_applied", lease(0, -1, 1)),
            ("node_lease_ttl", lease(0, 0, 0)),
            ("node_lease_ttl_at_most", lease(0, 0, 60_001)),
            (
                "node_lease_secret_digest",
                lease(0, 0, 1).replace("version)", "version, secret_digest)").replace("'x')", "'x', '\\x00')"),
            ),
        ]
    }
}
