//! The only place that interprets errors of SQLite.
//!
//! sqlx reports a violated constraint of SQLite only by a sentence that lists its columns; only this file contains
//! those sentences.

use keyward_storage::{Cause, Constraint, StorageError};
use sqlx::error::DatabaseError;

// Result codes, of which the lowest byte is the kind: https://www.sqlite.org/rescode.html
const BUSY: u32 = 5;
const LOCKED: u32 = 6;
const NOMEM: u32 = 7;
const READONLY: u32 = 8;
const INTERRUPT: u32 = 9;
const IOERR: u32 = 10;
const CORRUPT: u32 = 11;
const FULL: u32 = 13;
const CANTOPEN: u32 = 14;
const PROTOCOL: u32 = 15;
const NOTADB: u32 = 26;
const IOERR_FSYNC: u32 = IOERR | 4 << 8;
const IOERR_DIR_FSYNC: u32 = IOERR | 5 << 8;
const CONSTRAINT: u32 = 19;
const CONSTRAINT_UNIQUE: u32 = CONSTRAINT | 8 << 8;

/// A write to a store that was opened for reading only.
#[derive(Debug, thiserror::Error)]
#[error("the store was opened for reading only")]
pub(crate) struct ReadOnly;

impl From<ReadOnly> for StorageError {
    fn from(error: ReadOnly) -> Self {
        Self::Unexpected(error.into())
    }
}

/// The operation failed, and nothing was written.
pub(crate) fn unavailable(cause: impl Into<Cause>) -> StorageError {
    StorageError::Unavailable(cause.into())
}

/// Converts the error of a rejected statement.
pub(crate) fn refused(error: sqlx::Error) -> StorageError {
    if let Some(database) = error.as_database_error() {
        let code = code(database);
        return match code & 0xff {
            // The last frame in the log makes a transaction valid. After a full disk or a failed write, this frame is
            // missing. If only the flush failed, it may exist, and a recovery after a crash would find it.
            _ if code == IOERR_FSYNC || code == IOERR_DIR_FSYNC => StorageError::OutcomeUnknown(error.into()),
            BUSY | LOCKED | NOMEM | READONLY | INTERRUPT | IOERR | FULL | CANTOPEN | PROTOCOL => unavailable(error),
            CORRUPT | NOTADB => StorageError::Corrupt { table: "the whole database", id: database.to_string() },
            _ => match constraint(database) {
                Some(constraint) => StorageError::Conflict(constraint),
                None => StorageError::Unexpected(error.into()),
            },
        };
    }
    if let sqlx::Error::ColumnDecode { index, .. } = error {
        return StorageError::Corrupt { table: "a result", id: index };
    }
    let gone = matches!(
        error,
        sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed | sqlx::Error::Io(_)
    );
    if gone { unavailable(error) } else { StorageError::Unexpected(error.into()) }
}

/// Converts the error of a rejected commit, or of a statement that is its own transaction.
pub(crate) fn commit_refused(error: sqlx::Error) -> StorageError {
    if matches!(error, sqlx::Error::WorkerCrashed) {
        return StorageError::OutcomeUnknown(error.into());
    }
    refused(error)
}

fn code(error: &dyn DatabaseError) -> u32 {
    error.code().and_then(|code| code.parse().ok()).unwrap_or_default()
}

fn constraint(error: &dyn DatabaseError) -> Option<Constraint> {
    if code(error) != CONSTRAINT_UNIQUE {
        return None;
    }
    match error.message().strip_prefix("UNIQUE constraint failed: ")? {
        "account.mid" => Some(Constraint::AccountMid),
        "account.role" => Some(Constraint::OnePlatform),
        "api_key.account_id, api_key.unique_name, api_key.type" => Some(Constraint::PairUniqueName),
        _ => None,
    }
}
