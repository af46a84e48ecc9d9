//! The account tree, and a caller's reach in it (contract, section 1).
//!
//! `platform ──► partners ──► merchants`. [`revocation`](crate::revocation) decides how an account's status changes;
//! this module holds the facts.

use crate::{AccountId, Name, Timestamp};

mod chain;
mod mid;
mod reach;
mod role;

pub use chain::{BrokenChain, Chain, Link, Standing};
pub use mid::{Mid, ParseMidError};
pub use reach::Reach;
pub use role::{Level, Role, Status};

/// An account and its place in the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Internal identifier.
    pub id: AccountId,
    /// Identifier for clients; unique in the service.
    pub mid: Mid,
    /// Place in the tree.
    pub role: Role,
    /// Name for people.
    pub name: Name,
    /// Its own status, regardless of its ancestors.
    pub status: Status,
    /// Level of the caller that suspended it; none if it is not suspended, or if the level was not recorded.
    pub suspended_by: Option<Level>,
    /// Direct parent; none for the platform.
    pub parent: Option<Parent>,
    /// Time of registration.
    pub created_at: Timestamp,
}

/// The direct parent of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parent {
    /// Internal identifier.
    pub id: AccountId,
    /// Identifier for clients.
    pub mid: Mid,
}

/// The account without a policy, as a new one is.
impl From<&Account> for Link {
    fn from(account: &Account) -> Self {
        Self { id: account.id, mid: account.mid.clone(), role: account.role, status: account.status, policy: None }
    }
}

#[cfg(test)]
#[path = "account/tests.rs"]
mod tests;
