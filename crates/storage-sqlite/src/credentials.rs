//! The look-up for authentication: one key with its account chain and the number of the last event, in one statement,
//! on a reading connection.
//!
//! The only query that reads a key without a reach. It lists nothing. Every cache miss runs it, so it reads only what a
//! verdict needs. It reads a key whether or not the id exists, so that its time does not reveal this; a key other than
//! the requested one never leaves this file.

use std::sync::Arc;

use async_trait::async_trait;
use keyward_domain::KeyId;
use keyward_storage::{
    Credential, Credentials, Read, Result, Snapshot, StorageError,
    pool::Through as _,
    row::{AuthKeyRow, LinkRow, asked_for, restore_chain, stored_seq},
};
use uuid::Uuid;

use crate::{SqliteStore, error::refused, rows::link};

struct KeyInChain {
    id: Uuid,
    account_id: Uuid,
    key_type: String,
    name: String,
    scopes: String,
    digest: Option<String>,
    value: Option<String>,
    expires_at: Option<i64>,
    revoked: bool,
    mid: String,
    role: String,
    status: String,
    parent: Option<Uuid>,
    parent_mid: Option<String>,
    parent_role: Option<String>,
    parent_status: Option<String>,
    grandparent: Option<Uuid>,
    grandparent_mid: Option<String>,
    grandparent_role: Option<String>,
    grandparent_status: Option<String>,
    as_of: Option<i64>,
}

#[async_trait]
impl Credentials for SqliteStore {
    async fn credential(&self, id: KeyId) -> Result<Option<Read<Credential>>> {
        let uuid = id.uuid();
        // The head is joined with `LEFT JOIN`: a missing head is an error, and not an unknown key. An unknown id finds
        // its neighbour, the last key before it; one older than all keys finds none.
        let row = sqlx::query_as!(
            KeyInChain,
            r#"SELECT k.id AS "id!: Uuid", k.account_id AS "account_id!: Uuid", k.type AS "key_type!",
                k.name AS "name!", k.scopes AS "scopes!", k.digest AS "digest?", k.value AS "value?",
                k.expires_at AS "expires_at?: i64", k.state <> 'active' AS "revoked!: bool", a.mid AS "mid!",
                a.role AS "role!", a.status AS "status!", p.id AS "parent?: Uuid", p.mid AS "parent_mid?",
                p.role AS "parent_role?", p.status AS "parent_status?", g.id AS "grandparent?: Uuid",
                g.mid AS "grandparent_mid?", g.role AS "grandparent_role?", g.status AS "grandparent_status?",
                h.seq AS "as_of?: i64"
            FROM api_key k JOIN account a ON a.id = k.account_id LEFT JOIN account p ON p.id = a.parent_id
                LEFT JOIN account g ON g.id = p.parent_id LEFT JOIN revocation_head h ON h.id = 1
            WHERE k.id = (SELECT max(id) FROM api_key WHERE id <= ?1)"#,
            uuid
        );
        match row.maybe(&self.readers).await {
            Ok(Some(row)) => asked_for(row.id == uuid, row.restore()),
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

impl KeyInChain {
    fn restore(self) -> Result<Read<Credential>> {
        let key = AuthKeyRow {
            id: self.id,
            account_id: self.account_id,
            key_type: self.key_type,
            name: self.name,
            scopes: self.scopes,
            digest: self.digest,
            value: self.value,
            expires_at: self.expires_at,
            revoked: self.revoked,
        };
        let own = LinkRow { id: self.account_id, mid: self.mid, role: self.role, status: self.status };
        let above = [
            link(self.parent, self.parent_mid, self.parent_role, self.parent_status),
            link(self.grandparent, self.grandparent_mid, self.grandparent_role, self.grandparent_status),
        ];
        let value =
            Credential { key: Arc::new(key.restore()?), chain: restore_chain(own, above.into_iter().flatten())? };
        let headless = || StorageError::Corrupt { table: "revocation_head", id: "1".to_owned() };
        let as_of = stored_seq(self.as_of.ok_or_else(headless)?)?;
        Ok(Read { value, as_of: Snapshot::embedded(as_of) })
    }
}
