//! A fresh store in a separate folder, for tests of this crate and of crates that need a database.

#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "this is for tests: a panic is how they fail")]

use std::{any::Any, path::Path, sync::Arc};

use async_trait::async_trait;
use keyward_domain::Timestamp;
use keyward_storage::conformance::{Fixture, RawSql};
use sqlx::{AssertSqlSafe, SqlitePool, sqlite::SqliteConnectOptions};
use tempfile::TempDir;
use uuid::Uuid;

use crate::{Options, SqliteStore, clock::DatabaseClock, schema::MIGRATIONS};

/// A migrated, empty store, and its folder, which is deleted when the second value is dropped.
pub async fn open() -> (SqliteStore, TempDir) {
    open_with(&Options::default()).await
}

/// Like [`open`], with options.
pub async fn open_with(options: &Options) -> (SqliteStore, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path(), options).await.unwrap();
    store.migrate().await.unwrap();
    (store, folder)
}

/// The fixture for the conformance suite.
pub async fn fixture() -> Fixture {
    let (store, folder) = open().await;
    let path = folder.path().to_owned();
    fixture_of(&store, &path, folder)
}

/// The fixture over a store that is open in this folder. There is one process, so no membership.
pub fn fixture_of(store: &SqliteStore, folder: &Path, keep: impl Any + Send + Sync) -> Fixture {
    Fixture {
        store: Arc::new(store.clone()),
        feed: Arc::new(store.clone()),
        membership: None,
        raw: Box::new(Raw::beside(folder)),
        keep: Box::new(keep),
    }
}

impl SqliteStore {
    /// The same store with a clock that a test supplies.
    #[must_use]
    pub fn at_the_time_of(self, now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self { clock: DatabaseClock::showing(Arc::new(now)), ..self }
    }

    /// Runs a statement on the writing connection, such as a `PRAGMA` that provokes failures.
    ///
    /// # Errors
    /// The database's error message.
    pub async fn on_the_writer(&self, sql: &str) -> Result<u64, String> {
        let writer = self.writer().map_err(|error| error.to_string())?;
        execute(writer.plain(), sql).await
    }
}

/// A separate connection to a store's database.
pub struct Raw(SqlitePool);

impl Raw {
    /// Connects to the store in this folder.
    #[must_use]
    pub fn beside(folder: &Path) -> Self {
        let options = SqliteConnectOptions::new().filename(crate::files::database(folder)).foreign_keys(true);
        Self(sqlx::sqlite::SqlitePoolOptions::new().max_connections(1).connect_lazy_with(options))
    }
}

async fn execute(pool: &SqlitePool, sql: &str) -> Result<u64, String> {
    let done = sqlx::query(AssertSqlSafe(sql)).execute(pool).await;
    done.map(|done| done.rows_affected()).map_err(|error| error.to_string())
}

#[async_trait]
impl RawSql for Raw {
    async fn execute(&self, sql: &str) -> Result<u64, String> {
        execute(&self.0, sql).await
    }

    async fn number(&self, sql: &str) -> i64 {
        sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&self.0).await.unwrap()
    }

    fn id(&self, id: Uuid) -> String {
        format!("x'{}'", id.simple())
    }

    fn moment(&self, at: Timestamp) -> String {
        at.as_micros().to_string()
    }

    fn bytes(&self, bytes: &[u8]) -> String {
        let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("x'{}'", digits.concat())
    }

    fn truth(&self, value: bool) -> String {
        u8::from(value).to_string()
    }

    fn migrations(&self) -> String {
        MIGRATIONS.iter().map(|step| step.sql.as_str()).collect::<Vec<_>>().join("\n")
    }

    fn is_about(&self, words: &str, constraint: &str) -> bool {
        // SQLite names only row constraints; for others it lists the columns, or nothing.
        let sentence = match constraint {
            "account_mid_key" => "UNIQUE constraint failed: account.mid",
            "account_one_platform" => "UNIQUE constraint failed: account.role",
            "api_key_unique_name" => "UNIQUE constraint failed: api_key.account_id, api_key.unique_name, api_key.type",
            "signing_key_kid" => "UNIQUE constraint failed: signing_key.kid",
            "account_parent" | "api_key_account" | "key_usage_key" => "FOREIGN KEY constraint failed",
            _ => &format!("CHECK constraint failed: {constraint}"),
        };
        words.ends_with(sentence)
    }

    fn own_attacks(&self, account: Uuid) -> Vec<(&'static str, String)> {
        let (id, account) = (self.id(Uuid::from_u128(1)), self.id(account));
        let attack = format!(
            "INSERT INTO api_key (id, account_id, type, name, scopes, writes_keys, value, last_four, created_at, state)
            VALUES ({id}, {account}, 'public', 'x', '', 2, 'x', 'abcd', 0, 'active')"
        );
        let lost = |kept, had, said| {
            format!(
                "INSERT INTO lost_history (kept_up_to, had_up_to, noticed_at, is_said) VALUES ({kept}, {had}, 0, \
                 {said})"
            )
        };
        vec![
            ("api_key_writes_keys", attack),
            ("lost_history_kept", lost(-1, 1, 0)),
            ("lost_history_had", lost(3, 3, 0)),
            ("lost_history_is_said", lost(0, 1, 2)),
        ]
    }
}
