//! What authentication reads: one key with its account chain. It knows no reach, and lists nothing.

use async_trait::async_trait;
use keyward_domain::KeyId;

use super::{PgStore, error::failed};
use crate::{Credential, Credentials, Result};

#[async_trait]
impl Credentials for PgStore {
    #[tracing::instrument(level = "debug", skip_all, name = "db.credentials.credential", fields(key.id = %id))]
    async fn credential(&self, id: KeyId) -> Result<Option<Credential>> {
        let row = key_query!(
            r#", a.mid AS "mid!", a.role AS "role!", a.status AS "status!",
               p.id AS "parent_id?", p.mid AS "parent_mid?", p.role AS "parent_role?", p.status AS "parent_status?",
               g.id AS "grandparent_id?", g.mid AS "grandparent_mid?", g.role AS "grandparent_role?",
               g.status AS "grandparent_status?"
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
        row.map(|row| Ok(Credential { chain: restore_chain!(row)?, key: restore_key!(row)? })).transpose()
    }
}
