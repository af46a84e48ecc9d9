//! Signing keys and redeemed refresh tokens. It never sees a private half or a token.

use async_trait::async_trait;
use keyward_domain::Timestamp;

use super::{PgInstant, PgStore, applied, commit, error::failed};
use crate::{Redeemed, Redemption, Result, SigningKeyRow, Tokens, Write, row::stored_moment};

#[async_trait]
impl Tokens for PgStore {
    #[tracing::instrument(level = "debug", skip_all, name = "db.tokens.signing_keys")]
    async fn signing_keys(&self) -> Result<Vec<SigningKeyRow>> {
        let rows = sqlx::query!(
            "SELECT generation, kid, public, sealed, published_at, signs_from FROM signing_key ORDER BY generation"
        )
        .fetch_all(&self.pool)
        .await
        .map_err(failed)?;
        let restored = rows.into_iter().map(|row| {
            let moment = |at: PgInstant| stored_moment(at.into(), "signing_key", row.generation);
            Ok(SigningKeyRow {
                generation: row.generation,
                published_at: moment(row.published_at)?,
                signs_from: moment(row.signs_from)?,
                kid: row.kid,
                public: row.public,
                sealed: row.sealed,
            })
        });
        restored.collect()
    }

    #[tracing::instrument(level = "debug", skip_all, name = "db.tokens.add_signing_key")]
    async fn add_signing_key(&self, key: &SigningKeyRow) -> Result<Write> {
        let query = sqlx::query!(
            "INSERT INTO signing_key (generation, kid, public, sealed, published_at, signs_from)
            VALUES ($1, $2, $3, $4, $5, $6)
            ON CONFLICT (generation) DO NOTHING",
            key.generation,
            key.kid,
            key.public,
            key.sealed,
            PgInstant::from(key.published_at),
            PgInstant::from(key.signs_from)
        );
        let result = self.write(query).await?;
        Ok(applied(&result))
    }

    #[tracing::instrument(level = "debug", skip_all, name = "db.tokens.drop_signing_keys_below")]
    async fn drop_signing_keys_below(&self, generation: i32) -> Result<u64> {
        let query = sqlx::query!("DELETE FROM signing_key WHERE generation < $1", generation);
        let result = self.write(query).await?;
        Ok(result.rows_affected())
    }

    #[tracing::instrument(level = "debug", skip_all, name = "db.tokens.redeem")]
    async fn redeem(&self, redemption: &Redemption) -> Result<Redeemed> {
        let Redemption { token, family, family_ends_at, at } = *redemption;
        let mut transaction = self.transaction().await?;
        // Waits for another that redeems this very token, and finds its row.
        let first = sqlx::query!(
            "INSERT INTO redeemed_refresh (id, family, redeemed_at, family_ends_at)
            SELECT $1::uuid, $2::uuid, $3::timestamptz, $4::timestamptz
            WHERE NOT EXISTS (SELECT 1 FROM redeemed_refresh r WHERE r.family = $2 AND r.reused_at IS NOT NULL)
            ON CONFLICT (id) DO NOTHING",
            token.uuid(),
            family.uuid(),
            PgInstant::from(at),
            PgInstant::from(family_ends_at)
        )
        .execute(&mut *transaction)
        .await
        .map_err(failed)?;
        let outcome = if applied(&first) == Write::Applied {
            Redeemed::First
        } else {
            let again = sqlx::query!(
                "UPDATE redeemed_refresh SET reused_at = COALESCE(reused_at, $2) WHERE id = $1",
                token.uuid(),
                PgInstant::from(at)
            )
            .execute(&mut *transaction)
            .await
            .map_err(failed)?;
            match applied(&again) {
                Write::Applied => Redeemed::Again,
                Write::Stale => Redeemed::FamilyEnded,
            }
        };
        commit(transaction, self.commit_timeout).await?;
        Ok(outcome)
    }

    #[tracing::instrument(level = "debug", skip_all, name = "db.tokens.forget_families")]
    async fn forget_families(&self, ended_by: Timestamp, at_most: u32) -> Result<u64> {
        let query = sqlx::query!(
            "DELETE FROM redeemed_refresh WHERE id = ANY (ARRAY (
                SELECT r.id FROM redeemed_refresh r WHERE r.family_ends_at <= $1 ORDER BY r.family_ends_at LIMIT $2
            ))",
            PgInstant::from(ended_by),
            i64::from(at_most)
        );
        let result = self.write(query).await?;
        Ok(result.rows_affected())
    }
}
