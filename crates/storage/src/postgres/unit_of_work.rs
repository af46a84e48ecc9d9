//! One transaction. Records decisions if their preconditions still hold, and decides nothing.

use async_trait::async_trait;
use keyward_domain::{
    Account, AccountId, ApiKey, Change, ChangeEffect, Description, KeyId, Level, Name, Now, Policy, Reach, Revocation,
    Status, Timestamp,
};
use sqlx::{Executor as _, Postgres, Row as _, Transaction, postgres::PgQueryResult};
use tokio::time::{Duration, timeout};
use uuid::Uuid;

use super::{
    callers::Callers,
    error::{commit_failed, commit_late, failed},
    insertion::{Insertion, insert_one},
    instant::PgInstant,
    keys,
    plans::Plans,
    rows::{applied, root},
    store::PgStore,
    transactions::commit,
};
use crate::{
    AccountRecord, Authority, Committed, KeyRecord, Nonce, Position, Result, StorageError, Store, UnitOfWork, Write,
    account_record_row, key_row,
    row::{
        actor_column, metadata_column, policy_column, state_column, stored_seq, stored_token, suspended_by,
        version_column,
    },
    work::record_in_a_unit,
};

#[async_trait]
impl Store for PgStore {
    async fn begin_as(&self, by: &Authority) -> Result<Box<dyn UnitOfWork>> {
        let transaction = self.transaction().await?;
        let callers = Callers::of(by);
        let (in_time, plans) = (self.commit_timeout, self.plans.clone());
        Ok(Box::new(PgUnitOfWork::new(transaction, callers, in_time, plans)))
    }

    async fn record(&self, by: &Authority, within: &Reach, change: &Change) -> Result<Option<Committed>> {
        match change {
            // Decides no verdict, so there is no event.
            Change::KeyIssued(key) => match self.insertions.ask(Insertion::new(by, within, key)).await? {
                Write::Applied => Ok(Some(Committed { event: None })),
                Write::Stale => Ok(None),
            },
            Change::AccountRegistered(_)
            | Change::StatusChanged { .. }
            | Change::PolicySet { .. }
            | Change::KeyChanged { .. }
            | Change::KeyRevoked { .. } => record_in_a_unit(self, by, within, change).await,
        }
    }
}

struct PgUnitOfWork {
    transaction: Transaction<'static, Postgres>,
    plans: Plans,
    commit_timeout: Duration,
    /// Whether a statement failed. Then Postgres has aborted the transaction, and would answer `COMMIT` by rolling
    /// back, which sqlx takes for success.
    has_failed: bool,
    /// The authority, and the writes that affect a verdict.
    callers: Callers,
}

impl PgUnitOfWork {
    const fn new(
        transaction: Transaction<'static, Postgres>,
        callers: Callers,
        commit_timeout: Duration,
        plans: Plans,
    ) -> Self {
        Self { transaction, plans, commit_timeout, has_failed: false, callers }
    }

    /// Records a failure.
    fn checked<T>(&mut self, result: Result<T, sqlx::Error>) -> Result<T> {
        self.plans.note(result).map_err(|error| {
            self.has_failed = true;
            failed(error)
        })
    }

    fn written(&mut self, result: Result<PgQueryResult, sqlx::Error>) -> Result<Write> {
        Ok(applied(&self.checked(result)?))
    }

    /// Numbers the changes, commits, and returns the last number. This is one message, so that the row that numbers all
    /// events is never locked while the server waits for this node: a node that stalls or is cut off in between would
    /// block all others. If the server reports an error (no lock in time, no numbering trigger), nothing was written.
    async fn commit_events(mut self) -> Result<Position> {
        let committed = timeout(self.commit_timeout, self.transaction.fetch_one(self.callers.last_message())).await;
        let row = committed.map_err(commit_late)?.map_err(commit_failed)?;
        let seq = stored_seq(row.try_get(0).map_err(commit_failed)?)?;
        Ok(Position { seq, nonce: Nonce::from_uuid(row.try_get(1).map_err(commit_failed)?) })
    }
}

#[async_trait]
impl UnitOfWork for PgUnitOfWork {
    async fn lock_account(&mut self, within: &Reach, id: AccountId) -> Result<Option<AccountRecord>> {
        // A statement of its own: the next one then sees what the last holder of the lock has committed.
        let locked = sqlx::query_scalar!(
            r#"SELECT a.id AS "id!" FROM account a JOIN visible_account v ON v.id = a.id
            WHERE a.id = $1 AND v.root_id = coalesce($2, v.id) FOR NO KEY UPDATE OF a"#,
            id.uuid(),
            root(within)
        )
        .fetch_optional(&mut *self.transaction)
        .await;
        if self.checked(locked)?.is_none() {
            return Ok(None);
        }
        let row = account_query!(
            " FROM account a JOIN visible_account v ON v.id = a.id
            WHERE a.id = $1 AND v.root_id = coalesce($2, v.id)",
            id.uuid(),
            root(within)
        )
        .fetch_optional(&mut *self.transaction)
        .await;
        let Some(row) = self.checked(row)? else { return Ok(None) };
        let token = stored_token(&row.token)?;
        account_record_row!(row).restore(token).map(Some)
    }

    async fn lock_key(&mut self, within: &Reach, id: KeyId) -> Result<Option<KeyRecord>> {
        // As for an account.
        let locked = sqlx::query_scalar!(
            r#"SELECT k.id AS "id!" FROM api_key k JOIN visible_account v ON v.id = k.account_id
            WHERE k.id = $1 AND v.root_id = coalesce($2, v.id) FOR NO KEY UPDATE OF k"#,
            id.uuid(),
            root(within)
        )
        .fetch_optional(&mut *self.transaction)
        .await;
        match self.checked(locked)? {
            Some(_) => self.current_key(within, id).await,
            None => Ok(None),
        }
    }

    async fn current_key(&mut self, within: &Reach, id: KeyId) -> Result<Option<KeyRecord>> {
        let found = keys::key(&mut *self.transaction, within, id).await;
        self.checked(found)?.transpose()
    }

    async fn longest_lived_manager_key(
        &mut self,
        within: &Reach,
        account: AccountId,
        except: &[KeyId],
        now: Now,
        usable_after: Option<Timestamp>,
    ) -> Result<Option<ApiKey>> {
        // Bounds and order as in `api_key_writers`, so that no statistics lead to another index.
        let except: Vec<Uuid> = except.iter().map(|id| id.uuid()).collect();
        let row = unrestricted_query!(
            key_query,
            [" FROM api_key k
            WHERE EXISTS (SELECT 1 FROM visible_account v WHERE v.id = $1 AND v.root_id = coalesce($2, v.id))
            AND k.account_id >= $1 AND k.account_id <= $1 AND k.writes_keys AND k.state = 'active'
            AND k.suspended_at IS NULL AND k.id <> ALL ($3)"]["
            ORDER BY k.account_id, k.expires_at DESC NULLS FIRST LIMIT 1"],
            now,
            usable_after,
            account.uuid(),
            root(within),
            &except
        )
        .fetch_optional(&mut *self.transaction)
        .await;
        self.checked(row)?.map(|row| key_row!(row).restore()).transpose()
    }

    async fn count_keys(
        &mut self,
        within: &Reach,
        account: AccountId,
        now: Now,
        alive_after: Option<Timestamp>,
        at_most: u32,
    ) -> Result<u32> {
        let count = sqlx::query_scalar!(
            r#"SELECT count(*) AS "count!" FROM (
                SELECT FROM api_key k
                WHERE EXISTS (SELECT 1 FROM visible_account v WHERE v.id = $1 AND v.root_id = coalesce($2, v.id))
                AND k.account_id = $1 AND k.state = 'active' AND (k.expires_at IS NULL OR k.expires_at > $3)
                AND ($4::timestamptz IS NULL OR k.created_at > $4)
                LIMIT $5
            ) AS counted"#,
            account.uuid(),
            root(within),
            PgInstant::from(now.latest()) as PgInstant,
            alive_after.map(PgInstant::from) as Option<PgInstant>,
            i64::from(at_most)
        )
        .fetch_one(&mut *self.transaction)
        .await;
        Ok(u32::try_from(self.checked(count)?).unwrap_or(u32::MAX))
    }

    async fn pair_keys_named(&mut self, within: &Reach, account: AccountId, name: &Name) -> Result<Vec<ApiKey>> {
        let rows = key_query!(
            " FROM api_key k
            WHERE EXISTS (SELECT 1 FROM visible_account v WHERE v.id = $1 AND v.root_id = coalesce($2, v.id))
            AND k.account_id = $1 AND coalesce(k.pair_name, k.name) = $3 AND k.pair_id IS NOT NULL
            AND k.state = 'active'
            ORDER BY k.id",
            account.uuid(),
            root(within),
            name.as_str()
        )
        .fetch_all(&mut *self.transaction)
        .await;
        self.checked(rows)?.into_iter().map(|row| key_row!(row).restore()).collect()
    }

    async fn taken_unique_names(
        &mut self,
        within: &Reach,
        account: AccountId,
        among: &[String],
    ) -> Result<Vec<String>> {
        let names = sqlx::query_scalar!(
            r#"SELECT DISTINCT k.unique_name AS "unique_name!"
            FROM api_key k
            WHERE EXISTS (SELECT 1 FROM visible_account v WHERE v.id = $1 AND v.root_id = coalesce($2, v.id))
            AND k.account_id = $1 AND k.unique_name = ANY ($3) AND k.unique_name IS NOT NULL AND k.state = 'active'"#,
            account.uuid(),
            root(within),
            among
        )
        .fetch_all(&mut *self.transaction)
        .await;
        self.checked(names)
    }

    async fn record(&mut self, within: &Reach, change: &Change) -> Result<Write> {
        match change {
            Change::AccountRegistered(account) => self.register_account(within, account).await,
            Change::StatusChanged { account, from, to } => self.change_status(within, *account, *from, *to).await,
            Change::PolicySet { account, version, policy } => self.set_policy(within, *account, *version, policy).await,
            Change::KeyIssued(key) => self.issue_key(within, key).await,
            Change::KeyChanged { before, after, effect } => self.change_key(within, before, after, *effect).await,
            Change::KeyRevoked { key, revocation } => self.revoke_key(within, *key, revocation).await,
        }
    }

    async fn commit(self: Box<Self>) -> Result<Committed> {
        if self.has_failed {
            return Err(StorageError::Unexpected(
                "a statement of this unit of work failed: nothing of it stays".into(),
            ));
        }
        if self.callers.have_changes() {
            return Ok(Committed { event: Some(self.commit_events().await?) });
        }
        commit(self.transaction, &self.callers, self.commit_timeout).await?;
        Ok(Committed { event: None })
    }
}

/// The statements of single changes.
impl PgUnitOfWork {
    async fn register_account(&mut self, within: &Reach, account: &Account) -> Result<Write> {
        let result = sqlx::query!(
            "INSERT INTO account (id, mid, role, parent_id, name, status, created_at)
            SELECT $1::uuid, $2, $3, $4::uuid, $5, $6, $7::timestamptz
            WHERE ($4 IS NULL AND $8::uuid IS NULL) OR EXISTS (
                SELECT 1 FROM visible_account v WHERE v.id = $4 AND v.root_id = coalesce($8, v.id)
                AND v.status = 'active' AND coalesce(v.parent_status, 'active') = 'active'
            )",
            account.id.uuid(),
            account.mid.as_str(),
            account.role.as_str(),
            account.parent.as_ref().map(|parent| parent.id.uuid()),
            account.name.as_str(),
            account.status.as_str(),
            PgInstant::from(account.created_at),
            root(within)
        )
        .execute(&mut *self.transaction)
        .await;
        self.written(result)
    }

    async fn change_status(&mut self, within: &Reach, id: AccountId, from: Status, to: Status) -> Result<Write> {
        let result = sqlx::query!(
            "UPDATE account a SET status = $4, suspended_by = $5
            WHERE a.id = $1 AND a.status = $3
            AND EXISTS (SELECT 1 FROM visible_account v WHERE v.id = $1 AND v.root_id = coalesce($2, v.id))",
            id.uuid(),
            root(within),
            from.as_str(),
            to.as_str(),
            suspended_by(within, to)
        )
        .execute(&mut *self.transaction)
        .await;
        let written = self.written(result)?;
        // An unchanged status affects no verdict, and no trigger fires.
        if written == Write::Applied && from != to {
            self.callers.change(id.uuid());
        }
        Ok(written)
    }

    async fn set_policy(&mut self, within: &Reach, id: AccountId, version: u64, policy: &Policy) -> Result<Write> {
        let result = sqlx::query!(
            "UPDATE account a SET policy = $4, policy_version = a.policy_version + 1
            WHERE a.id = $1 AND a.policy_version = $3
            AND EXISTS (SELECT 1 FROM visible_account v WHERE v.id = $1 AND v.root_id = coalesce($2, v.id))",
            id.uuid(),
            root(within),
            version_column(version),
            policy_column(policy)
        )
        .execute(&mut *self.transaction)
        .await;
        let written = self.written(result)?;
        if written == Write::Applied {
            self.callers.change(id.uuid());
        }
        Ok(written)
    }

    async fn issue_key(&mut self, within: &Reach, key: &ApiKey) -> Result<Write> {
        let written = insert_one(&mut *self.transaction, Insertion::new(&Authority::operator(), within, key)).await;
        self.checked(written)
    }

    /// Replaces all that a change may replace. A key of a pair keeps the name by which an overwrite finds it.
    async fn change_key(
        &mut self,
        within: &Reach,
        before: &ApiKey,
        after: &ApiKey,
        effect: ChangeEffect,
    ) -> Result<Write> {
        let facts = after.facts();
        let suspension = facts.suspension.as_ref();
        let result = update_with_restrictions!(
            ["UPDATE api_key k SET version = $4, name = $5, description = $6, metadata = $7, scopes = $8,
                writes_keys = $9, suspended_at = $10, suspended_by = $11, suspended_level = $12, resumed_at = $13,
                pair_name = CASE WHEN k.pair_id IS NOT NULL THEN coalesce(k.pair_name, k.name) END, "]["
            FROM visible_account v
            WHERE k.id = $1 AND k.version = $3 AND k.state = $14
            AND v.id = k.account_id AND v.root_id = coalesce($2, v.id)"],
            facts.restrictions,
            after.id().uuid(),
            root(within),
            version_column(before.facts().version),
            version_column(facts.version),
            facts.name.as_str(),
            facts.description.as_ref().map(Description::as_str),
            metadata_column(&facts.metadata),
            facts.scopes.as_str(),
            after.is_manager_key(),
            suspension.map(|it| PgInstant::from(it.at)) as Option<PgInstant>,
            suspension.and_then(|it| actor_column(it.by)),
            suspension.and_then(|it| it.level).map(Level::as_str),
            facts.resumed_at.map(PgInstant::from) as Option<PgInstant>,
            state_column(&facts.state)
        )
        .execute(&mut *self.transaction)
        .await;
        let written = self.written(result)?;
        // No trigger fires for what no verification shows.
        if written == Write::Applied && effect >= ChangeEffect::Shown {
            self.callers.change(after.id().uuid());
        }
        Ok(written)
    }

    async fn revoke_key(&mut self, within: &Reach, id: KeyId, it: &Revocation) -> Result<Write> {
        let result = sqlx::query!(
            "UPDATE api_key k SET state = 'revoked', version = k.version + 1, revoked_at = $3, revoked_by = $4,
                revocation_reason = $5
            FROM visible_account v
            WHERE k.id = $1 AND k.state = 'active' AND v.id = k.account_id AND v.root_id = coalesce($2, v.id)",
            id.uuid(),
            root(within),
            PgInstant::from(it.at),
            actor_column(it.by),
            it.reason.as_str()
        )
        .execute(&mut *self.transaction)
        .await;
        let written = self.written(result)?;
        if written == Write::Applied {
            self.callers.change(id.uuid());
        }
        Ok(written)
    }
}
