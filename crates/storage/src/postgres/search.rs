//! Windows over the keys of many accounts. Each follows one index.

use async_trait::async_trait;
use keyward_domain::{AccountId, Chain, KeyId, Reach, Timestamp};
use uuid::Uuid;

use super::{
    instant::PgInstant,
    rows::{newest_before, root},
    store::PgStore,
};
use crate::{
    AreaKeys, AreaWindow, EndsWindow, KeyArea, ListedKey, Result, Search, StoredState, account_record_row,
    listed_key_row, merged,
    pool::Through as _,
    row::{actor_column, stored_token},
};

#[async_trait]
impl Search for PgStore {
    async fn keys_of_area(&self, within: &Reach, window: AreaWindow) -> Result<Vec<ListedKey>> {
        let Some(newest) = newest_before(window.before.map(KeyId::uuid)) else { return Ok(Vec::new()) };
        let rows = i64::from(window.rows);
        let KeyArea::Line(line) = window.area else { return self.keys_of_all(root(within), newest, rows).await };
        let arguments = (line.uuid(), root(within), newest, rows);
        match window.keys {
            AreaKeys::CreatedBy(actor) => {
                self.keys_created_by(actor_column(actor).unwrap_or(Uuid::nil()), arguments).await
            }
            AreaKeys::Stored(StoredState::Active) => self.keys_of_line("active", arguments).await,
            AreaKeys::Stored(StoredState::Revoked) => self.keys_of_line("revoked", arguments).await,
            AreaKeys::Stored(StoredState::Any) => {
                let mut keys = self.keys_of_line("active", arguments).await?;
                keys.extend(self.keys_of_line("revoked", arguments).await?);
                Ok(merged(keys, window.rows))
            }
        }
    }

    async fn keys_that_end(&self, within: &Reach, window: EndsWindow) -> Result<Option<Vec<ListedKey>>> {
        let EndsWindow { line, after, until, before, rows, at_most } = window;
        let Some(newest) = newest_before(before.map(KeyId::uuid)) else { return Ok(Some(Vec::new())) };
        let period = Period { line: line.uuid(), root: root(within), after, until };
        if !self.ends_few_keys(&period, i64::from(at_most)).await? {
            return Ok(None);
        }
        let query = || {
            key_query!(
                r#", (SELECT u.last_used FROM key_usage u WHERE u.key_id = k.id) AS "last_used?"
            FROM (
                SELECT e.id FROM api_key e
                WHERE e.line_id = $1 AND e.state = 'active' AND e.expires_at > $3 AND e.expires_at < $4
                LIMIT $7
            ) ends JOIN api_key k ON k.id = ends.id
            WHERE EXISTS (SELECT 1 FROM visible_account v WHERE v.id = $1 AND v.root_id = coalesce($2, v.id))
            AND k.id <= $5
            ORDER BY k.id DESC LIMIT $6"#,
                period.line,
                period.root,
                period.after() as PgInstant,
                PgInstant::from(until) as PgInstant,
                newest,
                i64::from(rows),
                i64::from(at_most)
            )
            .all(&self.pool)
        };
        self.plans
            .ask(query)
            .await?
            .into_iter()
            .map(|row| listed_key_row!(row).restore())
            .collect::<Result<_>>()
            .map(Some)
    }

    async fn any_policy_suspends(&self, within: &Reach) -> Result<bool> {
        let query = || {
            sqlx::query_scalar!(
                r#"SELECT EXISTS (
                    SELECT 1 FROM account a
                    WHERE a.policy IS NOT NULL AND strpos(a.policy, '"idle_action":"suspend"') > 0
                    AND ($1::uuid IS NULL OR EXISTS (SELECT 1 FROM account r WHERE r.id = $1 AND r.parent_id IS NULL))
                ) AS "any!""#,
                root(within)
            )
            .one(&self.pool)
        };
        self.plans.ask(query).await
    }

    async fn chains(&self, within: &Reach, accounts: &[AccountId]) -> Result<Vec<Chain>> {
        let ids: Vec<_> = accounts.iter().map(|id| id.uuid()).collect();
        let query = || {
            account_query!(
                "
            FROM UNNEST($1::uuid[]) AS n (id)
            JOIN account a ON a.id = n.id
            JOIN visible_account v ON v.id = a.id AND v.root_id = coalesce($2, v.id)",
                &ids,
                root(within)
            )
            .all(&self.pool)
        };
        let rows = self.plans.ask(query).await?.into_iter();
        rows.map(|row| {
            let token = stored_token(&row.token)?;
            Ok(account_record_row!(row).restore(token)?.chain)
        })
        .collect()
    }
}

/// A period in which keys of a line end.
struct Period {
    line: Uuid,
    root: Option<Uuid>,
    after: Option<Timestamp>,
    until: Timestamp,
}

impl Period {
    /// No key ends at the epoch or earlier.
    fn after(&self) -> PgInstant {
        PgInstant::from(self.after.unwrap_or(Timestamp::UNIX_EPOCH))
    }
}

/// The line, the root of the reach, the newest key that may be returned, and the maximum number of rows.
type WindowArguments = (Uuid, Option<Uuid>, Uuid, i64);

/// As for the windows over an account's keys, the bounds and the order name the columns of one index.
impl PgStore {
    /// Scans `api_key_line_window`.
    async fn keys_of_line(
        &self,
        state: &'static str,
        (line, root, newest, rows): WindowArguments,
    ) -> Result<Vec<ListedKey>> {
        let query = || {
            key_query!(
                r#", (SELECT u.last_used FROM key_usage u WHERE u.key_id = k.id) AS "last_used?"
            FROM api_key k
            WHERE EXISTS (SELECT 1 FROM visible_account v WHERE v.id = $1 AND v.root_id = coalesce($2, v.id))
            AND k.line_id = $1 AND (k.state, k.id) <= ($5, $3::uuid) AND k.state >= $5
            ORDER BY k.state DESC, k.id DESC LIMIT $4"#,
                line,
                root,
                newest,
                rows,
                state
            )
            .all(&self.pool)
        };
        self.plans.ask(query).await?.into_iter().map(|row| listed_key_row!(row).restore()).collect()
    }

    /// Scans `api_key_line_creators`. The nil id stands for the operator.
    async fn keys_created_by(
        &self,
        creator: Uuid,
        (line, root, newest, rows): WindowArguments,
    ) -> Result<Vec<ListedKey>> {
        let query = || {
            key_query!(
                r#", (SELECT u.last_used FROM key_usage u WHERE u.key_id = k.id) AS "last_used?"
            FROM api_key k
            WHERE EXISTS (SELECT 1 FROM visible_account v WHERE v.id = $1 AND v.root_id = coalesce($2, v.id))
            AND k.line_id = $1
            AND (coalesce(k.created_by, '00000000-0000-0000-0000-000000000000'::uuid), k.id) <= ($5, $3::uuid)
            AND coalesce(k.created_by, '00000000-0000-0000-0000-000000000000'::uuid) >= $5
            ORDER BY coalesce(k.created_by, '00000000-0000-0000-0000-000000000000'::uuid) DESC, k.id DESC LIMIT $4"#,
                line,
                root,
                newest,
                rows,
                creator
            )
            .all(&self.pool)
        };
        self.plans.ask(query).await?.into_iter().map(|row| listed_key_row!(row).restore()).collect()
    }

    /// Scans the primary key, for the operator and the platform.
    async fn keys_of_all(&self, root: Option<Uuid>, newest: Uuid, rows: i64) -> Result<Vec<ListedKey>> {
        let query = || {
            key_query!(
                r#", (SELECT u.last_used FROM key_usage u WHERE u.key_id = k.id) AS "last_used?"
            FROM api_key k
            WHERE ($1::uuid IS NULL OR EXISTS (SELECT 1 FROM account a WHERE a.id = $1 AND a.parent_id IS NULL))
            AND k.id <= $2
            ORDER BY k.id DESC LIMIT $3"#,
                root,
                newest,
                rows
            )
            .all(&self.pool)
        };
        self.plans.ask(query).await?.into_iter().map(|row| listed_key_row!(row).restore()).collect()
    }

    /// Whether at most this many keys end in the period, and only by their own ends. Reads `api_key_line_ends`, and the
    /// policies of the line's accounts in `account_policies`.
    async fn ends_few_keys(&self, period: &Period, at_most: i64) -> Result<bool> {
        let query = || {
            sqlx::query_scalar!(
                r#"SELECT NOT EXISTS (
                    SELECT 1 FROM visible_account v
                    WHERE v.id = $1 AND strpos(concat(v.policy, v.parent_policy), '"max_life_seconds"') > 0
                ) AND NOT EXISTS (
                    SELECT 1 FROM account a
                    WHERE a.parent_id = $1 AND a.policy IS NOT NULL AND strpos(a.policy, '"max_life_seconds"') > 0
                ) AND (
                    SELECT count(*) FROM (
                        SELECT FROM api_key e
                        WHERE e.line_id = $1 AND e.state = 'active' AND e.expires_at > $2 AND e.expires_at < $3
                        LIMIT $4::bigint + 1
                    ) AS counted
                ) <= $4 AS "few!""#,
                period.line,
                period.after() as PgInstant,
                PgInstant::from(period.until) as PgInstant,
                at_most
            )
            .one(&self.pool)
        };
        self.plans.ask(query).await
    }
}
