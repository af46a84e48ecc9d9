//! The time by SQLite, which uses the machine's clock. Never reads a clock itself.

use std::{fmt, sync::Arc};

use keyward_domain::Timestamp;
use keyward_storage::{Result, StorageError};
use sqlx::SqliteConnection;

use crate::error::refused;

/// The clock of a store.
#[derive(Clone, Default)]
pub(crate) struct DatabaseClock(Option<Arc<dyn Fn() -> Timestamp + Send + Sync>>);

impl fmt::Debug for DatabaseClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatabaseClock").finish_non_exhaustive()
    }
}

impl DatabaseClock {
    /// A clock that a test controls.
    #[cfg(feature = "testing")]
    pub(crate) fn showing(now: Arc<dyn Fn() -> Timestamp + Send + Sync>) -> Self {
        Self(Some(now))
    }

    /// The time in whole milliseconds, which is SQLite's resolution.
    pub(crate) async fn now(&self, connection: &mut SqliteConnection) -> Result<Timestamp> {
        if let Some(now) = &self.0 {
            return Ok(now());
        }
        let micros = sqlx::query_scalar!(
            r#"SELECT CAST(round((julianday('now') - 2440587.5) * 86400000) AS integer) * 1000 AS "micros!: i64""#
        );
        let micros = micros.fetch_one(connection).await.map_err(refused)?;
        Timestamp::from_micros(micros).map_err(|error| StorageError::Unexpected(error.into()))
    }
}
