//! Detects writes to the database by others: a copy that SQLite restored into the file, a manual statement, or bytes
//! written over the file. Prevents nothing.

use std::{
    cmp,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, AtomicU32, Ordering},
    },
};

use keyward_storage::{HistoryToken, Result, Seq, row::stored_seq};
use sqlx::SqliteConnection;

use crate::error::refused;

/// Never a version of SQLite's, which are not negative.
const NOT_READ: i64 = -1;

/// State for detecting writes by others.
#[derive(Debug)]
pub(crate) struct ForeignWrites {
    version: AtomicI64,
    count: AtomicU32,
    /// The database's state at the last check.
    last: Mutex<Option<Shown>>,
}

/// The last event, by number and nonce, and the random number of this copy of the database.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Shown {
    seq: i64,
    nonce: Option<Vec<u8>>,
    copy: Option<Vec<u8>>,
}

impl Default for ForeignWrites {
    fn default() -> Self {
        Self { version: AtomicI64::new(NOT_READ), count: AtomicU32::new(0), last: Mutex::default() }
    }
}

/// Makes a connection drop its unmodified cached pages (<https://www.sqlite.org/pragma.html#pragma_shrink_memory>).
pub(crate) async fn forget_pages(connection: &mut SqliteConnection) -> Result<()> {
    sqlx::query("PRAGMA shrink_memory").execute(connection).await.map(|_| ()).map_err(refused)
}

impl ForeignWrites {
    /// Checks on the writing connection whether others have written since the last check. SQLite changes the version
    /// for commits of every connection except this one (<https://www.sqlite.org/pragma.html#pragma_data_version>).
    pub(crate) async fn check(&self, writer: &mut SqliteConnection) -> Result<()> {
        let version = sqlx::query_scalar("PRAGMA data_version").fetch_one(writer).await.map_err(refused)?;
        let before = self.version.swap(version, Ordering::SeqCst);
        if before != NOT_READ && before != version {
            self.count.fetch_add(1, Ordering::SeqCst);
        }
        Ok(())
    }

    /// Checks whether the database is the same copy, and still has the event that was last at the last check. Bytes
    /// written over the file are not a commit, so SQLite's version does not show them, and its connections keep their
    /// cached pages: this connection reads again. The log takes precedence over the file. Returns the number of the
    /// last event.
    pub(crate) async fn check_events(&self, reader: &mut SqliteConnection) -> Result<Seq> {
        forget_pages(reader).await?;
        let before = self.last().clone();
        let seq = before.as_ref().map_or(0, |shown| shown.seq);
        let head = sqlx::query!(
            r#"SELECT h.seq AS "seq!: i64", h.nonce AS "nonce?: Vec<u8>", h.copy AS "copy?: Vec<u8>",
                (SELECT e.nonce FROM revocation_event e WHERE e.seq = ?1) AS "before?: Vec<u8>"
            FROM revocation_head h WHERE h.id = 1"#,
            seq
        );
        let head = head.fetch_one(reader).await.map_err(refused)?;
        let now = Shown { seq: head.seq, nonce: head.nonce, copy: head.copy };
        let is_same = before.is_none_or(|before| {
            let has_it = match now.seq.cmp(&before.seq) {
                cmp::Ordering::Less => false,
                cmp::Ordering::Equal => now.nonce == before.nonce,
                // An event pruned since shows as a gap in the numbers.
                cmp::Ordering::Greater => head.before.is_none() || head.before == before.nonce,
            };
            has_it && now.copy == before.copy
        });
        if !is_same {
            self.count.fetch_add(1, Ordering::SeqCst);
        }
        *self.last() = Some(now);
        stored_seq(head.seq)
    }

    fn last(&self) -> MutexGuard<'_, Option<Shown>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The token of the database's history, which changes after each write by others.
    pub(crate) fn history(&self) -> HistoryToken {
        HistoryToken { timeline: self.count.load(Ordering::SeqCst), ..HistoryToken::EMBEDDED }
    }
}
