//! The look-up of an authentication: one key with its account chain, in one statement, through a reader.
//!
//! The only query that reads a key without a reach. It lists nothing.

use async_trait::async_trait;
use keyward_domain::KeyId;
use keyward_storage::{Credential, Credentials, Result};
use uuid::Uuid;

use crate::{
    SqliteStore,
    error::refused,
    rows::{KeyInChain, select_keys},
};

#[async_trait]
impl Credentials for SqliteStore {
    #[tracing::instrument(skip_all, name = "db.credentials.credential")]
    async fn credential(&self, id: KeyId) -> Result<Option<Credential>> {
        let id = id.uuid();
        let row = select_keys!(
            KeyInChain,
            r#", NULL AS "last_used?: i64", a.mid AS "mid!", a.role AS "role!", a.status AS "status!",
                p.id AS "parent?: Uuid", p.mid AS "parent_mid?", p.role AS "parent_role?",
                p.status AS "parent_status?", g.id AS "grandparent?: Uuid", g.mid AS "grandparent_mid?",
                g.role AS "grandparent_role?", g.status AS "grandparent_status?"
            FROM api_key k JOIN account a ON a.id = k.account_id LEFT JOIN account p ON p.id = a.parent_id
                LEFT JOIN account g ON g.id = p.parent_id
            WHERE k.id = ?1"#,
            id
        );
        let row = row.fetch_optional(&self.readers).await.map_err(refused)?;
        row.map(KeyInChain::restore_credential).transpose()
    }
}
