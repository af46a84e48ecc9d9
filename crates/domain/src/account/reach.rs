//! A caller's reach: the value that every management query requires.

use super::{
    chain::{Chain, Link},
    role::{Level, Role},
};
use crate::AccountId;

/// The part of the account tree that exists for a caller: its own account and all descendants.
///
/// A caller cannot distinguish an account outside its reach from one that does not exist. A reach is made from the
/// caller's authenticated account, never from request data. [`Reach::operator`] is for the command line only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach(Extent);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extent {
    Everything,
    From { root: AccountId, role: Role },
}

impl Reach {
    /// The reach of a caller that belongs to this account.
    #[must_use]
    pub const fn of(own: &Link) -> Self {
        Self(Extent::From { root: own.id, role: own.role })
    }

    /// The reach of the command line: all accounts. Only the server's own commands make one.
    #[must_use]
    pub const fn operator() -> Self {
        Self(Extent::Everything)
    }

    /// Whether the account of this chain lies within the reach.
    #[must_use]
    pub fn covers(&self, chain: &Chain) -> bool {
        match self.0 {
            Extent::Everything => true,
            Extent::From { root, .. } => chain.contains(root),
        }
    }

    /// The root account of the reach, for a query's precondition; none if it covers all accounts.
    #[must_use]
    pub const fn root(&self) -> Option<AccountId> {
        match self.0 {
            Extent::Everything => None,
            Extent::From { root, .. } => Some(root),
        }
    }

    /// The caller's own account, which it may neither lock out nor suspend. The command line has none.
    #[must_use]
    pub const fn own_account(&self) -> Option<AccountId> {
        self.root()
    }

    /// The caller's level; none for a merchant, which is above no account.
    #[must_use]
    pub const fn level(&self) -> Option<Level> {
        match self.0 {
            Extent::Everything => Some(Level::Operator),
            Extent::From { role: Role::Platform, .. } => Some(Level::Platform),
            Extent::From { role: Role::Partner, .. } => Some(Level::Partner),
            Extent::From { role: Role::Merchant, .. } => None,
        }
    }

    /// Role of the root account; none if the reach covers all accounts.
    #[must_use]
    pub const fn role(&self) -> Option<Role> {
        match self.0 {
            Extent::Everything => None,
            Extent::From { role, .. } => Some(role),
        }
    }
}
