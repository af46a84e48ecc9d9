//! Maintenance outside the request path. Never changes what a key may do.

use async_trait::async_trait;
use keyward_domain::{KeyId, SecretDigest, Timestamp};
use uuid::Uuid;

use super::{instant::PgInstant, rows::applied, store::PgStore};
use crate::{Result, Upkeep, Write};

#[async_trait]
impl Upkeep for PgStore {
    async fn replace_digest(&self, id: KeyId, old: &SecretDigest, new: &SecretDigest) -> Result<Write> {
        let query = sqlx::query!(
            "UPDATE api_key SET digest = $3 WHERE id = $1 AND digest = $2",
            id.uuid(),
            old.encode(),
            new.encode()
        );
        let result = self.write(query).await?;
        Ok(applied(&result))
    }

    async fn record_usage(&self, used: &[(KeyId, Timestamp)]) -> Result<()> {
        if used.is_empty() {
            return Ok(());
        }
        let ids: Vec<Uuid> = used.iter().map(|(id, _)| id.uuid()).collect();
        let moments: Vec<PgInstant> = used.iter().map(|(_, at)| PgInstant::from(*at)).collect();
        // In key order, so that two nodes that flush concurrently do not deadlock. A row with an equal or later time is
        // not touched. Each key and its last use are looked up individually (`OFFSET 0`, a subquery in the row): a plan
        // made for a small table would scan all keys for each use.
        let query = sqlx::query!(
            "INSERT INTO key_usage (key_id, last_used)
            SELECT k.id, latest.at
            FROM (
                SELECT u.id, max(u.at) AS at FROM UNNEST($1::uuid[], $2::timestamptz[]) AS u (id, at) GROUP BY u.id
            ) AS latest
            CROSS JOIN LATERAL (SELECT id FROM api_key WHERE id = latest.id OFFSET 0) AS k
            WHERE COALESCE((SELECT o.last_used FROM key_usage o WHERE o.key_id = k.id) < latest.at, true)
            ORDER BY k.id
            ON CONFLICT (key_id) DO UPDATE SET last_used = excluded.last_used
            WHERE key_usage.last_used < excluded.last_used",
            &ids,
            &moments as &[PgInstant]
        );
        self.write(query).await?;
        Ok(())
    }
}
