//! An account and everything above it: what decides, beside the key itself, whether a key is usable.

use super::{Account, Mid, Role, Status};
use crate::AccountId;

/// What a chain knows of one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its name inside the service.
    pub id: AccountId,
    /// Its name for clients.
    pub mid: Mid,
    /// What it is.
    pub role: Role,
    /// Whether it is in business itself.
    pub status: Status,
}

impl From<&Account> for Link {
    fn from(account: &Account) -> Self {
        Self { id: account.id, mid: account.mid.clone(), role: account.role, status: account.status }
    }
}

/// An account, its parent and its grandparent, as far as they exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    own: Link,
    above: Box<[Link]>,
}

/// Accounts that are no line from one account up to the platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the accounts are no line up to the platform")]
pub struct BrokenChain;

/// What becomes of an account by the worst status at or above it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// It and all above it are active.
    Active,
    /// It or one above it is suspended, and none is closed.
    Suspended,
    /// It or one above it is closed.
    Closed,
}

impl Chain {
    /// The line from `own` over `above` (nearest first) to the platform.
    ///
    /// # Errors
    /// [`BrokenChain`] if an account may not stand below the next, or the last one is not the platform.
    pub fn new(own: Link, above: Vec<Link>) -> Result<Self, BrokenChain> {
        let mut below = &own;
        for link in &above {
            if !below.role.may_stand_below(link.role) {
                return Err(BrokenChain);
            }
            below = link;
        }
        if below.role != Role::Platform {
            return Err(BrokenChain);
        }
        Ok(Self { own, above: above.into() })
    }

    /// The account itself.
    #[must_use]
    pub const fn own(&self) -> &Link {
        &self.own
    }

    /// The account and those above it, nearest first.
    pub fn links(&self) -> impl Iterator<Item = &Link> {
        std::iter::once(&self.own).chain(&self.above)
    }

    /// Whether `account` is this one or stands above it.
    #[must_use]
    pub fn contains(&self, account: AccountId) -> bool {
        self.links().any(|link| link.id == account)
    }

    /// The worst status of the line (rule 8): suspending or closing an account is felt by everything below it.
    #[must_use]
    pub fn standing(&self) -> Standing {
        self.links()
            .map(|link| match link.status {
                Status::Active => Standing::Active,
                Status::Suspended => Standing::Suspended,
                Status::Closed => Standing::Closed,
            })
            .max()
            .unwrap_or(Standing::Active)
    }

    /// The partner of a merchant; none for a merchant directly under the platform and for accounts above merchants.
    #[must_use]
    pub fn partner(&self) -> Option<&Mid> {
        self.above.iter().find(|link| link.role == Role::Partner).map(|link| &link.mid)
    }
}
