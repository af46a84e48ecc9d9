//! Maintenance outside the request path: new digests, and the last use of keys.

use async_trait::async_trait;
use keyward_domain::{KeyId, SecretDigest, Timestamp};
use keyward_storage::{Result, Upkeep, Write};

use crate::{
    error::{commit_refused, refused},
    rows::committed,
    store::SqliteStore,
};

/// Maximum number of uses recorded per transaction: a revocation waits for it.
const MAX_USES_PER_TRANSACTION: usize = 256;

#[async_trait]
impl Upkeep for SqliteStore {
    async fn replace_digest(&self, id: KeyId, old: &SecretDigest, new: &SecretDigest) -> Result<Write> {
        let (id, old, new) = (id.uuid(), old.encode(), new.encode());
        let done = sqlx::query!("UPDATE api_key SET digest = ?3 WHERE id = ?1 AND digest = ?2", id, old, new);
        committed(self.writer()?.execute(done).await)
    }

    async fn record_usage(&self, used: &[(KeyId, Timestamp)]) -> Result<()> {
        for used in used.chunks(MAX_USES_PER_TRANSACTION) {
            let mut transaction = self.write().await?;
            for (id, at) in used {
                let (id, at) = (id.uuid(), at.as_micros());
                let done = sqlx::query!(
                    "INSERT INTO key_usage (key_id, last_used) SELECT k.id, ?2 FROM api_key k WHERE k.id = ?1
                    ON CONFLICT (key_id) DO UPDATE SET last_used = excluded.last_used
                        WHERE excluded.last_used > key_usage.last_used",
                    id,
                    at
                );
                done.execute(&mut *transaction).await.map_err(refused)?;
            }
            transaction.commit().await.map_err(commit_refused)?;
        }
        Ok(())
    }
}
