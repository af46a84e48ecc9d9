//! The look-up for authentication: one key with its account chain and the number of the last event, in one statement,
//! on a reading connection.
//!
//! The only query that reads a key without a reach. It lists nothing. Every cache miss runs it, so it reads only what a
//! verdict needs. It reads a key whether or not the id exists, so that its time does not reveal this; a key other than
//! the requested one never leaves this file.

use async_trait::async_trait;
use keyward_domain::KeyId;
use keyward_storage::{
    Credential, Credentials, Read, Result, Snapshot, StorageError, credential_row,
    pool::Through as _,
    row::{asked_for, stored_seq},
};
use uuid::Uuid;

use crate::{error::refused, restrictions::query_with_restrictions, store::SqliteStore};

#[async_trait]
impl Credentials for SqliteStore {
    async fn credential(&self, id: KeyId) -> Result<Option<Read<Credential>>> {
        let uuid = id.uuid();
        // The head is joined with `LEFT JOIN`: a missing head is an error, and not an unknown key. An unknown id finds
        // its neighbour, the last key before it; one older than all keys finds none.
        let row = query_with_restrictions!(
            [r#"SELECT k.id AS "id!: Uuid", k.account_id AS "account_id!: Uuid", k.type AS "key_type!",
                k.name AS "name!", k.scopes AS "scopes!", k.digest AS "digest?", k.value AS "value?",
                k.created_at AS "created_at!: i64", "#]
            [r#", k.state <> 'active' AS "revoked!: bool","#
                r#" k.suspended_at IS NOT NULL AS "suspended!: bool","#
                r#" a.mid AS "mid!",
                a.role AS "role!", a.status AS "status!", p.id AS "parent_id?: Uuid", p.mid AS "parent_mid?",
                p.role AS "parent_role?", p.status AS "parent_status?", g.id AS "grandparent_id?: Uuid",
                g.mid AS "grandparent_mid?", g.role AS "grandparent_role?", g.status AS "grandparent_status?",
                a.policy AS "policy?", p.policy AS "parent_policy?", g.policy AS "grandparent_policy?",
                h.seq AS "as_of?: i64"
            FROM api_key k JOIN account a ON a.id = k.account_id LEFT JOIN account p ON p.id = a.parent_id
                LEFT JOIN account g ON g.id = p.parent_id LEFT JOIN revocation_head h ON h.id = 1
            WHERE k.id = (SELECT max(id) FROM api_key WHERE id <= ?1)"#],
            uuid
        );
        match row.maybe(&self.readers).await {
            Ok(Some(row)) => {
                let is_asked = row.id == uuid;
                let restore = || -> Result<Read<Credential>> {
                    let missing_head = || StorageError::Corrupt { table: "revocation_head", id: "1".to_owned() };
                    let as_of = Snapshot::embedded(stored_seq(row.as_of.ok_or_else(missing_head)?)?);
                    Ok(Read { value: credential_row!(row).restore()?, as_of })
                };
                asked_for(is_asked, restore())
            }
            // The error does not show which key's column it is.
            Err(error @ sqlx::Error::ColumnDecode { .. }) if self.has_key(uuid).await? => Err(refused(error)),
            Ok(None) | Err(sqlx::Error::ColumnDecode { .. }) => Ok(None),
            Err(error) => Err(refused(error)),
        }
    }
}

impl SqliteStore {
    async fn has_key(&self, id: Uuid) -> Result<bool> {
        let has = sqlx::query_scalar!(r#"SELECT EXISTS (SELECT 1 FROM api_key WHERE id = ?1) AS "has!: bool""#, id);
        has.one(&self.readers).await.map_err(refused)
    }
}
