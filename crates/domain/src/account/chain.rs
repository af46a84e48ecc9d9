//! An account and its ancestors, which decide together with the key whether the key is usable.

use std::sync::Arc;

use super::{
    mid::Mid,
    role::{Role, Status},
};
use crate::{AccountId, Policy};

/// The data of one account in a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Internal identifier.
    pub id: AccountId,
    /// Identifier for clients.
    pub mid: Mid,
    /// Place in the tree.
    pub role: Role,
    /// Its own status.
    pub status: Status,
    /// Its own policy; most accounts have none.
    pub policy: Option<Box<Policy>>,
}

/// Maximum number of ancestors: a merchant's partner and the platform.
const MOST_ABOVE: usize = 2;

/// An account with its parent and its grandparent, if they exist. A clone copies no text: the links are shared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    own: Arc<Link>,
    /// Nearest first.
    above: [Option<Arc<Link>>; MOST_ABOVE],
}

/// Accounts that do not form a path from one account to the platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the accounts do not form a path to the platform")]
pub struct BrokenChain;

/// The worst status of an account and its ancestors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// The account and all ancestors are active.
    Active,
    /// The account or an ancestor is suspended, and none is closed.
    Suspended,
    /// The account or an ancestor is closed.
    Closed,
}

impl Chain {
    /// The path from `own` through `above` (nearest first) to the platform.
    ///
    /// # Errors
    /// [`BrokenChain`] if an account may not be a child of the next, or the last one is not the platform.
    pub fn new(own: impl Into<Arc<Link>>, above: Vec<Link>) -> Result<Self, BrokenChain> {
        let mut above = above.into_iter().map(Arc::new);
        let nearest = [above.next(), above.next()];
        if above.next().is_some() { Err(BrokenChain) } else { Self::shared(own.into(), nearest) }
    }

    /// Like [`Chain::new`], for links that other chains share.
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

    /// The account itself, as a shared link.
    #[must_use]
    pub fn shared_own(&self) -> Arc<Link> {
        Arc::clone(&self.own)
    }

    /// The account and its ancestors, nearest first.
    pub fn links(&self) -> impl Iterator<Item = &Link> {
        self.shared_links().map(|link| &**link)
    }

    /// The account and its ancestors, nearest first, as shared links.
    pub fn shared_links(&self) -> impl Iterator<Item = &Arc<Link>> {
        std::iter::once(&self.own).chain(self.above.iter().flatten())
    }

    /// Whether `account` is this account or one of its ancestors.
    #[must_use]
    pub fn contains(&self, account: AccountId) -> bool {
        self.links().any(|link| link.id == account)
    }

    /// The worst status in the chain (rule 8): suspending or closing an account affects all its descendants.
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

    /// The effective policy: the strictest value of each member, from the account up to the platform (contract, section
    /// 16).
    #[must_use]
    pub fn policy(&self) -> Policy {
        Policy::strictest(self.links().filter_map(|link| link.policy.as_deref()))
    }

    /// Whether an account of the chain has a policy of its own. Most have none, and verification then skips the rest.
    #[must_use]
    pub fn has_policy(&self) -> bool {
        self.links().any(|link| link.policy.is_some())
    }

    /// The same chain, with this policy for one of its accounts.
    #[must_use]
    pub fn with_policy(&self, account: AccountId, policy: &Policy) -> Self {
        let replaced = |link: &Arc<Link>| {
            let policy = (*policy != Policy::NONE).then(|| Box::new(*policy));
            if link.id == account { Arc::new(Link { policy, ..Link::clone(link) }) } else { Arc::clone(link) }
        };
        Self { own: replaced(&self.own), above: self.above.each_ref().map(|above| above.as_ref().map(replaced)) }
    }

    /// The child of the platform on this path; the platform itself for the platform.
    #[must_use]
    pub fn line(&self) -> AccountId {
        match &self.above {
            [Some(above), Some(_)] => above.id,
            _ => self.own.id,
        }
    }

    /// The partner of a merchant; none for a merchant directly below the platform, a partner or the platform.
    #[must_use]
    pub fn partner(&self) -> Option<&Mid> {
        self.above.iter().flatten().find(|link| link.role == Role::Partner).map(|link| &link.mid)
    }
}
