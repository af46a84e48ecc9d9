//! What can go wrong between the service and its database. No database driver's type is visible here.

use std::{error::Error as StdError, iter};

/// The cause below a storage error, kept for the log.
pub type Cause = Box<dyn StdError + Send + Sync>;

/// Why the database did not do what it was asked.
///
/// None of these is ever a verdict about a key or a credential: only `Ok(None)` means "unknown".
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The database did not answer, or is too busy. Nothing was written. Trying again later may help.
    #[error("the database is unavailable")]
    Unavailable(#[source] Cause),
    /// The connection was lost while a commit was under way: it may have happened or not. Safe to repeat where the
    /// request is idempotent.
    #[error("the outcome of the commit is unknown")]
    OutcomeUnknown(#[source] Cause),
    /// A constraint that callers know how to answer refused a write.
    #[error("the write conflicts with {0:?}")]
    Conflict(Constraint),
    /// The caller, or an account above it, was changed since it was judged: nothing was written. It has to be judged
    /// anew (R19).
    #[error("the caller was changed since it was judged")]
    CallerChanged,
    /// A row holds what this service never writes. An operator has to look.
    #[error("row {id} of {table} holds what this service never writes")]
    Corrupt {
        /// Which table.
        table: &'static str,
        /// Which row.
        id: String,
    },
    /// A defect on our side: a statement the database does not accept, a broken assumption.
    #[error("the database refused what this service asked, or answered it in a way that it does not know")]
    Unexpected(#[source] Cause),
}

/// Whether a table was changed under a prepared statement (`ALTER TABLE`): the cause of this error, or of one below it.
/// Nothing was written, and the same change, tried once more from its first read on, finds its statements prepared
/// anew.
#[must_use]
pub fn is_outdated(error: &(dyn StdError + 'static)) -> bool {
    iter::successors(Some(error), |error| (*error).source()).any(|cause| cause.downcast_ref::<Outdated>().is_some())
}

/// A prepared statement was refused because a table was changed since it was prepared.
#[derive(Debug, thiserror::Error)]
#[error("a table was changed under a statement")]
pub(crate) struct Outdated(#[source] pub(crate) Cause);

/// The constraints that a caller can run into by an honest request, by their names in the migrations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Constraint {
    /// `account_mid_key`: the mid is taken.
    AccountMid,
    /// `account_one_platform`: there is a platform account already.
    OnePlatform,
    /// `api_key_unique_name`: an active pair of the account has this unique name.
    PairUniqueName,
}

impl Constraint {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::AccountMid, Self::OnePlatform, Self::PairUniqueName];

    /// Its name in the migrations of both databases.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AccountMid => "account_mid_key",
            Self::OnePlatform => "account_one_platform",
            Self::PairUniqueName => "api_key_unique_name",
        }
    }
}
