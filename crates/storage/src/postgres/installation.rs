//! The installation that a database belongs to. Never sees a master key, only fingerprints.

use async_trait::async_trait;
use keyward_domain::{KeyVersion, Timestamp};

use super::{callers::Callers, error::failed, instant::PgInstant, rows::applied, store::PgStore, transactions::commit};
use crate::{Installation, Result, Stamp, StorageError, Write, pool::Through as _, row::stored_version};

#[async_trait]
impl Installation for PgStore {
    async fn stamp(&self) -> Result<Option<Stamp>> {
        let query = || {
            sqlx::query!(
                r#"SELECT i.environment AS "environment!", m.version AS "version?", m.fingerprint AS "fingerprint?"
            FROM installation i LEFT JOIN master_key m ON true
            ORDER BY m.version"#
            )
            .all(&self.pool)
        };
        let rows = self.plans.ask(query).await?;
        let Some(first) = rows.first() else { return Ok(None) };
        let environment = first
            .environment
            .parse()
            .map_err(|_| StorageError::Corrupt { table: "installation", id: first.environment.clone() })?;
        let fingerprints = rows
            .into_iter()
            .filter_map(|row| row.version.zip(row.fingerprint))
            .map(|(version, fingerprint)| Ok((stored_version(version)?, fingerprint)))
            .collect::<Result<_>>()?;
        Ok(Some(Stamp { environment, fingerprints }))
    }

    async fn claim(&self, stamp: &Stamp, at: Timestamp) -> Result<Write> {
        let mut transaction = self.transaction().await?;
        let claimed = sqlx::query!(
            "INSERT INTO installation (environment, claimed_at) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING",
            stamp.environment.as_str(),
            PgInstant::from(at)
        )
        .execute(&mut *transaction)
        .await
        .map_err(failed)?;
        if applied(&claimed) == Write::Stale {
            return Ok(Write::Stale);
        }
        let (versions, fingerprints): (Vec<i32>, Vec<String>) = stamp
            .fingerprints
            .iter()
            .map(|(version, fingerprint)| (i32::from(version.number()), fingerprint.clone()))
            .unzip();
        sqlx::query!(
            "INSERT INTO master_key (version, fingerprint, first_used_at)
            SELECT f.version, f.fingerprint, $3::timestamptz
            FROM UNNEST($1::integer[], $2::text[]) AS f (version, fingerprint)",
            &versions,
            &fingerprints,
            PgInstant::from(at)
        )
        .execute(&mut *transaction)
        .await
        .map_err(failed)?;
        // A new database has no other history: every node that ever caches one of its keys joins under this token or a
        // later one, so there is no lease to wait for (R18). This does not apply to a database filled by a restore.
        sqlx::query!(
            "INSERT INTO history_mark (token, marked_at)
            SELECT h.token, $1 FROM history_position h
            WHERE h.seq = 0 AND NOT EXISTS (SELECT 1 FROM account) AND NOT EXISTS (SELECT 1 FROM node_lease)
            ON CONFLICT (id) DO NOTHING",
            PgInstant::from(at)
        )
        .execute(&mut *transaction)
        .await
        .map_err(failed)?;
        commit(transaction, &Callers::default(), self.commit_timeout).await?;
        Ok(Write::Applied)
    }

    async fn add_fingerprint(&self, version: KeyVersion, fingerprint: &str, at: Timestamp) -> Result<Write> {
        let query = sqlx::query!(
            "INSERT INTO master_key (version, fingerprint, first_used_at) VALUES ($1, $2, $3)
            ON CONFLICT (version) DO NOTHING",
            i32::from(version.number()),
            fingerprint,
            PgInstant::from(at)
        );
        let result = self.write(query).await?;
        Ok(applied(&result))
    }

    async fn issuer(&self) -> Result<Option<String>> {
        let query = || sqlx::query_scalar!("SELECT i.url FROM issuer i WHERE i.id").maybe(&self.pool);
        self.plans.ask(query).await
    }

    async fn stamp_issuer(&self, url: &str, at: Timestamp) -> Result<Write> {
        let query = sqlx::query!(
            "INSERT INTO issuer (url, stamped_at) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING",
            url,
            PgInstant::from(at)
        );
        let result = self.write(query).await?;
        Ok(applied(&result))
    }
}
