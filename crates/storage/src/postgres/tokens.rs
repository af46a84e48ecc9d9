//! Signing keys and redeemed refresh tokens. Never sees a private key in clear text or a token.
//!
//! The service supplies times as values, except here and in the revocation protocol: shared state is dated and deleted
//! by one clock, the database's (`clock_timestamp()`, read once in the statement; `now()` would be the start of the
//! transaction).

use std::time::Duration;

use async_trait::async_trait;
use keyward_domain::Timestamp;

use super::{
    callers::Callers,
    error::failed,
    instant::{Agreeing, PgInstant},
    rows::applied,
    store::PgStore,
    transactions::commit,
};
use crate::{
    FreshSigningKey, Redeemed, Redemption, Result, SigningKeyRow, SigningKeys, StorageError, Tokens, Write,
    pool::Through as _, row::stored_moment,
};

#[async_trait]
impl Tokens for PgStore {
    async fn signing_keys(&self) -> Result<SigningKeys> {
        // Returns the time even if there is no key.
        let query = || {
            sqlx::query!(
                r#"SELECT c.now AS "now!", k.generation AS "generation?", k.kid AS "kid?", k.public AS "public?",
                k.sealed AS "sealed?", k.published_at AS "published_at?", k.signs_from AS "signs_from?"
            FROM (SELECT clock_timestamp() AS now OFFSET 0) c LEFT JOIN signing_key k ON true
            ORDER BY k.generation"#
            )
            .all(&self.pool)
        };
        let rows = self.plans.ask(query).await?;
        let mut read = SigningKeys { keys: Vec::with_capacity(rows.len()), database_time: None };
        for row in rows {
            read.database_time = Some(stored_moment(row.now.into(), "signing_key", "clock_timestamp")?);
            let Some(generation) = row.generation else { continue };
            let corrupt = || StorageError::Corrupt { table: "signing_key", id: generation.to_string() };
            let moment =
                |at: Option<PgInstant>| stored_moment(at.ok_or_else(corrupt)?.into(), "signing_key", generation);
            read.keys.push(SigningKeyRow {
                generation,
                published_at: moment(row.published_at)?,
                signs_from: moment(row.signs_from)?,
                kid: row.kid.ok_or_else(corrupt)?,
                public: row.public.ok_or_else(corrupt)?,
                sealed: row.sealed.ok_or_else(corrupt)?,
            });
        }
        Ok(read)
    }

    async fn add_signing_key(
        &self,
        key: &FreshSigningKey,
        published_for: Duration,
        expected: Timestamp,
    ) -> Result<Write> {
        let Agreeing { from, to } = Agreeing::with(expected);
        // Reads the clock only once.
        let query = sqlx::query!(
            "INSERT INTO signing_key (generation, kid, public, sealed, published_at, signs_from)
            SELECT $1::integer, $2::text, $3::bytea, $4::bytea, c.now,
                CASE WHEN c.one_signs THEN c.now + make_interval(secs => $5) ELSE c.now END
            FROM (
                SELECT t.now, EXISTS (SELECT 1 FROM signing_key k WHERE k.signs_from <= t.now) AS one_signs
                FROM (SELECT clock_timestamp() AS now OFFSET 0) t
            ) c
            WHERE NOT c.one_signs OR c.now BETWEEN $6 AND $7
            ON CONFLICT (generation) DO NOTHING",
            key.generation,
            key.kid,
            key.public,
            key.sealed,
            published_for.as_secs_f64(),
            from as PgInstant,
            to as PgInstant
        );
        let result = self.write(query).await?;
        Ok(applied(&result))
    }

    async fn drop_signing_keys(&self, signed_for: Duration, expected: Timestamp) -> Result<u64> {
        let Agreeing { from, to } = Agreeing::with(expected);
        let query = sqlx::query!(
            "DELETE FROM signing_key WHERE generation < (
                SELECT max(k.generation)
                FROM signing_key k CROSS JOIN (SELECT clock_timestamp() AS now OFFSET 0) c
                WHERE k.signs_from <= c.now - make_interval(secs => $1) AND c.now BETWEEN $2 AND $3
            )",
            signed_for.as_secs_f64(),
            from as PgInstant,
            to as PgInstant
        );
        let result = self.write(query).await?;
        Ok(result.rows_affected())
    }

    async fn redeem(&self, redemption: &Redemption) -> Result<Redeemed> {
        let Redemption { token, family, family_ends_at, at, by } = *redemption;
        let mut transaction = self.transaction().await?;
        // Waits for a concurrent redemption of the same token, and finds its row.
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
        commit(transaction, &Callers::of(&by), self.commit_timeout).await?;
        Ok(outcome)
    }

    async fn forget_families(&self, ended_for: Duration, expected: Timestamp, at_most: u32) -> Result<u64> {
        let Agreeing { from, to } = Agreeing::with(expected);
        // Reads the clock once, before the rows: compared per row, it could not use the index.
        let query = sqlx::query!(
            "DELETE FROM redeemed_refresh WHERE id = ANY (ARRAY (
                SELECT due.id
                FROM (SELECT clock_timestamp() AS now OFFSET 0) c CROSS JOIN LATERAL (
                    SELECT r.id FROM redeemed_refresh r WHERE r.family_ends_at <= c.now - make_interval(secs => $1)
                    ORDER BY r.family_ends_at LIMIT $2
                ) due
                WHERE c.now BETWEEN $3 AND $4
            ))",
            ended_for.as_secs_f64(),
            i64::from(at_most),
            from as PgInstant,
            to as PgInstant
        );
        let result = self.write(query).await?;
        Ok(result.rows_affected())
    }
}
