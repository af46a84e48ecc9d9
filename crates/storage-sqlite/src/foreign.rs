//! Whether anything but this store has written to its database: a copy that SQLite put back into the file, or a
//! statement typed by hand. Prevents nothing, and cannot see a file that was overwritten byte by byte.

use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

use keyward_storage::{HistoryToken, Result};
use sqlx::SqliteConnection;

use crate::error::refused;

/// No version of SQLite's is negative.
const NOT_READ: i64 = -1;

/// What is known of writes by others.
#[derive(Debug)]
pub(crate) struct ForeignWrites {
    version: AtomicI64,
    count: AtomicU32,
}

impl Default for ForeignWrites {
    fn default() -> Self {
        Self { version: AtomicI64::new(NOT_READ), count: AtomicU32::new(0) }
    }
}

impl ForeignWrites {
    /// Looks whether others have written since the last look over this connection, the one that writes. SQLite changes
    /// the version for commits of every connection but this one
    /// (<https://www.sqlite.org/pragma.html#pragma_data_version>).
    pub(crate) async fn look(&self, writer: &mut SqliteConnection) -> Result<()> {
        let version = sqlx::query_scalar("PRAGMA data_version").fetch_one(writer).await.map_err(refused)?;
        let before = self.version.swap(version, Ordering::SeqCst);
        if before != NOT_READ && before != version {
            self.count.fetch_add(1, Ordering::SeqCst);
        }
        Ok(())
    }

    /// The history that the database is taken for: another one after each write by others.
    pub(crate) fn history(&self) -> HistoryToken {
        HistoryToken { timeline: self.count.load(Ordering::SeqCst), ..HistoryToken::EMBEDDED }
    }
}
