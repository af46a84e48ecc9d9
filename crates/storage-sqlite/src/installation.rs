//! The installation that a database belongs to: its environment, and the master keys used with it.

use async_trait::async_trait;
use keyward_domain::{KeyVersion, Timestamp};
use keyward_storage::{Installation, Result, Stamp, StorageError, Write, pool::Through as _, row::stored_version};
use sqlx::SqliteExecutor;

use crate::{
    error::refused,
    rows::{applied, committed},
    store::SqliteStore,
};

#[async_trait]
impl Installation for SqliteStore {
    async fn stamp(&self) -> Result<Option<Stamp>> {
        let rows = sqlx::query!(
            r#"SELECT i.environment AS "environment!", m.version AS "version?: i32", m.fingerprint AS "fingerprint?"
            FROM installation i LEFT JOIN master_key m ORDER BY m.version"#
        );
        let rows = rows.all(&self.readers).await.map_err(refused)?;
        let Some(first) = rows.first() else { return Ok(None) };
        let corrupt = |_| StorageError::Corrupt { table: "installation", id: "1".to_owned() };
        let environment = first.environment.parse().map_err(corrupt)?;
        let mut fingerprints = Vec::new();
        for row in rows {
            if let Some((version, fingerprint)) = row.version.zip(row.fingerprint) {
                fingerprints.push((stored_version(version)?, fingerprint));
            }
        }
        Ok(Some(Stamp { environment, fingerprints }))
    }

    async fn claim(&self, stamp: &Stamp, at: Timestamp) -> Result<Write> {
        let (environment, claimed_at) = (stamp.environment.as_str(), at.as_micros());
        let mut transaction = self.write().await?;
        let done = sqlx::query!(
            "INSERT INTO installation (id, environment, claimed_at) VALUES (1, ?1, ?2) ON CONFLICT (id) DO NOTHING",
            environment,
            claimed_at
        );
        if applied(done.execute(&mut *transaction).await)? == Write::Stale {
            return Ok(Write::Stale);
        }
        for (version, fingerprint) in &stamp.fingerprints {
            if add(&mut *transaction, *version, fingerprint, at).await? == Write::Stale {
                return Ok(Write::Stale);
            }
        }
        self.commit(transaction).await?;
        Ok(Write::Applied)
    }

    async fn add_fingerprint(&self, version: KeyVersion, fingerprint: &str, at: Timestamp) -> Result<Write> {
        add(self.writer()?.plain(), version, fingerprint, at).await
    }

    async fn issuer(&self) -> Result<Option<String>> {
        let stamped = sqlx::query_scalar!("SELECT url FROM issuer WHERE id = 1");
        stamped.maybe(&self.readers).await.map_err(refused)
    }

    async fn stamp_issuer(&self, url: &str, at: Timestamp) -> Result<Write> {
        let at = at.as_micros();
        let done = sqlx::query!(
            "INSERT INTO issuer (id, url, stamped_at) VALUES (1, ?1, ?2) ON CONFLICT (id) DO NOTHING",
            url,
            at
        );
        committed(self.writer()?.execute(done).await)
    }
}

async fn add(
    executor: impl SqliteExecutor<'_>,
    version: KeyVersion,
    fingerprint: &str,
    at: Timestamp,
) -> Result<Write> {
    let (version, at) = (version.number(), at.as_micros());
    let done = sqlx::query!(
        "INSERT INTO master_key (version, fingerprint, first_used_at) VALUES (?1, ?2, ?3)
        ON CONFLICT (version) DO NOTHING",
        version,
        fingerprint,
        at
    );
    committed(done.execute(executor).await)
}
