//! Management reads of accounts. Each is one statement that examines at most one row more than it may return.

use async_trait::async_trait;
use keyward_domain::{Account, AccountId, Mid, Reach, Role, Timestamp};
use tokio::time::timeout;
use uuid::Uuid;

use super::{
    batcher::Batched,
    error::late,
    instant::PgInstant,
    rows::{in_request_order, newest_before, root},
    store::{AccountLookUps, PgStore},
};
use crate::{
    AccountRecord, AccountWindow, Accounts, Below, Result, account_record_row, account_row, pool::Through as _,
    row::stored_token,
};

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
        let query = || {
            sqlx::query!(
                r#"WITH RECURSIVE below (id) AS (
                    SELECT v.id FROM visible_account v WHERE v.id = $1 AND v.root_id = coalesce($2, v.id)
                        AND 'closed' NOT IN (
                            v.status, coalesce(v.parent_status, ''), coalesce(v.grandparent_status, '')
                        )
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
        let row = self.plans.ask(query).await?;
        Ok(Below { accounts: row.accounts.unsigned_abs(), keys: row.keys.unsigned_abs() })
    }
}

#[async_trait]
impl Batched for AccountLookUps {
    /// The root of the reach, and the mid.
    type Request = (Option<Uuid>, Mid);
    type Answer = Result<Option<AccountRecord>>;

    async fn answer(&self, requests: &[Self::Request]) -> Result<Vec<Self::Answer>> {
        let (roots, mids): (Vec<_>, Vec<_>) = requests.iter().map(|(root, mid)| (*root, mid.as_str())).unzip();
        let rows = || {
            account_query!(
                r#", n.place AS "place!"
            FROM UNNEST($1::text[], $2::uuid[]) WITH ORDINALITY AS n (mid, root, place)
            JOIN account a ON a.mid = n.mid
            JOIN visible_account v ON v.id = a.id AND v.root_id = coalesce(n.root, v.id)"#,
                &mids as &[&str],
                &roots as &[Option<Uuid>]
            )
            .all(&self.pool)
        };
        let rows = timeout(self.in_time, self.plans.ask(rows)).await.map_err(late)??;
        let restored = rows.into_iter().map(|row| {
            let place = row.place;
            let token = stored_token(&row.token);
            (place, token.and_then(|token| account_record_row!(row).restore(token)).map(Some))
        });
        in_request_order(requests.len(), restored)
    }
}

/// A window over accounts.
macro_rules! listed_accounts {
    ($rest:literal, $($argument:expr),*) => {
        sqlx::query!(
            r#"SELECT a.id AS "account_id!", a.mid AS "mid!", a.role AS "role!", a.status AS "status!",
               a.suspended_by AS "suspended_by?", a.name AS "name!", a.created_at AS "created_at!",
               a.parent_id AS "parent_id?", (SELECT p.mid FROM account p WHERE p.id = a.parent_id) AS "parent_mid?"
            FROM account a "# + $rest,
            $($argument),*
        )
    };
}

impl PgStore {
    /// Scans the primary key. The platform is above all other accounts, so all but itself are below it.
    async fn whole_tree(&self, but: Option<Uuid>, newest: Uuid, rows: i64) -> Result<Vec<Account>> {
        let query = || {
            listed_accounts!(
                "WHERE a.id <= $1 AND ($2::uuid IS NULL OR a.id <> $2)
            ORDER BY a.id DESC LIMIT $3",
                newest,
                but,
                rows
            )
            .all(&self.pool)
        };
        self.plans.ask(query).await?.into_iter().map(|row| account_row!(row).restore()).collect()
    }

    /// Scans `account_children`; its bounds and order allow no other index. No account is below a merchant.
    async fn children(&self, parent: Uuid, newest: Uuid, rows: i64) -> Result<Vec<Account>> {
        let query = || {
            listed_accounts!(
                "WHERE (a.parent_id, a.id) <= ($1, $2::uuid) AND a.parent_id >= $1
            ORDER BY a.parent_id DESC, a.id DESC LIMIT $3",
                parent,
                newest,
                rows
            )
            .all(&self.pool)
        };
        self.plans.ask(query).await?.into_iter().map(|row| account_row!(row).restore()).collect()
    }
}
