//! Rows as both databases return them, and their conversion to entities: the only way in which a row becomes an entity.
//!
//! sqlx gives the rows of each statement a type of their own, whose fields are the columns that the statement names.
//! So a macro for each kind of row ([`key_row`](crate::key_row) and its siblings) moves the columns into one struct for
//! both databases, and its `restore` converts them. A new column is a field and a line of the macro here, and a name in
//! the statements of each adapter. A corrupt row becomes [`StorageError::Corrupt`] with the row's id. Contains no
//! statement.

mod account;
mod key;
mod metadata;
mod policy;
mod restrictions;

use keyward_domain::{Actor, KeyId, KeyState, KeyVersion, Level, Reach, Status, Timestamp};
use uuid::Uuid;

pub use account::{AccountRecordRow, AccountRow, ChainRow, LinkRow, link};
pub use key::{AuthKeyRow, CredentialRow, KeyRecordRow, KeyRow, ListedKeyRow, SuspensionRow};
pub use metadata::metadata_column;
pub use policy::policy_column;
pub use restrictions::RestrictionsRow;

use crate::{Enforcement, HistoryToken, Nonce, Position, Result, Seq, Snapshot, StorageError};

/// The column value of the service as an actor. Actors that are no keys have the last values, which no key's id has:
/// those are UUIDs of version 7. So other kinds of actors get values without another column.
const SERVICE: Uuid = Uuid::from_u128(u128::MAX - 1);

/// The column value of an actor: a key's id, a reserved value for the service, or none for the operator.
#[must_use]
pub fn actor_column(actor: Actor) -> Option<Uuid> {
    match actor {
        Actor::Key(id) => Some(id.uuid()),
        Actor::Operator => None,
        Actor::Service => Some(SERVICE),
    }
}

/// The column value of a key's state.
#[must_use]
pub const fn state_column(state: &KeyState) -> &'static str {
    match state {
        KeyState::Active => "active",
        KeyState::Revoked(_) => "revoked",
    }
}

/// Converts a key's version to a column value; versions never exceed its maximum.
#[must_use]
pub fn version_column(version: u64) -> i64 {
    i64::try_from(version).unwrap_or(i64::MAX)
}

/// The value of `suspended_by`: the level of the caller with this reach; none unless the new status is suspended.
#[must_use]
pub fn suspended_by(within: &Reach, to: Status) -> Option<&'static str> {
    within.level().filter(|_| to == Status::Suspended).map(Level::as_str)
}

/// The actor of a column value.
fn actor(column: Option<Uuid>) -> Actor {
    match column {
        None => Actor::Operator,
        Some(SERVICE) => Actor::Service,
        Some(id) => Actor::Key(KeyId::from_uuid(id)),
    }
}

/// Drops the row read by a look-up if it is only a neighbour of the requested key. Such a row is decoded anyway, so
/// that an absent key takes as long. A corrupt neighbour is not an error of the requested key.
///
/// # Errors
/// Those of the requested row.
pub fn asked_for<T>(is_asked: bool, restored: Result<T>) -> Result<Option<T>> {
    if is_asked { restored.map(Some) } else { Ok(None) }
}

/// Converts a stored time.
///
/// # Errors
/// [`StorageError::Corrupt`] if it is out of range.
pub fn stored_moment(micros: i64, table: &'static str, id: impl std::fmt::Display) -> Result<Timestamp> {
    moment(micros).ok_or_else(|| StorageError::Corrupt { table, id: id.to_string() })
}

/// Converts a stored master key version.
///
/// # Errors
/// [`StorageError::Corrupt`] if it is not a version.
pub fn stored_version(number: i32) -> Result<KeyVersion> {
    u16::try_from(number)
        .ok()
        .and_then(KeyVersion::new)
        .ok_or_else(|| StorageError::Corrupt { table: "master_key", id: number.to_string() })
}

/// Converts the columns `change_seq` and `enforced_at`, with the statement's token.
///
/// # Errors
/// [`StorageError::Corrupt`] if they are invalid.
pub fn stored_enforcement(
    change_seq: Option<i64>,
    enforced_at: Option<i64>,
    token: HistoryToken,
    table: &'static str,
    id: impl std::fmt::Display,
) -> Result<Option<Enforcement>> {
    let Some(seq) = change_seq else { return Ok(None) };
    let enforced_at = match enforced_at {
        None => None,
        Some(micros) => Some(stored_moment(micros, table, id)?),
    };
    Ok(Some(Enforcement { seq: stored_seq(seq)?, enforced_at, token }))
}

/// Converts a stored event number.
///
/// # Errors
/// [`StorageError::Corrupt`] if it is negative.
pub fn stored_seq(number: i64) -> Result<Seq> {
    let corrupt = |_| StorageError::Corrupt { table: "revocation_head", id: number.to_string() };
    u64::try_from(number).map(Seq::new).map_err(corrupt)
}

/// Converts a row of the view `history_position`.
///
/// # Errors
/// [`StorageError::Corrupt`] if it is invalid.
pub fn stored_snapshot(seq: i64, nonce: Uuid, token: &str) -> Result<Snapshot> {
    let position = Position { seq: stored_seq(seq)?, nonce: Nonce::from_uuid(nonce) };
    Ok(Snapshot { position, token: stored_token(token)? })
}

/// Converts a stored history token.
///
/// # Errors
/// [`StorageError::Corrupt`] if it is invalid.
pub fn stored_token(token: &str) -> Result<HistoryToken> {
    token.parse().map_err(|_| StorageError::Corrupt { table: "history_position", id: token.to_owned() })
}

fn moment(micros: i64) -> Option<Timestamp> {
    Timestamp::from_micros(micros).ok()
}
