//! Management reads of keys. Each is one statement that examines no more rows than it may return.

use async_trait::async_trait;
use keyward_domain::{AccountId, KeyId, Reach};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::{
    rows::{newest_before, root},
    store::PgStore,
};
use crate::{
    KeyRecord, KeyWindow, Keys, ListedKey, Result, StoredState, key_record_row, listed_key_row, pool::Through as _,
    row::stored_token,
};

#[async_trait]
impl Keys for PgStore {
    async fn key(&self, within: &Reach, id: KeyId) -> Result<Option<KeyRecord>> {
        let query = async || key(&mut *self.pool.acquire().await?, within, id).await;
        self.plans.ask(query).await?.transpose()
    }

    async fn keys(&self, within: &Reach, account: AccountId, window: KeyWindow) -> Result<Vec<ListedKey>> {
        let Some(newest) = newest_before(window.before.map(KeyId::uuid)) else { return Ok(Vec::new()) };
        let arguments = (account.uuid(), root(within), newest, i64::from(window.rows));
        match window.stored {
            StoredState::Active => self.keys_in_state("active", arguments).await,
            StoredState::Revoked => self.keys_in_state("revoked", arguments).await,
            StoredState::Any => self.all_keys(arguments).await,
        }
    }
}

/// Reads a key within the reach, through the pool or in a transaction.
pub(super) async fn key(
    executor: impl PgExecutor<'_>,
    within: &Reach,
    id: KeyId,
) -> Result<Option<Result<KeyRecord>>, sqlx::Error> {
    let row = key_query!(
        r#", k.change_seq AS "change_seq?", k.enforced_at AS "enforced_at?", u.last_used AS "last_used?",
           (SELECT t.token FROM history_token t) AS "token!",
           v.mid AS "mid!", v.role AS "role!", v.status AS "status!",
           v.parent_id AS "parent_id?", v.parent_mid AS "parent_mid?", v.parent_role AS "parent_role?",
           v.parent_status AS "parent_status?", v.grandparent_id AS "grandparent_id?",
           v.grandparent_mid AS "grandparent_mid?", v.grandparent_role AS "grandparent_role?",
           v.grandparent_status AS "grandparent_status?", v.policy AS "policy?",
           v.parent_policy AS "parent_policy?", v.grandparent_policy AS "grandparent_policy?"
        FROM api_key k
        JOIN visible_account v ON v.id = k.account_id
        LEFT JOIN key_usage u ON u.key_id = k.id
        WHERE k.id = $1 AND v.root_id = coalesce($2, v.id)"#,
        id.uuid(),
        root(within)
    )
    .fetch_optional(executor)
    .await?;
    Ok(row.map(|row| {
        let token = stored_token(&row.token)?;
        key_record_row!(row).restore(token)
    }))
}

/// The account, the root of the reach, the newest key that may be returned, and the maximum number of rows.
type WindowArguments = (Uuid, Option<Uuid>, Uuid, i64);

/// The condition on the reach depends on no key, so it is checked once, and if it fails, no key is read. The bounds and
/// the order name the columns of one index, so that no statistics can lead to another index, in which the account's
/// keys are far apart. The last use is looked up per row, so that no plan reads the whole usage table.
impl PgStore {
    /// Scans `api_key_window`.
    async fn all_keys(&self, (account, root, newest, rows): WindowArguments) -> Result<Vec<ListedKey>> {
        let query = || {
            key_query!(
                r#", (SELECT u.last_used FROM key_usage u WHERE u.key_id = k.id) AS "last_used?"
            FROM api_key k
            WHERE EXISTS (SELECT 1 FROM visible_account v WHERE v.id = $1 AND v.root_id = coalesce($2, v.id))
            AND (k.account_id, k.id) <= ($1, $3::uuid) AND k.account_id >= $1
            ORDER BY k.account_id DESC, k.id DESC LIMIT $4"#,
                account,
                root,
                newest,
                rows
            )
            .all(&self.pool)
        };
        self.plans.ask(query).await?.into_iter().map(|row| listed_key_row!(row).restore()).collect()
    }

    /// Scans `api_key_account_state_window`. The state is bounded, not compared for equality, so that the requested
    /// order begins with it, which only this index has. The account is compared for equality: Postgres can end a scan
    /// early by the column after an equality, but not by the second column of a bound on two.
    async fn keys_in_state(
        &self,
        state: &'static str,
        (account, root, newest, rows): WindowArguments,
    ) -> Result<Vec<ListedKey>> {
        let query = || {
            key_query!(
                r#", (SELECT u.last_used FROM key_usage u WHERE u.key_id = k.id) AS "last_used?"
            FROM api_key k
            WHERE EXISTS (SELECT 1 FROM visible_account v WHERE v.id = $1 AND v.root_id = coalesce($2, v.id))
            AND k.account_id = $1 AND (k.state, k.id) <= ($5, $3::uuid) AND k.state >= $5
            ORDER BY k.state DESC, k.id DESC LIMIT $4"#,
                account,
                root,
                newest,
                rows,
                state
            )
            .all(&self.pool)
        };
        self.plans.ask(query).await?.into_iter().map(|row| listed_key_row!(row).restore()).collect()
    }
}
