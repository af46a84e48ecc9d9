//! Management reads of accounts. Each is one statement that examines at most one row more than it may return.

use async_trait::async_trait;
use keyward_domain::{Account, AccountId, Mid, Reach, Role, Timestamp};
use sqlx::Postgres;
use tokio::time::{Duration, timeout};
use uuid::Uuid;

use super::{
    PgInstant, PgStore, batcher::Batched, error::late, keys::newest_before, plans::Plans, root, rows::in_their_places,
};
use crate::{
    AccountRecord, AccountWindow, Accounts, Below, Result,
    pool::{Pool, Through as _},
    row::{AccountRow, LinkRow},
};

/// Converts a row of `account_query` to an account.
macro_rules! restore_account {
    ($row:ident) => {
        $crate::row::AccountRow {
            link: $crate::row::LinkRow {
                id: $row.account_id,
                mid: $row.mid.clone(),
                role: $row.role.clone(),
                status: $row.status.clone(),
            },
            name: $row.name,
            suspended_by: $row.suspended_by,
            parent: $row.parent_id.zip($row.parent_mid.clone()),
            created_at: $row.created_at.into(),
        }
        .restore()
    };
}

/// Converts a row of `account_query` to an account with its chain.
macro_rules! restore_account_record {
    ($row:ident) => {{
        let account = restore_account!($row)?;
        let enforcement = restore_enforcement!($row, "account", account.id)?;
        Ok(AccountRecord { account, chain: restore_chain!($row)?, enforcement })
    }};
}
pub(super) use restore_account;
pub(super) use restore_account_record;

#[async_trait]
impl Accounts for PgStore {
    async fn account(&self, within: &Reach, mid: &Mid) -> Result<Option<AccountRecord>> {
        self.accounts.ask((root(within), mid.clone())).await?
    }

    async fn accounts(&self, within: &Reach, window: AccountWindow) -> Result<Vec<Account>> {
        let Some(newest) = newest_before(window.before.map(AccountId::uuid)) else { return Ok(Vec::new()) };
        let rows = i64::from(window.rows);
        match (within.root(), within.role()) {
            (None, _) | (Some(_), None | Some(Role::Platform)) => self.whole_tree(root(within), newest, rows).await,
            (Some(partner), Some(Role::Partner)) => self.children(partner.uuid(), newest, rows).await,
            (Some(_), Some(Role::Merchant)) => Ok(Vec::new()),
        }
    }

    async fn count_below(&self, within: &Reach, id: AccountId, at: Timestamp) -> Result<Below> {
        let question = || {
            sqlx::query!(
                r#"WITH RECURSIVE below (id) AS (
                    SELECT a.id FROM account a
                    LEFT JOIN account p ON p.id = a.parent_id
                    LEFT JOIN account g ON g.id = p.parent_id
                    WHERE a.id = $1 AND ($2::uuid IS NULL OR $2 IN (a.id, p.id, g.id))
                        AND 'closed' NOT IN (a.status, coalesce(p.status, ''), coalesce(g.status, ''))
                    UNION ALL
                    SELECT c.id FROM account c JOIN below b ON c.parent_id = b.id WHERE c.status <> 'closed'
                )
                SELECT (SELECT count(*) FROM below) AS "accounts!",
                    (SELECT count(*) FROM api_key k JOIN below b ON k.account_id = b.id
                     WHERE k.state = 'active' AND (k.expires_at IS NULL OR k.expires_at > $3)) AS "keys!""#,
                id.uuid(),
                root(within),
                PgInstant::from(at) as PgInstant
            )
            .one(&self.pool)
        };
        let row = self.plans.ask(question).await?;
        Ok(Below { accounts: row.accounts.unsigned_abs(), keys: row.keys.unsigned_abs() })
    }
}

/// Look-ups of accounts by mid, each within its caller's reach.
pub(super) struct AccountLookUps {
    pub(super) pool: Pool<Postgres>,
    pub(super) plans: Plans,
    pub(super) in_time: Duration,
}

#[async_trait]
impl Batched for AccountLookUps {
    /// The root of the reach, and the mid.
    type Request = (Option<Uuid>, Mid);
    type Answer = Result<Option<AccountRecord>>;

    async fn answer(&self, asked: &[Self::Request]) -> Result<Vec<Self::Answer>> {
        let (roots, mids): (Vec<_>, Vec<_>) = asked.iter().map(|(root, mid)| (*root, mid.as_str())).unzip();
        let rows = || {
            account_query!(
                r#", n.place AS "place!"
            FROM UNNEST($1::text[], $2::uuid[]) WITH ORDINALITY AS n (mid, root, place)
            JOIN account a ON a.mid = n.mid
            LEFT JOIN account p ON p.id = a.parent_id
            LEFT JOIN account g ON g.id = p.parent_id
            WHERE n.root IS NULL OR n.root IN (a.id, p.id, g.id)"#,
                &mids as &[&str],
                &roots as &[Option<Uuid>]
            )
            .all(&self.pool)
        };
        let rows = timeout(self.in_time, self.plans.ask(rows)).await.map_err(late)??;
        let restored = rows.into_iter().map(|row| {
            let place = row.place;
            let restore = || -> Result<AccountRecord> { restore_account_record!(row) };
            (place, restore().map(Some))
        });
        in_their_places(asked.len(), restored)
    }
}

/// An account in a window.
struct Listed {
    id: Uuid,
    mid: String,
    role: String,
    status: String,
    suspended_by: Option<String>,
    name: String,
    created_at: super::PgInstant,
    parent_id: Option<Uuid>,
    parent_mid: Option<String>,
}

impl Listed {
    fn restore(self) -> Result<Account> {
        let link = LinkRow { id: self.id, mid: self.mid, role: self.role, status: self.status };
        let parent = self.parent_id.zip(self.parent_mid);
        let (name, suspended_by) = (self.name, self.suspended_by);
        AccountRow { link, name, suspended_by, parent, created_at: self.created_at.into() }.restore()
    }
}

impl PgStore {
    /// Scans the primary key. The platform is above all other accounts, so all but itself are below it.
    async fn whole_tree(&self, but: Option<Uuid>, newest: Uuid, rows: i64) -> Result<Vec<Account>> {
        let question = || {
            sqlx::query_as!(
                Listed,
                r#"SELECT a.id, a.mid, a.role, a.status, a.suspended_by, a.name, a.created_at, a.parent_id,
                      (SELECT p.mid FROM account p WHERE p.id = a.parent_id) AS "parent_mid?"
               FROM account a
               WHERE a.id <= $1 AND ($2::uuid IS NULL OR a.id <> $2)
               ORDER BY a.id DESC LIMIT $3"#,
                newest,
                but,
                rows
            )
            .all(&self.pool)
        };
        self.plans.ask(question).await?.into_iter().map(Listed::restore).collect()
    }

    /// Scans `account_children`; its bounds and order allow no other index. No account is below a merchant.
    async fn children(&self, parent: Uuid, newest: Uuid, rows: i64) -> Result<Vec<Account>> {
        let question = || {
            sqlx::query_as!(
                Listed,
                r#"SELECT a.id, a.mid, a.role, a.status, a.suspended_by, a.name, a.created_at, a.parent_id,
                      (SELECT p.mid FROM account p WHERE p.id = a.parent_id) AS "parent_mid?"
               FROM account a
               WHERE (a.parent_id, a.id) <= ($1, $2::uuid) AND a.parent_id >= $1
               ORDER BY a.parent_id DESC, a.id DESC LIMIT $3"#,
                parent,
                newest,
                rows
            )
            .all(&self.pool)
        };
        self.plans.ask(question).await?.into_iter().map(Listed::restore).collect()
    }
}
