//! Management reads of keys. Each is one statement that examines no more rows than it may return.

use async_trait::async_trait;
use keyward_domain::{AccountId, KeyId, Reach};
use keyward_storage::{
    HistoryToken, KeyRecord, KeyWindow, Keys, ListedKey, Result, StoredState, key_record_row, pool::Through as _,
};
use sqlx::SqliteExecutor;
use uuid::Uuid;

use crate::{
    error::refused,
    rows::{before, key_query, page_query, restore_page, root},
    store::SqliteStore,
};

/// A page of an account's keys, newest first.
macro_rules! account_page {
    ($index:literal, $and:literal, $($argument:expr),*) => {
        page_query!(
            ["FROM api_key k INDEXED BY " $index " LEFT JOIN key_usage u ON u.key_id = k.id
            WHERE k.account_id = ?1 AND k.id < ?2" $and " AND EXISTS (
                SELECT 1 FROM visible_account v WHERE v.id = ?1 AND v.root_id = coalesce(?3, v.id)
            )
            ORDER BY k.id DESC LIMIT ?4"],
            $($argument),*
        )
    };
}

#[async_trait]
impl Keys for SqliteStore {
    async fn key(&self, within: &Reach, id: KeyId) -> Result<Option<KeyRecord>> {
        key(&mut *self.readers.acquire().await.map_err(refused)?, within, id).await
    }

    async fn keys(&self, within: &Reach, account: AccountId, window: KeyWindow) -> Result<Vec<ListedKey>> {
        let (account, root, before) = (account.uuid(), root(within), before(window.before.map(KeyId::uuid)));
        // The three differ in the index that they scan, so that no row is examined in vain.
        let page = match window.stored {
            StoredState::Active => {
                account_page!("api_key_active_window", " AND k.state = 'active'", account, before, root, window.rows)
                    .one(&self.readers)
                    .await
            }
            StoredState::Revoked => {
                account_page!("api_key_revoked_window", " AND k.state = 'revoked'", account, before, root, window.rows)
                    .one(&self.readers)
                    .await
            }
            StoredState::Any => {
                account_page!("api_key_window", "", account, before, root, window.rows).one(&self.readers).await
            }
        };
        restore_page(&page.map_err(refused)?)
    }
}

/// Reads one key with its chain, on a reading connection or in a unit of work.
pub(crate) async fn key(executor: impl SqliteExecutor<'_>, within: &Reach, id: KeyId) -> Result<Option<KeyRecord>> {
    let (id, root) = (id.uuid(), root(within));
    let row = key_query!(
        r#", u.last_used AS "last_used?: i64", k.change_seq AS "change_seq?: i64",
            k.enforced_at AS "enforced_at?: i64", v.mid AS "mid!", v.role AS "role!", v.status AS "status!",
            v.parent_id AS "parent_id?: Uuid", v.parent_mid AS "parent_mid?", v.parent_role AS "parent_role?",
            v.parent_status AS "parent_status?", v.grandparent_id AS "grandparent_id?: Uuid",
            v.grandparent_mid AS "grandparent_mid?", v.grandparent_role AS "grandparent_role?",
            v.grandparent_status AS "grandparent_status?", v.policy AS "policy?", v.parent_policy AS "parent_policy?",
            v.grandparent_policy AS "grandparent_policy?"
        FROM api_key k JOIN visible_account v ON v.id = k.account_id LEFT JOIN key_usage u ON u.key_id = k.id
        WHERE k.id = ?1 AND v.root_id = coalesce(?2, v.id)"#,
        id,
        root
    );
    let Some(row) = row.fetch_optional(executor).await.map_err(refused)? else { return Ok(None) };
    key_record_row!(row).restore(HistoryToken::EMBEDDED).map(Some)
}
