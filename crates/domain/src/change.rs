//! What a use case decided: one value, complete enough to be recorded.
//!
//! Decides nothing and writes nothing. A store records it where its precondition still holds.

use crate::{Account, AccountId, ApiKey, KeyId, Revocation, Status};

/// One change of a key or an account.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// An account was registered. Its parent must be active, with all accounts above it.
    AccountRegistered(Box<Account>),
    /// An account got another status. It must still have the status `from`.
    StatusChanged {
        /// The account.
        account: AccountId,
        /// What it was decided on.
        from: Status,
        /// What it becomes.
        to: Status,
    },
    /// A key was issued. Its account must be active, with all accounts above it.
    KeyIssued(Box<ApiKey>),
    /// A key was revoked. It must not be revoked yet.
    KeyRevoked {
        /// The key.
        key: KeyId,
        /// When, by whom and why.
        revocation: Revocation,
    },
}
