//! A unit of work: one transaction on the connection that writes.
//!
//! It holds the write lock from the beginning (`BEGIN IMMEDIATE`), so no two run at the same time, and none has to be
//! retried. After the database rejects a statement, it does nothing more: SQLite may have rolled back by itself, and
//! later statements would commit alone. The schema numbers changes that affect a verdict in the same transaction; the
//! commit returns the last number.

use async_trait::async_trait;
use keyward_domain::{
    Account, AccountId, ApiKey, Change, ChangeEffect, Description, KeyFacts, KeyId, Level, Name, Now, Policy, Reach,
    Revocation, Status, Timestamp,
};
use keyward_storage::{
    AccountRecord, Authority, Committed, HistoryToken, KeyRecord, Position, Result, StorageError, Store, UnitOfWork,
    Write, account_record_row,
    row::{RestrictionsRow, actor_column, metadata_column, policy_column, state_column, suspended_by, version_column},
};
use sqlx::{Sqlite, SqliteConnection, Transaction};
use uuid::Uuid;

use crate::{
    callers,
    clock::DatabaseClock,
    error::{ReadOnly, commit_refused, refused, unavailable},
    feed,
    files::DatabaseLock,
    insertion::insert,
    keys,
    restrictions::update_with_restrictions,
    rows::{account_query, applied, root},
    store::SqliteStore,
};

mod questions;
#[cfg(test)]
mod tests;

#[async_trait]
impl Store for SqliteStore {
    async fn begin_as(&self, by: &Authority) -> Result<Box<dyn UnitOfWork>> {
        let Some((_, lock)) = &self.writer else { return Err(ReadOnly.into()) };
        let mut transaction = self.write().await?;
        callers::confirm(&mut transaction, by).await?;
        Ok(Box::new(SqliteUnitOfWork::new(transaction, lock.clone(), by.ends_at(), self.clock.clone())))
    }
}

/// A transaction, and the lock of the database: no other server may take the database while this one may still commit.
struct SqliteUnitOfWork {
    transaction: Transaction<'static, Sqlite>,
    has_failed: bool,
    /// Whether it wrote a change that affects a verdict.
    has_event: bool,
    lock: DatabaseLock,
    /// When the authority ends by itself, and the clock for checking this.
    ends_at: Option<Timestamp>,
    clock: DatabaseClock,
}

impl SqliteUnitOfWork {
    fn new(
        transaction: Transaction<'static, Sqlite>,
        lock: DatabaseLock,
        ends_at: Option<Timestamp>,
        clock: DatabaseClock,
    ) -> Self {
        Self { transaction, has_failed: false, has_event: false, lock, ends_at, clock }
    }

    /// The connection, unless the database has rejected a statement.
    fn connection(&mut self) -> Result<&mut SqliteConnection> {
        if self.has_failed {
            return Err(unavailable("an earlier statement of this unit of work was rejected"));
        }
        Ok(&mut self.transaction)
    }

    fn checked<T>(&mut self, answer: Result<T>) -> Result<T> {
        // A corrupt row does not invalidate the transaction.
        self.has_failed |= matches!(&answer, Err(error) if !matches!(error, StorageError::Corrupt { .. }));
        answer
    }
}

#[async_trait]
impl UnitOfWork for SqliteUnitOfWork {
    async fn lock_account(&mut self, within: &Reach, id: AccountId) -> Result<Option<AccountRecord>> {
        let answer = lock_account(self.connection()?, within, id).await;
        self.checked(answer)
    }

    /// No other unit of work can run, so the key is locked.
    async fn lock_key(&mut self, within: &Reach, id: KeyId) -> Result<Option<KeyRecord>> {
        self.current_key(within, id).await
    }

    async fn current_key(&mut self, within: &Reach, id: KeyId) -> Result<Option<KeyRecord>> {
        let answer = keys::key(self.connection()?, within, id).await;
        self.checked(answer)
    }

    async fn longest_lived_manager_key(
        &mut self,
        within: &Reach,
        account: AccountId,
        except: &[KeyId],
        now: Now,
        usable_after: Option<Timestamp>,
    ) -> Result<Option<ApiKey>> {
        let answer =
            questions::longest_lived_manager_key(self.connection()?, within, account, except, (now, usable_after))
                .await;
        self.checked(answer)
    }

    async fn count_keys(
        &mut self,
        within: &Reach,
        account: AccountId,
        now: Now,
        alive_after: Option<Timestamp>,
        at_most: u32,
    ) -> Result<u32> {
        let answer = questions::count_keys(self.connection()?, within, account, (now, alive_after), at_most).await;
        self.checked(answer)
    }

    async fn pair_keys_named(&mut self, within: &Reach, account: AccountId, name: &Name) -> Result<Vec<ApiKey>> {
        let answer = questions::pair_keys_named(self.connection()?, within, account, name).await;
        self.checked(answer)
    }

    async fn taken_unique_names(
        &mut self,
        within: &Reach,
        account: AccountId,
        among: &[String],
    ) -> Result<Vec<String>> {
        let answer = questions::taken_unique_names(self.connection()?, within, account, among).await;
        self.checked(answer)
    }

    async fn record(&mut self, within: &Reach, change: &Change) -> Result<Write> {
        let connection = self.connection()?;
        let answer = match change {
            Change::AccountRegistered(account) => register_account(connection, within, account).await,
            Change::StatusChanged { account, from, to } => {
                change_status(connection, within, *account, *from, *to).await
            }
            Change::PolicySet { account, version, policy } => {
                set_policy(connection, within, *account, *version, policy).await
            }
            Change::KeyIssued(key) => insert(connection, within, key).await,
            Change::KeyChanged { before, after, .. } => change_key(connection, within, before, after).await,
            Change::KeyRevoked { key, revocation } => revoke_key(connection, within, *key, revocation).await,
        };
        let is_event = match change {
            // The schema numbers what became something else.
            Change::StatusChanged { from, to, .. } => from != to,
            Change::KeyChanged { effect, .. } => *effect >= ChangeEffect::Shown,
            Change::KeyRevoked { .. } | Change::PolicySet { .. } => true,
            Change::AccountRegistered(_) | Change::KeyIssued(_) => false,
        };
        self.has_event |= matches!(answer, Ok(Write::Applied)) && is_event;
        self.checked(answer)
    }

    async fn commit(mut self: Box<Self>) -> Result<Committed> {
        let (has_event, ends_at, clock) = (self.has_event, self.ends_at, self.clock.clone());
        let connection = self.connection()?;
        // No other writer before the commit: the last event is this unit's own.
        let event = if has_event { Some(Position::unnamed(feed::head(&mut *connection).await?)) } else { None };
        callers::confirm_in_time(connection, ends_at, &clock).await?;
        self.transaction.commit().await.map_err(commit_refused)?;
        self.lock.is_kept()?;
        Ok(Committed { event })
    }
}

/// Reads one account with its chain in a unit of work. No other unit of work can run, so the account is locked.
async fn lock_account(
    connection: &mut SqliteConnection,
    within: &Reach,
    id: AccountId,
) -> Result<Option<AccountRecord>> {
    let (id, root) = (id.uuid(), root(within));
    let row = account_query!("WHERE a.id = ?1 AND v.root_id = coalesce(?2, v.id)", id, root);
    let Some(row) = row.fetch_optional(connection).await.map_err(refused)? else { return Ok(None) };
    account_record_row!(row).restore(HistoryToken::EMBEDDED).map(Some)
}

/// Adds an account below a parent that is active with all ancestors; one without a parent only for the operator.
async fn register_account(connection: &mut SqliteConnection, within: &Reach, account: &Account) -> Result<Write> {
    let (id, mid, role, name) = (account.id.uuid(), account.mid.as_str(), account.role.as_str(), account.name.as_str());
    let parent = account.parent.as_ref().map(|parent| parent.id.uuid());
    let (status, created_at, root) = (account.status.as_str(), account.created_at.as_micros(), root(within));
    let done = sqlx::query!(
        "INSERT INTO account (id, mid, role, parent_id, name, status, created_at)
        SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7
        WHERE (?4 IS NULL AND ?8 IS NULL) OR EXISTS (
            SELECT 1 FROM visible_account v WHERE v.id = ?4 AND v.root_id = coalesce(?8, v.id)
                AND v.status = 'active' AND coalesce(v.parent_status, 'active') = 'active'
        )",
        id,
        mid,
        role,
        parent,
        name,
        status,
        created_at,
        root
    );
    applied(done.execute(connection).await)
}

/// Changes the status of an account that has the expected one.
async fn change_status(
    connection: &mut SqliteConnection,
    within: &Reach,
    id: AccountId,
    from: Status,
    to: Status,
) -> Result<Write> {
    let suspended_by = suspended_by(within, to);
    let (id, root, from, to) = (id.uuid(), root(within), from.as_str(), to.as_str());
    let done = sqlx::query!(
        "UPDATE account SET status = ?4, suspended_by = ?5
        WHERE id = ?1 AND status = ?3 AND EXISTS (
            SELECT 1 FROM visible_account v WHERE v.id = ?1 AND v.root_id = coalesce(?2, v.id)
        )",
        id,
        root,
        from,
        to,
        suspended_by
    );
    applied(done.execute(connection).await)
}

/// Replaces the policy of an account, if it has the expected version.
async fn set_policy(
    connection: &mut SqliteConnection,
    within: &Reach,
    id: AccountId,
    version: u64,
    policy: &Policy,
) -> Result<Write> {
    let (id, root, version, policy) = (id.uuid(), root(within), version_column(version), policy_column(policy));
    let done = sqlx::query!(
        "UPDATE account SET policy = ?4, policy_version = policy_version + 1
        WHERE id = ?1 AND policy_version = ?3 AND EXISTS (
            SELECT 1 FROM visible_account v WHERE v.id = ?1 AND v.root_id = coalesce(?2, v.id)
        )",
        id,
        root,
        version,
        policy
    );
    applied(done.execute(connection).await)
}

/// Replaces all that a change may replace. A key of a pair keeps the name by which an overwrite finds it.
async fn change_key(
    connection: &mut SqliteConnection,
    within: &Reach,
    before: &ApiKey,
    after: &ApiKey,
) -> Result<Write> {
    let KeyFacts { id, name, description, scopes, restrictions, suspension, resumed_at, state, .. } = after.facts();
    let (id, root, name, scopes) = (id.uuid(), root(within), name.as_str(), scopes.as_str());
    let (from, to) = (version_column(before.facts().version), version_column(after.facts().version));
    let (description, metadata) =
        (description.as_ref().map(Description::as_str), metadata_column(&after.facts().metadata));
    let (writes, state, restrictions) =
        (after.is_manager_key(), state_column(state), RestrictionsRow::from(restrictions));
    let suspended_at = suspension.map(|it| it.at.as_micros());
    let suspended_by = suspension.and_then(|it| actor_column(it.by));
    let suspended_level = suspension.and_then(|it| it.level).map(Level::as_str);
    let resumed_at = resumed_at.map(Timestamp::as_micros);
    let done = update_with_restrictions!(
        ["UPDATE api_key SET version = ?4, name = ?5, description = ?6, metadata = ?7, scopes = ?8, writes_keys = ?9,
            suspended_at = ?10, suspended_by = ?11, suspended_level = ?12, resumed_at = ?13,
            pair_name = iif(pair_id IS NULL, NULL, coalesce(pair_name, name)), "]["
        WHERE id = ?1 AND version = ?3 AND state = ?14 AND EXISTS (
            SELECT 1 FROM visible_account v WHERE v.id = api_key.account_id AND v.root_id = coalesce(?2, v.id)
        )"],
        restrictions,
        id,
        root,
        from,
        to,
        name,
        description,
        metadata,
        scopes,
        writes,
        suspended_at,
        suspended_by,
        suspended_level,
        resumed_at,
        state
    );
    applied(done.execute(connection).await)
}

/// Records the revocation of a key that has none.
async fn revoke_key(connection: &mut SqliteConnection, within: &Reach, id: KeyId, it: &Revocation) -> Result<Write> {
    let (id, root) = (id.uuid(), root(within));
    let (at, by, reason) = (it.at.as_micros(), actor_column(it.by), it.reason.as_str());
    let done = sqlx::query!(
        "UPDATE api_key SET state = 'revoked', version = version + 1, revoked_at = ?3, revoked_by = ?4,
            revocation_reason = ?5
        WHERE id = ?1 AND state = 'active' AND EXISTS (
            SELECT 1 FROM visible_account v WHERE v.id = api_key.account_id AND v.root_id = coalesce(?2, v.id)
        )",
        id,
        root,
        at,
        by,
        reason
    );
    applied(done.execute(connection).await)
}
