//! What authentication reads: keys with their account chains. It knows no reach, and lists nothing.
//!
//! A look-up that no cache answers costs this one statement, or a part of it: look-ups that meet share one. So it asks for
//! what a verdict needs and for nothing else.

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use keyward_domain::KeyId;
use sqlx::PgPool;
use tokio::time::{Duration, timeout};
use uuid::Uuid;

use super::{
    PgInstant, PgStore,
    error::{failed, late},
    together::Together,
};
use crate::{
    Credential, Credentials, Read, Result,
    row::{AuthKeyRow, stored_incarnation, stored_seq},
};

#[async_trait]
impl Credentials for PgStore {
    #[tracing::instrument(level = "debug", skip_all, name = "db.credentials.credential", fields(key.id = %id))]
    async fn credential(&self, id: KeyId) -> Result<Option<Read<Credential>>> {
        self.look_ups.ask(id).await?
    }
}

/// Look-ups of any keys.
pub(super) struct LookUps {
    pub(super) pool: PgPool,
    pub(super) in_time: Duration,
}

#[async_trait]
impl Together for LookUps {
    type Question = KeyId;
    /// A row that holds what this service never writes is the trouble of its own key alone.
    type Answer = Result<Option<Read<Credential>>>;

    async fn answer(&self, asked: &[KeyId]) -> Result<Vec<Self::Answer>> {
        let found = timeout(self.in_time, look_up(&self.pool, asked)).await.map_err(late)?.map_err(failed)?;
        Ok(asked
            .iter()
            .map(|id| match found.get(&id.uuid()) {
                None => Ok(None),
                Some(row) => row.clone().restore().map(Some),
            })
            .collect())
    }
}

/// One statement has one snapshot: each key is what it was when the last event had the number that stands beside it (R4). A
/// standby has no WAL to write to, and refuses the whole.
///
/// `OFFSET 0` has the keys found first, by their ids: a planner that saw a small table would walk all keys of all accounts, and
/// go on to do so when there are many.
async fn look_up(pool: &PgPool, asked: &[KeyId]) -> Result<HashMap<Uuid, KeyInChain>, sqlx::Error> {
    let ids: Vec<Uuid> = asked.iter().map(|id| id.uuid()).collect();
    let rows = sqlx::query_as!(
        KeyInChain,
        r#"SELECT k.id AS "id!", k.account_id AS "account_id!", k.type AS "key_type!", k.name AS "name!",
           k.scopes AS "scopes!", k.digest AS "digest?", k.value AS "value?", k.expires_at AS "expires_at?",
           k.state <> 'active' AS "revoked!", a.mid AS "mid!", a.role AS "role!", a.status AS "status!",
           p.id AS "parent_id?", p.mid AS "parent_mid?", p.role AS "parent_role?", p.status AS "parent_status?",
           g.id AS "grandparent_id?", g.mid AS "grandparent_mid?", g.role AS "grandparent_role?",
           g.status AS "grandparent_status?",
           (SELECT h.seq FROM revocation_head h WHERE h.id) AS "as_of!",
           (SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)) AS "timeline!"
        FROM (
            SELECT id, account_id, type, name, scopes, digest, value, expires_at, state
            FROM api_key WHERE id = ANY ($1) OFFSET 0
        ) k
        JOIN account a ON a.id = k.account_id
        LEFT JOIN account p ON p.id = a.parent_id
        LEFT JOIN account g ON g.id = p.parent_id"#,
        &ids
    )
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row)).collect())
}

/// A row of the statement.
#[derive(Clone)]
struct KeyInChain {
    id: Uuid,
    account_id: Uuid,
    key_type: String,
    name: String,
    scopes: String,
    digest: Option<String>,
    value: Option<String>,
    expires_at: Option<PgInstant>,
    revoked: bool,
    mid: String,
    role: String,
    status: String,
    parent_id: Option<Uuid>,
    parent_mid: Option<String>,
    parent_role: Option<String>,
    parent_status: Option<String>,
    grandparent_id: Option<Uuid>,
    grandparent_mid: Option<String>,
    grandparent_role: Option<String>,
    grandparent_status: Option<String>,
    as_of: i64,
    timeline: String,
}

impl KeyInChain {
    fn restore(self) -> Result<Read<Credential>> {
        let (as_of, incarnation) = (stored_seq(self.as_of)?, stored_incarnation(&self.timeline)?);
        let chain = restore_chain!(self)?;
        let key = AuthKeyRow {
            id: self.id,
            account_id: self.account_id,
            key_type: self.key_type,
            name: self.name,
            scopes: self.scopes,
            digest: self.digest,
            value: self.value,
            expires_at: self.expires_at.map(Into::into),
            revoked: self.revoked,
        };
        let value = Credential { key: Arc::new(key.restore()?), chain };
        Ok(Read { value, as_of, incarnation })
    }
}
