//! Checks that the callers of a change are unchanged since they were judged (R19).
//!
//! A unit of work checks this first: it is the only writer until its end, so the result holds until then. Only time
//! passes meanwhile, so the clock is checked last.

use keyward_domain::Timestamp;
use keyward_storage::{Authority, Result, StorageError};
use sqlx::SqliteConnection;

use crate::{clock::DatabaseClock, error::refused};

/// Refuses unless each key and account exists, is active, and is not changed by an event after the last one known when
/// it was judged.
pub(crate) async fn confirm(connection: &mut SqliteConnection, by: &Authority) -> Result<()> {
    let as_of = i64::try_from(by.as_of().number()).unwrap_or(i64::MAX);
    for id in by.keys() {
        let id = id.uuid();
        let stands = sqlx::query_scalar!(
            r#"SELECT EXISTS (
                SELECT 1 FROM api_key k JOIN revocation_head h ON h.id = 1 AND h.seq >= ?2
                WHERE k.id = ?1 AND k.state = 'active' AND coalesce(k.change_seq, 0) <= ?2
            ) AS "stands!: bool""#,
            id,
            as_of
        );
        if !stands.fetch_one(&mut *connection).await.map_err(refused)? {
            return Err(StorageError::CallerChanged);
        }
    }
    for id in by.accounts() {
        let id = id.uuid();
        let stands = sqlx::query_scalar!(
            r#"SELECT EXISTS (
                SELECT 1 FROM account a WHERE a.id = ?1 AND a.status = 'active' AND coalesce(a.change_seq, 0) <= ?2
            ) AS "stands!: bool""#,
            id,
            as_of
        );
        if !stands.fetch_one(&mut *connection).await.map_err(refused)? {
            return Err(StorageError::CallerChanged);
        }
    }
    Ok(())
}

/// Refuses if the authority has ended by itself. Call it directly before the commit.
pub(crate) async fn confirm_in_time(
    connection: &mut SqliteConnection,
    ends_at: Option<Timestamp>,
    clock: &DatabaseClock,
) -> Result<()> {
    let Some(end) = ends_at else { return Ok(()) };
    if end <= clock.now(connection).await? { Err(StorageError::CallerChanged) } else { Ok(()) }
}
