//! How changes are written: a unit of work, which records what was decided and becomes lasting as a whole.

use async_trait::async_trait;
#[cfg(feature = "testing")]
use keyward_domain::{Account, Revocation, Status};
use keyward_domain::{AccountId, ApiKey, Change, KeyId, Name, Reach};

use crate::{AccountRecord, Authority, Committed, Credentials, Installation, KeyRecord, Reads, Result, Tokens, Upkeep};
#[cfg(doc)]
use crate::{Constraint, StorageError};

/// Whether a guarded write found what it was decided on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Write {
    /// Written.
    Applied,
    /// The precondition did not hold (any more): nothing was written.
    Stale,
}

/// One transaction, by somebody's right. Dropping it rolls back. It locks an account before any of its keys, so that no
/// two of them deadlock.
#[async_trait]
pub trait UnitOfWork: Send {
    /// The account, locked against every other unit of work until the end of this one.
    async fn lock_account(&mut self, within: &Reach, id: AccountId) -> Result<Option<AccountRecord>>;

    /// The key as it is now, in this transaction.
    async fn current_key(&mut self, within: &Reach, id: KeyId) -> Result<Option<KeyRecord>>;

    /// Of the unrevoked secret keys of the account that may write keys, beside `except`, the one that expires last (one
    /// that never expires before all): if that one is not usable, none is. Examines a bounded number of rows beyond
    /// `except`.
    async fn longest_lived_manager_key(
        &mut self,
        within: &Reach,
        account: AccountId,
        except: &[KeyId],
    ) -> Result<Option<ApiKey>>;

    /// The unrevoked keys of the account's pairs that bear this name.
    async fn pair_keys_named(&mut self, within: &Reach, account: AccountId, name: &Name) -> Result<Vec<ApiKey>>;

    /// Which of these unique names active pairs of the account bear.
    async fn taken_unique_names(&mut self, within: &Reach, account: AccountId, among: &[String])
    -> Result<Vec<String>>;

    /// Writes a change down. `Stale` if its precondition does not hold, or the caller does not reach what it is about:
    /// nothing was written then. An account without a parent is the operator's alone to register; where a change
    /// suspends an account, how high the caller of this reach stands is recorded with it.
    ///
    /// A taken mid is [`Constraint::AccountMid`], a second platform [`Constraint::OnePlatform`], a unique name that an
    /// active pair bears [`Constraint::PairUniqueName`].
    async fn record(&mut self, within: &Reach, change: &Change) -> Result<Write>;

    /// Makes it all lasting. When this returns `Ok`, it survives the loss of power. Tells the number of the event that
    /// every node must have applied before the change may be called done (R16).
    ///
    /// [`StorageError::CallerChanged`] if the right by which it was begun is not what it was judged as: nothing was
    /// written, and the caller has to be judged anew (R19). No commit by the right of a key becomes visible after an
    /// event that ended that right.
    async fn commit(self: Box<Self>) -> Result<Committed>;

    /// Registers an account, for tests.
    #[cfg(feature = "testing")]
    async fn insert_account(&mut self, within: &Reach, account: &Account) -> Result<Write> {
        self.record(within, &Change::AccountRegistered(Box::new(account.clone()))).await
    }

    /// Changes the status of an account, for tests.
    #[cfg(feature = "testing")]
    async fn record_status(&mut self, within: &Reach, account: AccountId, from: Status, to: Status) -> Result<Write> {
        self.record(within, &Change::StatusChanged { account, from, to }).await
    }

    /// Adds a key, for tests.
    #[cfg(feature = "testing")]
    async fn insert_key(&mut self, within: &Reach, key: &ApiKey) -> Result<Write> {
        self.record(within, &Change::KeyIssued(Box::new(key.clone()))).await
    }

    /// Revokes a key, for tests.
    #[cfg(feature = "testing")]
    async fn record_revocation(&mut self, within: &Reach, key: KeyId, it: &Revocation) -> Result<Write> {
        self.record(within, &Change::KeyRevoked { key, revocation: it.clone() }).await
    }
}

/// Everything that a node remembers, and the way to change it.
#[async_trait]
pub trait Store: Reads + Credentials + Tokens + Upkeep + Installation {
    /// Begins a unit of work, which is committed only while this right stands (R19).
    async fn begin_as(&self, by: &Authority) -> Result<Box<dyn UnitOfWork>>;

    /// Begins a unit of work of the operator's: for tests, which act for no key.
    #[cfg(feature = "testing")]
    async fn begin(&self) -> Result<Box<dyn UnitOfWork>> {
        self.begin_as(&Authority::operator()).await
    }

    /// Records one change and makes it lasting, in a unit of work of its own; `None` if it is `Stale`. Where many keys
    /// are issued at the same time, an adapter may write several of them at once.
    async fn record(&self, by: &Authority, within: &Reach, change: &Change) -> Result<Option<Committed>> {
        let mut work = self.begin_as(by).await?;
        match work.record(within, change).await? {
            Write::Applied => Ok(Some(work.commit().await?)),
            Write::Stale => Ok(None),
        }
    }

    /// Adds one key, for tests.
    #[cfg(feature = "testing")]
    async fn insert_key(&self, by: &Authority, within: &Reach, key: &ApiKey) -> Result<Write> {
        let recorded = self.record(by, within, &Change::KeyIssued(Box::new(key.clone()))).await?;
        Ok(if recorded.is_some() { Write::Applied } else { Write::Stale })
    }
}
