//! An account and everything above it: what decides, beside the key itself, whether a key is usable.

use std::sync::Arc;

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

/// How many accounts may stand above one: a merchant's partner and the platform.
const MOST_ABOVE: usize = 2;

/// An account, its parent and its grandparent, as far as they exist. Cloning one copies no text: the links are shared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    own: Arc<Link>,
    /// Nearest first.
    above: [Option<Arc<Link>>; MOST_ABOVE],
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
    pub fn new(own: impl Into<Arc<Link>>, above: Vec<Link>) -> Result<Self, BrokenChain> {
        let mut above = above.into_iter().map(Arc::new);
        let nearest = [above.next(), above.next()];
        if above.next().is_some() { Err(BrokenChain) } else { Self::shared(own.into(), nearest) }
    }

    /// The same, of links that others hold too.
    ///
    /// # Errors
    /// As [`Chain::new`].
    pub fn shared(own: Arc<Link>, above: [Option<Arc<Link>>; MOST_ABOVE]) -> Result<Self, BrokenChain> {
        let mut below = &*own;
        for place in &above {
            match place {
                Some(link) if below.role.may_stand_below(link.role) => below = link,
                Some(_) => return Err(BrokenChain),
                None => {}
            }
        }
        let gap = above[0].is_none() && above[1].is_some();
        if gap || below.role != Role::Platform {
            return Err(BrokenChain);
        }
        Ok(Self { own, above })
    }

    /// The account itself.
    #[must_use]
    pub fn own(&self) -> &Link {
        &self.own
    }

    /// The account itself, to be kept.
    #[must_use]
    pub fn shared_own(&self) -> Arc<Link> {
        Arc::clone(&self.own)
    }

    /// The account and those above it, nearest first.
    pub fn links(&self) -> impl Iterator<Item = &Link> {
        self.shared_links().map(|link| &**link)
    }

    /// The account and those above it, nearest first, to be kept.
    pub fn shared_links(&self) -> impl Iterator<Item = &Arc<Link>> {
        std::iter::once(&self.own).chain(self.above.iter().flatten())
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

    /// The account right below the platform that the account stands below, or is; the platform itself for the platform.
    #[must_use]
    pub fn line(&self) -> AccountId {
        match &self.above {
            [Some(above), Some(_)] => above.id,
            _ => self.own.id,
        }
    }

    /// The partner of a merchant; none for a merchant directly under the platform and for accounts above merchants.
    #[must_use]
    pub fn partner(&self) -> Option<&Mid> {
        self.above.iter().flatten().find(|link| link.role == Role::Partner).map(|link| &link.mid)
    }
}
