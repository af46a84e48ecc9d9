//! Reads for authentication: keys with their account chains. Takes no reach, and lists nothing.
//!
//! A look-up that no cache answers costs one statement, or a part of one: concurrent look-ups share a statement. So the
//! statement reads only what a verdict needs. It reads a key whether or not the id exists, so that its time does not
//! reveal this; a key other than the requested one never leaves this file.

use async_trait::async_trait;
use keyward_domain::KeyId;
use tokio::time::timeout;
use uuid::Uuid;

use super::{
    batcher::Batched,
    error::late,
    rows::{in_request_order, missing_head},
    store::{LookUps, PgStore},
};
use crate::{
    Credential, Credentials, Read, Result, credential_row,
    pool::Through as _,
    row::{asked_for, stored_snapshot},
};

#[async_trait]
impl Credentials for PgStore {
    async fn credential(&self, id: KeyId) -> Result<Option<Read<Credential>>> {
        self.look_ups.ask(id).await?
    }
}

#[async_trait]
impl Batched for LookUps {
    type Request = KeyId;
    type Answer = Result<Option<Read<Credential>>>;

    /// One statement has one snapshot: each key is as of the event number in its row (R4). A standby rejects the
    /// statement, because it cannot write WAL.
    ///
    /// Each id finds its key, or else its neighbour, the last key before it. Ids older than all keys find none: a
    /// second look-up for the first key would make each look-up slower by a tenth, and would hide only when the first
    /// key was issued. `LIMIT` makes the planner look each id up in the index: for a small table, it would otherwise
    /// plan to scan all keys of all accounts, and keep that plan when there are many.
    async fn answer(&self, requests: &[KeyId]) -> Result<Vec<Self::Answer>> {
        let ids: Vec<Uuid> = requests.iter().map(|id| id.uuid()).collect();
        let rows = || {
            query_with_restrictions!(
                [r#"SELECT n.id = k.id AS "is_asked!", n.place AS "place!", k.id AS "id!","#
                r#" k.account_id AS "account_id!",
               k.type AS "key_type!", k.name AS "name!", k.scopes AS "scopes!", k.digest AS "digest?",
               k.value AS "value?", k.created_at AS "created_at!", "#]
                [r#", k.state <> 'active' AS "revoked!", k.suspended_at IS NOT NULL AS "suspended!",
               a.mid AS "mid!", a.role AS "role!", a.status AS "status!",
               p.id AS "parent_id?", p.mid AS "parent_mid?", p.role AS "parent_role?", p.status AS "parent_status?",
               g.id AS "grandparent_id?", g.mid AS "grandparent_mid?", g.role AS "grandparent_role?",
               g.status AS "grandparent_status?", a.policy AS "policy?", p.policy AS "parent_policy?",
               g.policy AS "grandparent_policy?", h.seq AS "as_of?", h.nonce AS "nonce?", h.token AS "token?"
            FROM UNNEST($1::uuid[]) WITH ORDINALITY AS n (id, place)
            LEFT JOIN history_position h ON true
            CROSS JOIN LATERAL (
                SELECT id, account_id, type, name, scopes, digest, value, created_at, state, suspended_at, "#]
                [r#"
                FROM api_key WHERE id <= n.id ORDER BY id DESC LIMIT 1
            ) k
            JOIN account a ON a.id = k.account_id
            LEFT JOIN account p ON p.id = a.parent_id
            LEFT JOIN account g ON g.id = p.parent_id"#],
                &ids
            )
            .all(&self.pool)
        };
        let rows = timeout(self.in_time, self.plans.ask(rows)).await.map_err(late)??;
        let restored = rows.into_iter().map(|row| {
            let (place, is_asked) = (row.place, row.is_asked);
            let restore = || -> Result<Read<Credential>> {
                let (seq, nonce) = row.as_of.zip(row.nonce).ok_or_else(missing_head)?;
                let as_of = stored_snapshot(seq, nonce, row.token.as_deref().ok_or_else(missing_head)?)?;
                Ok(Read { value: credential_row!(row).restore()?, as_of })
            };
            (place, asked_for(is_asked, restore()))
        });
        in_request_order(requests.len(), restored)
    }
}
