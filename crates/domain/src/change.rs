//! The decision of a use case as one value that a store can record.
//!
//! Decides nothing and writes nothing. A store records it only if its precondition still holds.

use crate::{Account, AccountId, ApiKey, ChangeEffect, KeyId, Policy, Revocation, Status};

/// One change of a key or an account.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// An account was registered. Its parent must be active, with all accounts above it.
    AccountRegistered(Box<Account>),
    /// An account got another status. It must still have the status `from`.
    StatusChanged {
        /// The account.
        account: AccountId,
        /// The status that the decision assumed.
        from: Status,
        /// The new status.
        to: Status,
    },
    /// An account got another policy. It must still have that version of its policy.
    PolicySet {
        /// The account.
        account: AccountId,
        /// The version that the decision assumed; the next one is the new policy's.
        version: u64,
        /// The new policy.
        policy: Policy,
    },
    /// A key was issued. Its account must be active, with all accounts above it.
    KeyIssued(Box<ApiKey>),
    /// A key changed: its terms, or whether it is suspended. It must still have the version of `before`.
    KeyChanged {
        /// The key as the decision found it.
        before: Box<ApiKey>,
        /// The key after the change, with the next version.
        after: Box<ApiKey>,
        /// What the change affects.
        effect: ChangeEffect,
    },
    /// A key was revoked. It must not be revoked yet.
    KeyRevoked {
        /// The key.
        key: KeyId,
        /// When, by whom and why.
        revocation: Revocation,
    },
}
