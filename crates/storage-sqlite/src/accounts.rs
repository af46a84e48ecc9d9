//! Management reads of accounts. Each is one statement that examines at most one row more than it may return.

use async_trait::async_trait;
use keyward_domain::{Account, AccountId, Mid, Reach, Role, Timestamp};
use keyward_storage::{
    AccountRecord, AccountWindow, Accounts, Below, HistoryToken, Result, account_record_row, account_row,
    pool::Through as _,
};
use uuid::Uuid;

use crate::{
    error::refused,
    rows::{account_query, before, root},
    store::SqliteStore,
};

#[async_trait]
impl Accounts for SqliteStore {
    async fn account(&self, within: &Reach, mid: &Mid) -> Result<Option<AccountRecord>> {
        let (mid, root) = (mid.as_str(), root(within));
        let row = account_query!("WHERE a.mid = ?1 AND v.root_id = coalesce(?2, v.id)", mid, root);
        let Some(row) = row.maybe(&self.readers).await.map_err(refused)? else { return Ok(None) };
        account_record_row!(row).restore(HistoryToken::EMBEDDED).map(Some)
    }

    async fn accounts(&self, within: &Reach, window: AccountWindow) -> Result<Vec<Account>> {
        let before = before(window.before.map(AccountId::uuid));
        match (within.root(), within.role()) {
            (None, _) | (Some(_), None | Some(Role::Platform)) => {
                self.whole_tree(root(within), before, window.rows).await
            }
            (Some(partner), Some(Role::Partner)) => self.children(partner.uuid(), before, window.rows).await,
            (Some(_), Some(Role::Merchant)) => Ok(Vec::new()),
        }
    }

    async fn count_below(&self, within: &Reach, id: AccountId, at: Timestamp) -> Result<Below> {
        let (id, root, at) = (id.uuid(), root(within), at.as_micros());
        let row = sqlx::query!(
            r#"WITH RECURSIVE below (id) AS (
                SELECT v.id FROM visible_account v WHERE v.id = ?1 AND v.root_id = coalesce(?2, v.id)
                    AND 'closed' NOT IN (v.status, coalesce(v.parent_status, ''), coalesce(v.grandparent_status, ''))
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

/// A window over accounts.
macro_rules! listed_accounts {
    ($rest:literal, $($argument:expr),*) => {
        sqlx::query!(
            r#"SELECT a.id AS "account_id!: Uuid", a.mid AS "mid!", a.role AS "role!", a.status AS "status!",
                a.suspended_by AS "suspended_by?", a.name AS "name!", a.created_at AS "created_at!: i64",
                a.parent_id AS "parent_id?: Uuid",
                (SELECT p.mid FROM account p WHERE p.id = a.parent_id) AS "parent_mid?: String"
            FROM account a "# + $rest,
            $($argument),*
        )
    };
}

impl SqliteStore {
    /// Scans the primary key. The platform is above all other accounts, so all but itself are below it.
    async fn whole_tree(&self, but: Option<Uuid>, before: Vec<u8>, rows: u16) -> Result<Vec<Account>> {
        let rows = listed_accounts!(
            "WHERE a.id < ?1 AND (?2 IS NULL OR a.id <> ?2) ORDER BY a.id DESC LIMIT ?3",
            before,
            but,
            rows
        );
        let rows = rows.all(&self.readers).await.map_err(refused)?;
        rows.into_iter().map(|row| account_row!(row).restore()).collect()
    }

    /// Scans `account_children`. No account is below a merchant.
    async fn children(&self, parent: Uuid, before: Vec<u8>, rows: u16) -> Result<Vec<Account>> {
        let rows =
            listed_accounts!("WHERE a.parent_id = ?1 AND a.id < ?2 ORDER BY a.id DESC LIMIT ?3", parent, before, rows);
        let rows = rows.all(&self.readers).await.map_err(refused)?;
        rows.into_iter().map(|row| account_row!(row).restore()).collect()
    }
}
