//! A unit of work: one transaction on the connection that writes.
//!
//! It holds the write lock from the beginning (`BEGIN IMMEDIATE`), so no two run at the same time, and none has to be
//! retried. After the database rejects a statement, it does nothing more: SQLite may have rolled back by itself, and
//! later statements would commit alone. The schema numbers changes that affect a verdict in the same transaction; the
//! commit returns the last number.

use async_trait::async_trait;
use keyward_domain::{AccountId, ApiKey, Change, KeyId, Name, Reach, Timestamp};
use keyward_storage::{AccountRecord, Committed, KeyRecord, Position, Result, StorageError, UnitOfWork, Write};
use sqlx::{Sqlite, SqliteConnection, Transaction, sqlite::SqliteQueryResult};

use crate::{
    accounts, callers,
    error::{commit_refused, refused, unavailable},
    feed,
    files::DatabaseLock,
    keys,
    watch::Watch,
};

mod questions;

#[cfg(test)]
mod tests;

/// A transaction, and the lock of the database: no other server may take the database while this one may still commit.
pub(crate) struct SqliteUnit {
    transaction: Transaction<'static, Sqlite>,
    refused: bool,
    /// Whether it wrote a change that affects a verdict.
    decisive: bool,
    lock: DatabaseLock,
    /// When the authority ends by itself, and the clock for checking this.
    ends_at: Option<Timestamp>,
    watch: Watch,
}

impl SqliteUnit {
    pub(crate) fn new(
        transaction: Transaction<'static, Sqlite>,
        lock: DatabaseLock,
        ends_at: Option<Timestamp>,
        watch: Watch,
    ) -> Self {
        Self { transaction, refused: false, decisive: false, lock, ends_at, watch }
    }

    /// The connection, unless the database has rejected a statement.
    fn connection(&mut self) -> Result<&mut SqliteConnection> {
        if self.refused {
            return Err(unavailable("an earlier statement of this unit of work was rejected"));
        }
        Ok(&mut self.transaction)
    }

    fn note<T>(&mut self, answer: Result<T>) -> Result<T> {
        // A corrupt row does not invalidate the transaction.
        self.refused |= matches!(&answer, Err(error) if !matches!(error, StorageError::Corrupt { .. }));
        answer
    }
}

/// Whether the precondition of a guarded statement held.
pub(crate) fn written(answer: sqlx::Result<SqliteQueryResult>) -> Result<Write> {
    match answer.map_err(refused)?.rows_affected() {
        0 => Ok(Write::Stale),
        _ => Ok(Write::Applied),
    }
}

/// Like [`written`], for a statement that is its own transaction.
pub(crate) fn committed(answer: sqlx::Result<SqliteQueryResult>) -> Result<Write> {
    match answer.map_err(commit_refused)?.rows_affected() {
        0 => Ok(Write::Stale),
        _ => Ok(Write::Applied),
    }
}

#[async_trait]
impl UnitOfWork for SqliteUnit {
    async fn lock_account(&mut self, within: &Reach, id: AccountId) -> Result<Option<AccountRecord>> {
        let answer = accounts::lock(self.connection()?, within, id).await;
        self.note(answer)
    }

    async fn current_key(&mut self, within: &Reach, id: KeyId) -> Result<Option<KeyRecord>> {
        let answer = keys::key(self.connection()?, within, id).await;
        self.note(answer)
    }

    async fn longest_lived_manager_key(
        &mut self,
        within: &Reach,
        account: AccountId,
        except: &[KeyId],
    ) -> Result<Option<ApiKey>> {
        let answer = questions::longest_lived_manager_key(self.connection()?, within, account, except).await;
        self.note(answer)
    }

    async fn pair_keys_named(&mut self, within: &Reach, account: AccountId, name: &Name) -> Result<Vec<ApiKey>> {
        let answer = questions::pair_keys_named(self.connection()?, within, account, name).await;
        self.note(answer)
    }

    async fn taken_unique_names(
        &mut self,
        within: &Reach,
        account: AccountId,
        among: &[String],
    ) -> Result<Vec<String>> {
        let answer = questions::taken_unique_names(self.connection()?, within, account, among).await;
        self.note(answer)
    }

    async fn record(&mut self, within: &Reach, change: &Change) -> Result<Write> {
        let connection = self.connection()?;
        let answer = match change {
            Change::AccountRegistered(account) => accounts::insert(connection, within, account).await,
            Change::StatusChanged { account, from, to } => {
                accounts::become_status(connection, within, *account, *from, *to).await
            }
            Change::KeyIssued(key) => keys::insert(connection, within, key).await,
            Change::KeyRevoked { key, revocation } => keys::revoke(connection, within, *key, revocation).await,
        };
        let decides = match change {
            // The schema numbers what became something else.
            Change::StatusChanged { from, to, .. } => from != to,
            Change::KeyRevoked { .. } => true,
            Change::AccountRegistered(_) | Change::KeyIssued(_) => false,
        };
        self.decisive |= matches!(answer, Ok(Write::Applied)) && decides;
        self.note(answer)
    }

    async fn commit(mut self: Box<Self>) -> Result<Committed> {
        let (decisive, ends_at, watch) = (self.decisive, self.ends_at, self.watch.clone());
        let connection = self.connection()?;
        // No other writer before the commit: the last event is this unit's own.
        let event = if decisive { Some(Position::unnamed(feed::head(&mut *connection).await?)) } else { None };
        callers::confirm_in_time(connection, ends_at, &watch).await?;
        self.transaction.commit().await.map_err(commit_refused)?;
        self.lock.is_kept()?;
        Ok(Committed { event })
    }
}
