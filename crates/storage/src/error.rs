//! Failures between the service and its database. No database driver's type is visible here.

use std::{error::Error as StdError, iter};

/// The cause of a storage error, kept for the log.
pub type Cause = Box<dyn StdError + Send + Sync>;

/// Why a database operation failed.
///
/// None of these is ever a verdict on a key or a credential: only `Ok(None)` means "unknown".
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The database did not reply, or is overloaded. Nothing was written. A later retry may succeed.
    #[error("the database is unavailable")]
    Unavailable(#[source] Cause),
    /// The connection was lost during a commit, which may or may not have happened. A retry is safe if the request is
    /// idempotent.
    #[error("the outcome of the commit is unknown")]
    OutcomeUnknown(#[source] Cause),
    /// A known constraint refused a write.
    #[error("the write conflicts with {0:?}")]
    Conflict(Constraint),
    /// The caller, or an account of its chain, changed since it was judged. Nothing was written. The caller must be
    /// judged again (R19).
    #[error("the caller was changed since it was judged")]
    CallerChanged,
    /// A row is corrupt: this service never writes such values. An operator must investigate.
    #[error("row {id} of {table} is corrupt")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The row's identifier.
        id: String,
    },
    /// A defect of this service: a statement that the database rejects, or a broken assumption.
    #[error("the database rejected a statement, or returned an unexpected result")]
    Unexpected(#[source] Cause),
}

/// Whether this error or one of its causes is a prepared statement whose table was changed (`ALTER TABLE`). Nothing was
/// written. A retry of the same change, from its first read, prepares its statements again.
#[must_use]
pub fn is_outdated(error: &(dyn StdError + 'static)) -> bool {
    iter::successors(Some(error), |error| (*error).source()).any(|cause| cause.downcast_ref::<Outdated>().is_some())
}

/// A prepared statement was rejected because a table changed since it was prepared.
#[derive(Debug, thiserror::Error)]
#[error("a table changed since a statement was prepared")]
pub(crate) struct Outdated(#[source] pub(crate) Cause);

/// The constraints that a valid request can violate, by their names in the migrations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Constraint {
    /// `account_mid_key`: the mid is taken.
    AccountMid,
    /// `account_one_platform`: a platform account already exists.
    OnePlatform,
    /// `api_key_unique_name`: an active pair of the account has this unique name.
    PairUniqueName,
}

impl Constraint {
    /// All constraints.
    pub const ALL: [Self; 3] = [Self::AccountMid, Self::OnePlatform, Self::PairUniqueName];

    /// The constraint's name in the migrations of both databases.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AccountMid => "account_mid_key",
            Self::OnePlatform => "account_one_platform",
            Self::PairUniqueName => "api_key_unique_name",
        }
    }
}
