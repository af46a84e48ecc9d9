//! How far a caller reaches: the value that every management query demands.

use super::{Chain, Link, Role, text_enum};
use crate::AccountId;

/// The part of the account tree that exists for a caller: its own account and everything below it.
///
/// What lies outside is as absent as what was never made. A reach is made from the caller's own, authenticated account,
/// never from anything in a request; [`Reach::operator`] is for the command line alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach(Extent);

/// How high somebody stands above an account. Ordered from below.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// The partner of a merchant.
    Partner,
    /// The platform.
    Platform,
    /// The command line.
    Operator,
}

text_enum!(Level, "partner, platform, operator", Partner = "partner", Platform = "platform", Operator = "operator");

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

    /// The reach of the command line: everything. Only the server's own commands make one.
    #[must_use]
    pub const fn operator() -> Self {
        Self(Extent::Everything)
    }

    /// Whether the account at the foot of this chain lies within the reach.
    #[must_use]
    pub fn covers(&self, chain: &Chain) -> bool {
        match self.0 {
            Extent::Everything => true,
            Extent::From { root, .. } => chain.contains(root),
        }
    }

    /// The account that the reach starts from, for a query's precondition; none if it reaches everything.
    #[must_use]
    pub const fn root(&self) -> Option<AccountId> {
        match self.0 {
            Extent::Everything => None,
            Extent::From { root, .. } => Some(root),
        }
    }

    /// The caller's own account: the one that it may neither lock out nor suspend. The command line has none.
    #[must_use]
    pub const fn own_account(&self) -> Option<AccountId> {
        self.root()
    }

    /// How high its holder stands; a merchant stands above nothing.
    #[must_use]
    pub const fn level(&self) -> Option<Level> {
        match self.0 {
            Extent::Everything => Some(Level::Operator),
            Extent::From { role: Role::Platform, .. } => Some(Level::Platform),
            Extent::From { role: Role::Partner, .. } => Some(Level::Partner),
            Extent::From { role: Role::Merchant, .. } => None,
        }
    }

    /// What the account at the root of the reach is; none if it reaches everything.
    #[must_use]
    pub const fn role(&self) -> Option<Role> {
        match self.0 {
            Extent::Everything => None,
            Extent::From { role, .. } => Some(role),
        }
    }
}
