//! Windows over the keys of many accounts. Each follows one index.

use async_trait::async_trait;
use keyward_domain::{AccountId, Chain, KeyId, Reach, Timestamp};
use keyward_storage::{
    AreaKeys, AreaWindow, EndsWindow, HistoryToken, KeyArea, ListedKey, Result, Search, StoredState,
    account_record_row, merged, pool::Through as _, row::actor_column,
};
use uuid::Uuid;

use crate::{
    error::refused,
    rows::{account_query, before, page_query, restore_page, root},
    store::SqliteStore,
};

#[async_trait]
impl Search for SqliteStore {
    async fn keys_of_area(&self, within: &Reach, window: AreaWindow) -> Result<Vec<ListedKey>> {
        let (root, before) = (root(within), before(window.before.map(KeyId::uuid)));
        let KeyArea::Line(line) = window.area else { return self.keys_of_all(root, before, window.rows).await };
        let line = line.uuid();
        match window.keys {
            AreaKeys::CreatedBy(actor) => {
                // An empty id stands for the operator.
                let creator = actor_column(actor).map_or_else(Vec::new, |id| id.as_bytes().to_vec());
                self.keys_created_by(line, root, before, window.rows, creator).await
            }
            AreaKeys::Stored(StoredState::Active) => self.keys_of_line("active", line, root, before, window.rows).await,
            AreaKeys::Stored(StoredState::Revoked) => {
                self.keys_of_line("revoked", line, root, before, window.rows).await
            }
            AreaKeys::Stored(StoredState::Any) => {
                let mut keys = self.keys_of_line("active", line, root, before.clone(), window.rows).await?;
                keys.extend(self.keys_of_line("revoked", line, root, before, window.rows).await?);
                Ok(merged(keys, window.rows))
            }
        }
    }

    async fn keys_that_end(&self, within: &Reach, window: EndsWindow) -> Result<Option<Vec<ListedKey>>> {
        let EndsWindow { line, after, until, before: older, rows, at_most } = window;
        let (line, root, before) = (line.uuid(), root(within), before(older.map(KeyId::uuid)));
        // No key ends at the epoch or earlier.
        let (after, until) = (after.unwrap_or(Timestamp::UNIX_EPOCH).as_micros(), until.as_micros());
        if !self.ends_few_keys(line, after, until, at_most).await? {
            return Ok(None);
        }
        let page = page_query!(
            ["FROM api_key k LEFT JOIN key_usage u ON u.key_id = k.id
            WHERE k.id IN (
                SELECT e.id FROM api_key e INDEXED BY api_key_line_ends
                WHERE e.line_id = ?1 AND e.state = 'active' AND e.expires_at > ?5 AND e.expires_at < ?6 LIMIT ?7
            ) AND k.id < ?2 AND EXISTS (
                SELECT 1 FROM visible_account v WHERE v.id = ?1 AND v.root_id = coalesce(?3, v.id)
            )
            ORDER BY k.id DESC LIMIT ?4"],
            line,
            before,
            root,
            rows,
            after,
            until,
            at_most
        );
        restore_page(&page.one(&self.readers).await.map_err(refused)?).map(Some)
    }

    async fn any_policy_suspends(&self, within: &Reach) -> Result<bool> {
        let root = root(within);
        let any = sqlx::query_scalar!(
            r#"SELECT EXISTS (
                SELECT 1 FROM account a INDEXED BY account_policies
                WHERE a.policy IS NOT NULL AND instr(a.policy, '"idle_action":"suspend"') > 0
                AND (?1 IS NULL OR EXISTS (SELECT 1 FROM account r WHERE r.id = ?1 AND r.parent_id IS NULL))
            ) AS "any!: bool""#,
            root
        );
        any.one(&self.readers).await.map_err(refused)
    }

    async fn chains(&self, within: &Reach, accounts: &[AccountId]) -> Result<Vec<Chain>> {
        let ids: Vec<_> = accounts.iter().map(|id| id.uuid().simple().to_string()).collect();
        let (ids, root) = (serde_json::Value::from(ids).to_string(), root(within));
        let rows = account_query!(
            "WHERE a.id IN (SELECT unhex(n.value) FROM json_each(?1) n) AND v.root_id = coalesce(?2, v.id)",
            ids,
            root
        );
        let rows = rows.all(&self.readers).await.map_err(refused)?.into_iter();
        rows.map(|row| Ok(account_record_row!(row).restore(HistoryToken::EMBEDDED)?.chain)).collect()
    }
}

impl SqliteStore {
    async fn keys_of_line(
        &self,
        state: &'static str,
        line: Uuid,
        root: Option<Uuid>,
        before: Vec<u8>,
        rows: u16,
    ) -> Result<Vec<ListedKey>> {
        let page = page_query!(
            ["FROM api_key k INDEXED BY api_key_line_window LEFT JOIN key_usage u ON u.key_id = k.id
            WHERE k.line_id = ?1 AND k.state = ?5 AND k.id < ?2 AND EXISTS (
                SELECT 1 FROM visible_account v WHERE v.id = ?1 AND v.root_id = coalesce(?3, v.id)
            )
            ORDER BY k.id DESC LIMIT ?4"],
            line,
            before,
            root,
            rows,
            state
        );
        restore_page(&page.one(&self.readers).await.map_err(refused)?)
    }

    async fn keys_created_by(
        &self,
        line: Uuid,
        root: Option<Uuid>,
        before: Vec<u8>,
        rows: u16,
        creator: Vec<u8>,
    ) -> Result<Vec<ListedKey>> {
        let page = page_query!(
            ["FROM api_key k INDEXED BY api_key_line_creators LEFT JOIN key_usage u ON u.key_id = k.id
            WHERE k.line_id = ?1 AND coalesce(k.created_by, x'') = ?5 AND k.id < ?2 AND EXISTS (
                SELECT 1 FROM visible_account v WHERE v.id = ?1 AND v.root_id = coalesce(?3, v.id)
            )
            ORDER BY k.id DESC LIMIT ?4"],
            line,
            before,
            root,
            rows,
            creator
        );
        restore_page(&page.one(&self.readers).await.map_err(refused)?)
    }

    /// Scans the primary key, for the operator and the platform.
    async fn keys_of_all(&self, root: Option<Uuid>, before: Vec<u8>, rows: u16) -> Result<Vec<ListedKey>> {
        let page = page_query!(
            ["FROM api_key k LEFT JOIN key_usage u ON u.key_id = k.id
            WHERE k.id < ?2 AND (
                ?1 IS NULL OR EXISTS (SELECT 1 FROM account a WHERE a.id = ?1 AND a.parent_id IS NULL)
            )
            ORDER BY k.id DESC LIMIT ?3"],
            root,
            before,
            rows
        );
        restore_page(&page.one(&self.readers).await.map_err(refused)?)
    }

    /// Whether at most this many keys end in the period, and only by their own ends.
    async fn ends_few_keys(&self, line: Uuid, after: i64, until: i64, at_most: u16) -> Result<bool> {
        let few = sqlx::query_scalar!(
            r#"SELECT NOT EXISTS (
                SELECT 1 FROM visible_account v WHERE v.id = ?1
                AND instr(coalesce(v.policy, '') || coalesce(v.parent_policy, ''), '"max_life_seconds"') > 0
            ) AND NOT EXISTS (
                SELECT 1 FROM account a INDEXED BY account_policies
                WHERE a.parent_id = ?1 AND a.policy IS NOT NULL AND instr(a.policy, '"max_life_seconds"') > 0
            ) AND (
                SELECT count(*) FROM (
                    SELECT 1 FROM api_key e INDEXED BY api_key_line_ends
                    WHERE e.line_id = ?1 AND e.state = 'active' AND e.expires_at > ?2 AND e.expires_at < ?3
                    LIMIT ?4 + 1
                )
            ) <= ?4 AS "few!: bool""#,
            line,
            after,
            until,
            at_most
        );
        few.one(&self.readers).await.map_err(refused)
    }
}
