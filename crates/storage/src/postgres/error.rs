//! What became of a statement that failed, told in the port's words. The one place that knows SQLSTATEs and
//! constraint names. It never takes an outage for a verdict.

use std::fmt;

use sqlx::{
    error::{DatabaseError, ErrorKind},
    migrate::MigrateError,
};
use tokio::time::error::Elapsed;

use crate::{Cause, Constraint, StorageError, error::Outdated};

/// What `confirm_callers` says of a caller that was changed since it was judged.
const CALLER_CHANGED: &str = "KW019";

/// A lock was waited for in vain.
const LOCK_NOT_AVAILABLE: &str = "55P03";
/// A prepared statement would return other columns than when it was prepared, among other things.
const FEATURE_NOT_SUPPORTED: &str = "0A000";

/// A transaction that may not write was asked to.
const READ_ONLY: &str = "25006";
/// What to do about that.
pub(super) const READ_ONLY_ADVICE: &str = "the database takes no changes: it is a standby, or \
     default_transaction_read_only is on for it, for this role or in the URL \
     (managed Postgres does that when its disk is full): make room, then reset it";

/// What the server said, and what to do about it where that is known. Without what sqlx adds: the line of Postgres's
/// own source, which helps no operator.
#[derive(Debug)]
struct Said(sqlx::Error);

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(said) = self.0.as_database_error() else { return fmt::Display::fmt(&self.0, f) };
        f.write_str(said.message())?;
        advice(&sqlstate(said)).map_or(Ok(()), |advice| write!(f, "; {advice}"))
    }
}

impl std::error::Error for Said {}

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

/// The cause that is kept of what sqlx reports.
fn cause(error: sqlx::Error) -> Cause {
    if error.as_database_error().is_some() { Box::new(Said(error)) } else { Box::new(error) }
}

/// Whether a prepared statement was refused because a table was changed since. Nothing was done then.
pub(super) fn is_outdated(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|said| {
        sqlstate(said) == FEATURE_NOT_SUPPORTED && said.message() == "cached plan must not change result type"
    })
}

/// What an error says, before it is asked whether something may have been written.
enum Meaning {
    /// The database is away, busy, or on its way out.
    Outage,
    /// A constraint that callers know.
    Refused(Constraint),
    /// Who writes is not what it was judged as (R19).
    CallerChanged,
    /// A table was changed under a prepared statement.
    Outdated,
    /// Neither we nor the caller expected this.
    Defect,
}

/// Of a statement that writes nothing, or whose transaction is not committed yet: nothing was written.
pub(super) fn failed(error: sqlx::Error) -> StorageError {
    match meaning(&error) {
        Meaning::Outage => StorageError::Unavailable(cause(error)),
        Meaning::Refused(constraint) => StorageError::Conflict(constraint),
        Meaning::CallerChanged => StorageError::CallerChanged,
        Meaning::Outdated => StorageError::Unavailable(Box::new(Outdated(cause(error)))),
        Meaning::Defect => StorageError::Unexpected(cause(error)),
    }
}

/// Whether what was unavailable is a row that somebody has locked for too long: a trouble of those who need that row alone.
pub(super) fn is_lock(cause: &Cause) -> bool {
    let said = cause.downcast_ref::<Said>().and_then(|said| said.0.as_database_error());
    said.is_some_and(|said| sqlstate(said) == LOCK_NOT_AVAILABLE)
}

/// Of a commit, or of a statement that commits by itself: unless the server said that it refused, nobody knows.
pub(super) fn commit_failed(error: sqlx::Error) -> StorageError {
    match error.as_database_error() {
        Some(said) if rolled_back(&sqlstate(said)) => failed(error),
        Some(_) | None => StorageError::OutcomeUnknown(cause(error)),
    }
}

/// The commit was not answered in time.
pub(super) fn commit_late(late: Elapsed) -> StorageError {
    StorageError::OutcomeUnknown(late.into())
}

/// No answer in time, to something that writes nothing.
pub(super) fn late(late: Elapsed) -> StorageError {
    StorageError::Unavailable(late.into())
}

/// Of a migration.
pub(super) fn migration_failed(error: MigrateError) -> StorageError {
    if let MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) = error {
        return failed(error);
    }
    StorageError::Unexpected(error.into())
}

/// Whether a database that did not let us in may do so soon: it is not up yet, has no connection left at the moment, or
/// is on its way down or up. A wrong password or name stays wrong.
pub(super) fn may_come(error: &sqlx::Error) -> bool {
    match error.as_database_error() {
        Some(said) => matches!(sqlstate(said).get(..2), Some("08" | "53" | "57")),
        None => matches!(error, sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::PoolTimedOut),
    }
}

/// For the pool: a connection that it must not use.
pub(super) fn unfit(why: &'static str) -> sqlx::Error {
    sqlx::Error::Configuration(why.into())
}

fn meaning(error: &sqlx::Error) -> Meaning {
    use sqlx::Error as E;
    // A conversation that breaks off in the middle reads as nonsense: a connection that is closed while it is asked about
    // TLS is `Protocol`.
    let away = matches!(
        error,
        E::Io(_) | E::Tls(_) | E::Protocol(_) | E::PoolTimedOut | E::PoolClosed | E::WorkerCrashed | E::BeginFailed
    );
    match error.as_database_error() {
        Some(_) if is_outdated(error) => Meaning::Outdated,
        Some(said) => said_by_server(said),
        None if away => Meaning::Outage,
        None => Meaning::Defect,
    }
}

fn said_by_server(said: &dyn DatabaseError) -> Meaning {
    if said.kind() == ErrorKind::UniqueViolation {
        let known = Constraint::ALL.into_iter().find(|it| said.constraint() == Some(it.name()));
        return known.map_or(Meaning::Defect, Meaning::Refused);
    }
    match &*sqlstate(said) {
        CALLER_CHANGED => Meaning::CallerChanged,
        sqlstate if is_outage(sqlstate) => Meaning::Outage,
        _ => Meaning::Defect,
    }
}

fn sqlstate(said: &dyn DatabaseError) -> String {
    said.code().unwrap_or_default().into_owned()
}

/// Whether waiting and trying again may help.
fn is_outage(sqlstate: &str) -> bool {
    let class = sqlstate.get(..2).unwrap_or_default();
    // Connection lost, not let in, transaction rolled back (serialization, deadlock), out of resources, operator
    // intervention (cancelled by a timeout, shutting down, starting up), I/O.
    matches!(class, "08" | "28" | "40" | "53" | "57" | "58")
        || matches!(
            sqlstate,
            READ_ONLY // a standby, or a primary on its way to become one
            | "25P03" | "25P04" // idle too long in a transaction, transaction too long
            | "3D000" // no such database: it was there when we started
            | "55000" // in recovery, where there is no WAL to write to: a standby
            | LOCK_NOT_AVAILABLE
        )
}

/// Whether this refusal of a commit says for sure that it did not happen: the server stands by its word, neither
/// losing the connection, nor going down, nor running out of something on the way.
fn rolled_back(sqlstate: &str) -> bool {
    let class = sqlstate.get(..2).unwrap_or_default();
    !matches!(class, "" | "08" | "53" | "57" | "58" | "XX") && sqlstate != "40003" || sqlstate == "57014"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_pass_is_an_outage() {
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
    fn only_a_clear_no_to_a_commit_counts_as_one() {
        for sqlstate in ["40001", "23505", "25006", "57014", CALLER_CHANGED] {
            assert!(rolled_back(sqlstate), "{sqlstate}");
        }
        for sqlstate in ["", "08006", "40003", "53100", "57P01", "58030", "XX000"] {
            assert!(!rolled_back(sqlstate), "{sqlstate}");
        }
    }

    #[test]
    fn a_lost_connection_is_an_outage_before_the_commit_and_an_unknown_outcome_in_it() {
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
