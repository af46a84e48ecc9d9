//! Accounts: reads within a reach, and the statements of a unit of work that add accounts and change their status.

use async_trait::async_trait;
use keyward_domain::{Account, AccountId, Mid, Reach, Role, Status, Timestamp};
use keyward_storage::{
    AccountRecord, AccountWindow, Accounts, Below, Result, Write, pool::Through as _, row::suspended_by,
};
use sqlx::SqliteConnection;
use uuid::Uuid;

use crate::{
    SqliteStore,
    error::refused,
    rows::{AccountInChain, before, root, select_accounts},
    unit::written,
};

#[async_trait]
impl Accounts for SqliteStore {
    async fn account(&self, within: &Reach, mid: &Mid) -> Result<Option<AccountRecord>> {
        let (mid, root) = (mid.as_str(), root(within));
        let row = select_accounts!("WHERE a.mid = ?1 AND (?2 IS NULL OR ?2 IN (a.id, p.id, g.id))", mid, root);
        row.maybe(&self.readers).await.map_err(refused)?.map(AccountInChain::restore).transpose()
    }

    async fn accounts(&self, within: &Reach, window: AccountWindow) -> Result<Vec<Account>> {
        let (root, before) = (root(within), before(window.before.map(AccountId::uuid)));
        let rows = match within.role() {
            // All accounts, or all except itself: by the primary key.
            None | Some(Role::Platform) => {
                select_accounts!(
                    "WHERE a.id < ?1 AND (?2 IS NULL OR a.parent_id = ?2 OR g.id = ?2) ORDER BY a.id DESC LIMIT ?3",
                    before,
                    root,
                    window.rows
                )
                .all(&self.readers)
                .await
            }
            Some(Role::Partner) => {
                select_accounts!(
                    "WHERE a.parent_id = ?1 AND a.id < ?2 ORDER BY a.id DESC LIMIT ?3",
                    root,
                    before,
                    window.rows
                )
                .all(&self.readers)
                .await
            }
            Some(Role::Merchant) => return Ok(Vec::new()),
        };
        rows.map_err(refused)?.into_iter().map(|row| Ok(row.restore()?.account)).collect()
    }

    async fn count_below(&self, within: &Reach, id: AccountId, at: Timestamp) -> Result<Below> {
        let (id, root, at) = (id.uuid(), root(within), at.as_micros());
        let row = sqlx::query!(
            r#"WITH RECURSIVE below (id) AS (
                SELECT a.id FROM account a
                LEFT JOIN account p ON p.id = a.parent_id
                LEFT JOIN account g ON g.id = p.parent_id
                WHERE a.id = ?1 AND (?2 IS NULL OR ?2 IN (a.id, p.id, g.id))
                    AND 'closed' NOT IN (a.status, coalesce(p.status, ''), coalesce(g.status, ''))
                UNION ALL
                SELECT c.id FROM account c JOIN below b ON c.parent_id = b.id WHERE c.status <> 'closed'
            )
            SELECT (SELECT count(*) FROM below) AS "accounts!: i64",
                (SELECT count(*) FROM api_key k JOIN below b ON k.account_id = b.id
                 WHERE k.state = 'active' AND (k.expires_at IS NULL OR k.expires_at > ?3)) AS "keys!: i64""#,
            id,
            root,
            at
        );
        let row = row.one(&self.readers).await.map_err(refused)?;
        Ok(Below { accounts: row.accounts.unsigned_abs(), keys: row.keys.unsigned_abs() })
    }
}

/// Reads one account with its chain in a unit of work. No other unit of work can run, so the account is locked.
pub(crate) async fn lock(
    connection: &mut SqliteConnection,
    within: &Reach,
    id: AccountId,
) -> Result<Option<AccountRecord>> {
    let (id, root) = (id.uuid(), root(within));
    let row = select_accounts!("WHERE a.id = ?1 AND (?2 IS NULL OR ?2 IN (a.id, p.id, g.id))", id, root);
    row.fetch_optional(connection).await.map_err(refused)?.map(AccountInChain::restore).transpose()
}

/// Adds an account below a parent that is active with all ancestors; one without a parent only for the operator.
pub(crate) async fn insert(connection: &mut SqliteConnection, within: &Reach, account: &Account) -> Result<Write> {
    let (id, mid, role, name) = (account.id.uuid(), account.mid.as_str(), account.role.as_str(), account.name.as_str());
    let parent = account.parent.as_ref().map(|parent| parent.id.uuid());
    let (status, created_at, root) = (account.status.as_str(), account.created_at.as_micros(), root(within));
    let done = sqlx::query!(
        "INSERT INTO account (id, mid, role, parent_id, name, status, created_at)
        SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7
        WHERE (?4 IS NULL AND ?8 IS NULL) OR EXISTS (
            SELECT 1 FROM account p LEFT JOIN account g ON g.id = p.parent_id
            WHERE p.id = ?4 AND p.status = 'active' AND coalesce(g.status, 'active') = 'active'
                AND (?8 IS NULL OR ?8 IN (p.id, g.id))
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
    written(done.execute(connection).await)
}

/// Changes the status of an account that has the expected one.
pub(crate) async fn become_status(
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
            SELECT 1 FROM account a LEFT JOIN account p ON p.id = a.parent_id
            WHERE a.id = ?1 AND (?2 IS NULL OR ?2 IN (a.id, a.parent_id, p.parent_id))
        )",
        id,
        root,
        from,
        to,
        suspended_by
    );
    written(done.execute(connection).await)
}
