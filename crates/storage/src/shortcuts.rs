//! Single changes written without a use case, for tests: neither port offers them, so no use case can call them.

use async_trait::async_trait;
use keyward_domain::{Account, AccountId, ApiKey, Change, KeyId, Reach, Revocation, Status};

use crate::{Authority, Result, Store, UnitOfWork, Write};

/// Single changes in a unit of work.
#[async_trait]
pub trait UnitOfWorkShortcuts: UnitOfWork {
    /// Registers an account.
    async fn insert_account(&mut self, within: &Reach, account: &Account) -> Result<Write> {
        self.record(within, &Change::AccountRegistered(Box::new(account.clone()))).await
    }

    /// Changes the status of an account.
    async fn record_status(&mut self, within: &Reach, account: AccountId, from: Status, to: Status) -> Result<Write> {
        self.record(within, &Change::StatusChanged { account, from, to }).await
    }

    /// Adds a key.
    async fn insert_key(&mut self, within: &Reach, key: &ApiKey) -> Result<Write> {
        self.record(within, &Change::KeyIssued(Box::new(key.clone()))).await
    }

    /// Revokes a key.
    async fn record_revocation(&mut self, within: &Reach, key: KeyId, it: &Revocation) -> Result<Write> {
        self.record(within, &Change::KeyRevoked { key, revocation: it.clone() }).await
    }
}

impl<T: UnitOfWork + ?Sized> UnitOfWorkShortcuts for T {}

/// Units of work and changes that act for no key.
#[async_trait]
pub trait StoreShortcuts: Store {
    /// Begins a unit of work with the operator's authority.
    async fn begin(&self) -> Result<Box<dyn UnitOfWork>> {
        self.begin_as(&Authority::operator()).await
    }

    /// Adds one key, in a unit of work of its own or together with others.
    async fn insert_key(&self, by: &Authority, within: &Reach, key: &ApiKey) -> Result<Write> {
        let recorded = self.record(by, within, &Change::KeyIssued(Box::new(key.clone()))).await?;
        Ok(if recorded.is_some() { Write::Applied } else { Write::Stale })
    }
}

impl<T: Store + ?Sized> StoreShortcuts for T {}
