//! Signing keys and redeemed refresh tokens. Only one process uses the folder, so its clock is the only one.

use std::time::Duration;

use async_trait::async_trait;
use keyward_domain::Timestamp;
use keyward_storage::{
    FreshSigningKey, Redeemed, Redemption, Result, SigningKeyRow, SigningKeys, Tokens, Write, pool::Through as _,
    row::stored_moment,
};

use crate::{
    callers,
    error::{commit_refused, refused},
    rows::{applied, committed},
    store::SqliteStore,
};

struct StoredSigningKey {
    generation: i32,
    kid: String,
    public: Vec<u8>,
    sealed: Vec<u8>,
    published_at: i64,
    signs_from: i64,
}

impl StoredSigningKey {
    fn restore(self) -> Result<SigningKeyRow> {
        let moment = |micros| stored_moment(micros, "signing_key", self.generation);
        Ok(SigningKeyRow {
            generation: self.generation,
            published_at: moment(self.published_at)?,
            signs_from: moment(self.signs_from)?,
            kid: self.kid,
            public: self.public,
            sealed: self.sealed,
        })
    }
}

#[async_trait]
impl Tokens for SqliteStore {
    async fn signing_keys(&self) -> Result<SigningKeys> {
        let rows = sqlx::query_as!(
            StoredSigningKey,
            r#"SELECT generation AS "generation!: i32", kid AS "kid!", public AS "public!", sealed AS "sealed!",
                published_at AS "published_at!: i64", signs_from AS "signs_from!: i64"
            FROM signing_key ORDER BY generation"#
        );
        let rows = rows.all(&self.readers).await.map_err(refused)?;
        let keys = rows.into_iter().map(StoredSigningKey::restore).collect::<Result<_>>()?;
        Ok(SigningKeys { keys, database_time: None })
    }

    async fn add_signing_key(
        &self,
        key: &FreshSigningKey,
        published_for: Duration,
        expected: Timestamp,
    ) -> Result<Write> {
        let (now, later) = (expected.as_micros(), expected.saturating_add(published_for).as_micros());
        let done = sqlx::query!(
            "INSERT INTO signing_key (generation, kid, public, sealed, published_at, signs_from)
            SELECT ?1, ?2, ?3, ?4, ?5, iif(EXISTS (SELECT 1 FROM signing_key k WHERE k.signs_from <= ?5), ?6, ?5)
            WHERE true ON CONFLICT (generation) DO NOTHING",
            key.generation,
            key.kid,
            key.public,
            key.sealed,
            now,
            later
        );
        committed(self.writer()?.execute(done).await)
    }

    async fn drop_signing_keys(&self, signed_for: Duration, expected: Timestamp) -> Result<u64> {
        let signed_by = expected.saturating_sub(signed_for).as_micros();
        let done = sqlx::query!(
            "DELETE FROM signing_key WHERE generation < (
                SELECT max(k.generation) FROM signing_key k WHERE k.signs_from <= ?1
            )",
            signed_by
        );
        Ok(self.writer()?.execute(done).await.map_err(commit_refused)?.rows_affected())
    }

    async fn redeem(&self, redemption: &Redemption) -> Result<Redeemed> {
        let (token, family, at) = (redemption.token.uuid(), redemption.family.uuid(), redemption.at.as_micros());
        let ends_at = redemption.family_ends_at.as_micros();
        let mut transaction = self.write().await?;
        callers::confirm(&mut transaction, &redemption.by).await?;
        let again =
            sqlx::query!("UPDATE redeemed_refresh SET reused_at = coalesce(reused_at, ?2) WHERE id = ?1", token, at);
        let outcome = match applied(again.execute(&mut *transaction).await)? {
            Write::Applied => Redeemed::Again,
            Write::Stale => {
                let first = sqlx::query!(
                    "INSERT INTO redeemed_refresh (id, family, redeemed_at, family_ends_at)
                    SELECT ?1, ?2, ?3, ?4 WHERE NOT EXISTS (
                        SELECT 1 FROM redeemed_refresh r WHERE r.family = ?2 AND r.reused_at IS NOT NULL
                    )",
                    token,
                    family,
                    at,
                    ends_at
                );
                match applied(first.execute(&mut *transaction).await)? {
                    Write::Applied => Redeemed::First,
                    Write::Stale => Redeemed::FamilyEnded,
                }
            }
        };
        callers::confirm_in_time(&mut transaction, redemption.by.ends_at(), &self.clock).await?;
        self.commit(transaction).await?;
        Ok(outcome)
    }

    async fn forget_families(&self, ended_for: Duration, expected: Timestamp, at_most: u32) -> Result<u64> {
        let ended_by = expected.saturating_sub(ended_for).as_micros();
        let done = sqlx::query!(
            "DELETE FROM redeemed_refresh WHERE id IN (
                SELECT r.id FROM redeemed_refresh r WHERE r.family_ends_at <= ?1 ORDER BY r.family_ends_at LIMIT ?2
            )",
            ended_by,
            at_most
        );
        Ok(self.writer()?.execute(done).await.map_err(commit_refused)?.rows_affected())
    }
}
