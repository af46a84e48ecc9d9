//! What authentication reads: one key with its account chain. It knows no reach, and lists nothing.
//!
//! A look-up that no cache answers costs this one statement, so it asks for what a verdict needs and for nothing else.

use std::sync::Arc;

use async_trait::async_trait;
use keyward_domain::KeyId;

use super::{PgStore, error::failed};
use crate::{
    Credential, Credentials, Read, Result,
    row::{AuthKeyRow, stored_incarnation, stored_seq},
};

#[async_trait]
impl Credentials for PgStore {
    #[tracing::instrument(level = "debug", skip_all, name = "db.credentials.credential", fields(key.id = %id))]
    async fn credential(&self, id: KeyId) -> Result<Option<Read<Credential>>> {
        // One statement has one snapshot: the key is what it was when the last event had the number that stands beside
        // it (R4). A standby has no WAL to write to, and refuses the whole.
        let row = sqlx::query!(
            r#"SELECT k.account_id AS "account_id!", k.type AS "key_type!", k.name AS "name!", k.scopes AS "scopes!",
               k.digest AS "digest?", k.value AS "value?", k.expires_at AS "expires_at?",
               k.state <> 'active' AS "revoked!", a.mid AS "mid!", a.role AS "role!", a.status AS "status!",
               p.id AS "parent_id?", p.mid AS "parent_mid?", p.role AS "parent_role?", p.status AS "parent_status?",
               g.id AS "grandparent_id?", g.mid AS "grandparent_mid?", g.role AS "grandparent_role?",
               g.status AS "grandparent_status?",
               (SELECT h.seq FROM revocation_head h WHERE h.id) AS "as_of!",
               substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) AS "timeline!"
            FROM api_key k
            JOIN account a ON a.id = k.account_id
            LEFT JOIN account p ON p.id = a.parent_id
            LEFT JOIN account g ON g.id = p.parent_id
            WHERE k.id = $1"#,
            id.uuid()
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(failed)?;
        let Some(row) = row else { return Ok(None) };
        let (as_of, incarnation) = (stored_seq(row.as_of)?, stored_incarnation(&row.timeline)?);
        let chain = restore_chain!(row)?;
        let key = AuthKeyRow {
            id: id.uuid(),
            account_id: row.account_id,
            key_type: row.key_type,
            name: row.name,
            scopes: row.scopes,
            digest: row.digest,
            value: row.value,
            expires_at: row.expires_at.map(Into::into),
            revoked: row.revoked,
        };
        let value = Credential { key: Arc::new(key.restore()?), chain };
        Ok(Some(Read { value, as_of, incarnation }))
    }
}
