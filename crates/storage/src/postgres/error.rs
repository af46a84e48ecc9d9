//! Converts failures of statements to the port's errors. The only place that knows SQLSTATEs and constraint names.
//! Never treats an outage as a verdict.

use std::fmt;

use sqlx::{
    error::{DatabaseError, ErrorKind},
    migrate::MigrateError,
};
use tokio::time::error::Elapsed;

use crate::{Cause, Constraint, StorageError, error::Outdated};

/// Raised by `confirm_callers` if a caller changed since it was judged.
const CALLER_CHANGED: &str = "KW019";

/// A lock was not available in time.
const LOCK_NOT_AVAILABLE: &str = "55P03";
/// Includes: a prepared statement would return other columns than when it was prepared.
const FEATURE_NOT_SUPPORTED: &str = "0A000";

/// A write in a read-only transaction.
const READ_ONLY: &str = "25006";
/// Remedy for a read-only database.
pub(super) const READ_ONLY_ADVICE: &str = "the database takes no changes: it is a standby, or \
     default_transaction_read_only is on for it, for this role or in the URL \
     (managed Postgres does that when its disk is full): make room, then reset it";

/// The server's message, with a remedy if one is known. Omits what sqlx adds: a line number in Postgres's source, which
/// does not help operators.
#[derive(Debug)]
struct ServerError(sqlx::Error);

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(reported) = self.0.as_database_error() else { return fmt::Display::fmt(&self.0, f) };
        f.write_str(reported.message())?;
        advice(&sqlstate(reported)).map_or(Ok(()), |advice| write!(f, "; {advice}"))
    }
}

impl std::error::Error for ServerError {}

fn advice(sqlstate: &str) -> Option<&'static str> {
    match sqlstate {
        "28000" | "28P01" => Some("correct the user or the password in the URL"),
        "3D000" => Some("make that database first (CREATE DATABASE), or correct its name in the URL"),
        "42501" => Some(
            "the role of the URL lacks this right: let the owner of the tables grant what docs/production.md lists, or \
             use the role that owns them for `keyward migrate`",
        ),
        READ_ONLY => Some(READ_ONLY_ADVICE),
        "53300" => Some(
            "Postgres allows no further connection: lower database.max_connections of all nodes together, or raise \
             max_connections of Postgres or the limit of the role or database",
        ),
        _ => None,
    }
}

/// Converts an error of sqlx to the cause to keep.
fn cause(error: sqlx::Error) -> Cause {
    if error.as_database_error().is_some() { Box::new(ServerError(error)) } else { Box::new(error) }
}

/// Whether a prepared statement was rejected because a table changed since. Then nothing was executed.
pub(super) fn is_outdated(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|reported| {
        sqlstate(reported) == FEATURE_NOT_SUPPORTED && reported.message() == "cached plan must not change result type"
    })
}

/// The meaning of an error, regardless of whether something may have been written.
enum Meaning {
    /// The database is unavailable, overloaded, or shutting down.
    Outage,
    /// A known constraint.
    Refused(Constraint),
    /// The caller changed since it was judged (R19).
    CallerChanged,
    /// A table changed since a statement was prepared.
    Outdated,
    /// An unexpected error.
    Defect,
}

/// Converts the error of a statement that writes nothing, or whose transaction is not committed yet: nothing was
/// written.
pub(super) fn failed(error: sqlx::Error) -> StorageError {
    match meaning(&error) {
        Meaning::Outage => StorageError::Unavailable(cause(error)),
        Meaning::Refused(constraint) => StorageError::Conflict(constraint),
        Meaning::CallerChanged => StorageError::CallerChanged,
        Meaning::Outdated => StorageError::Unavailable(Box::new(Outdated(cause(error)))),
        Meaning::Defect => StorageError::Unexpected(cause(error)),
    }
}

/// Whether the cause is a row that was locked for too long, which affects only requests that need that row.
pub(super) fn is_lock(cause: &Cause) -> bool {
    let reported = cause.downcast_ref::<ServerError>().and_then(|reported| reported.0.as_database_error());
    reported.is_some_and(|reported| sqlstate(reported) == LOCK_NOT_AVAILABLE)
}

/// Converts the error of a commit, or of a statement that commits by itself: unless the server reported a refusal, the
/// outcome is unknown.
pub(super) fn commit_failed(error: sqlx::Error) -> StorageError {
    match error.as_database_error() {
        Some(reported) if rolled_back(&sqlstate(reported)) => failed(error),
        Some(_) | None => StorageError::OutcomeUnknown(cause(error)),
    }
}

/// The error of a commit without a reply in time.
pub(super) fn commit_late(late: Elapsed) -> StorageError {
    StorageError::OutcomeUnknown(late.into())
}

/// The error of a read without a reply in time.
pub(super) fn late(late: Elapsed) -> StorageError {
    StorageError::Unavailable(late.into())
}

/// Converts the error of a migration.
pub(super) fn migration_failed(error: MigrateError) -> StorageError {
    if let MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) = error {
        return failed(error);
    }
    StorageError::Unexpected(error.into())
}

/// Whether a failed connection may soon succeed: the database is not up yet, has no free connection at present, or is
/// starting or stopping. A wrong password or name stays wrong.
pub(super) fn may_come(error: &sqlx::Error) -> bool {
    match error.as_database_error() {
        Some(reported) => matches!(sqlstate(reported).get(..2), Some("08" | "53" | "57")),
        None => matches!(error, sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::PoolTimedOut),
    }
}

/// The error that keeps a pool from using a connection.
pub(super) fn unfit(why: &'static str) -> sqlx::Error {
    sqlx::Error::Configuration(why.into())
}

fn meaning(error: &sqlx::Error) -> Meaning {
    use sqlx::Error as E;
    // A connection that breaks during an exchange causes a protocol error: one closed during the TLS request is
    // `Protocol`.
    let away = matches!(
        error,
        E::Io(_) | E::Tls(_) | E::Protocol(_) | E::PoolTimedOut | E::PoolClosed | E::WorkerCrashed | E::BeginFailed
    );
    match error.as_database_error() {
        Some(_) if is_outdated(error) => Meaning::Outdated,
        Some(reported) => server_error_meaning(reported),
        None if away => Meaning::Outage,
        None => Meaning::Defect,
    }
}

fn server_error_meaning(reported: &dyn DatabaseError) -> Meaning {
    if reported.kind() == ErrorKind::UniqueViolation {
        let known = Constraint::ALL.into_iter().find(|it| reported.constraint() == Some(it.name()));
        return known.map_or(Meaning::Defect, Meaning::Refused);
    }
    match &*sqlstate(reported) {
        CALLER_CHANGED => Meaning::CallerChanged,
        sqlstate if is_outage(sqlstate) => Meaning::Outage,
        _ => Meaning::Defect,
    }
}

fn sqlstate(reported: &dyn DatabaseError) -> String {
    reported.code().unwrap_or_default().into_owned()
}

/// Whether a later retry may succeed.
fn is_outage(sqlstate: &str) -> bool {
    let class = sqlstate.get(..2).unwrap_or_default();
    // Connection lost, login refused, transaction rolled back (serialization, deadlock), out of resources, operator
    // intervention (cancelled by a timeout, shutting down, starting up), I/O.
    matches!(class, "08" | "28" | "40" | "53" | "57" | "58")
        || matches!(
            sqlstate,
            READ_ONLY // a standby, or a primary that is becoming one
            | "25P03" | "25P04" // idle too long in a transaction, transaction too long
            | "3D000" // no such database, although it existed at startup
            | "55000" // in recovery, where no WAL can be written: a standby
            | LOCK_NOT_AVAILABLE
        )
}

/// Whether this error of a commit proves that it did not happen: the server rejected it without losing the connection,
/// shutting down or running out of a resource.
fn rolled_back(sqlstate: &str) -> bool {
    let class = sqlstate.get(..2).unwrap_or_default();
    !matches!(class, "" | "08" | "53" | "57" | "58" | "XX") && sqlstate != "40003" || sqlstate == "57014"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn temporary_errors_are_outages() {
        for sqlstate in [
            "08006", "25006", "25P03", "28P01", "3D000", "40001", "40P01", "53300", "55000", "55P03", "57014", "57P01",
            "57P03", "58030",
        ] {
            assert!(is_outage(sqlstate), "{sqlstate}");
        }
        for sqlstate in ["", "23514", "42P01", "42601", "22021", "XX001", "0A000"] {
            assert!(!is_outage(sqlstate), "{sqlstate}");
        }
    }

    #[test]
    fn only_an_explicit_refusal_of_a_commit_counts_as_one() {
        for sqlstate in ["40001", "23505", "25006", "57014", CALLER_CHANGED] {
            assert!(rolled_back(sqlstate), "{sqlstate}");
        }
        for sqlstate in ["", "08006", "40003", "53100", "57P01", "58030", "XX000"] {
            assert!(!rolled_back(sqlstate), "{sqlstate}");
        }
    }

    #[test]
    fn a_lost_connection_is_an_outage_before_the_commit_and_an_unknown_outcome_during_it() {
        let lost = || sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into());
        assert!(matches!(failed(lost()), StorageError::Unavailable(_)));
        assert!(matches!(commit_failed(lost()), StorageError::OutcomeUnknown(_)));
        let broken_off = || sqlx::Error::Protocol("unexpected response from SSLRequest: 0x00".into());
        assert!(matches!(failed(broken_off()), StorageError::Unavailable(_)));
        assert!(matches!(commit_failed(broken_off()), StorageError::OutcomeUnknown(_)));
        assert!(matches!(failed(sqlx::Error::PoolTimedOut), StorageError::Unavailable(_)));
        assert!(matches!(failed(sqlx::Error::RowNotFound), StorageError::Unexpected(_)));
    }
}
