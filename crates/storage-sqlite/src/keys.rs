//! Keys of accounts: reads within a reach, and the statements of a unit of work that add and revoke keys.

use async_trait::async_trait;
use keyward_domain::{
    AccountId, ApiKey, Description, KeyFacts, KeyId, KeyState, Reach, Revocation, SecretDigest, Timestamp,
};
use keyward_storage::{
    KeyRecord, KeyWindow, Keys, ListedKey, Result, StoredState, Write, pool::Through as _, row::actor_column,
};
use sqlx::{SqliteConnection, SqliteExecutor};
use uuid::Uuid;

use crate::{
    SqliteStore,
    error::refused,
    rows::{KeyAndUse, KeyInChain, before, root, select_keys, select_page},
    unit::written,
};

#[async_trait]
impl Keys for SqliteStore {
    async fn key(&self, within: &Reach, id: KeyId) -> Result<Option<KeyRecord>> {
        key(&mut *self.readers.acquire().await.map_err(refused)?, within, id).await
    }

    async fn keys(&self, within: &Reach, account: AccountId, window: KeyWindow) -> Result<Vec<ListedKey>> {
        let (account, root, before) = (account.uuid(), root(within), before(window.before.map(KeyId::uuid)));
        // The three differ in the index that they scan, so that no row is examined in vain.
        let page = match window.stored {
            StoredState::Active => {
                select_page!("api_key_active_window", " AND k.state = 'active'", account, before, root, window.rows)
                    .one(&self.readers)
                    .await
            }
            StoredState::Revoked => {
                select_page!("api_key_revoked_window", " AND k.state = 'revoked'", account, before, root, window.rows)
                    .one(&self.readers)
                    .await
            }
            StoredState::Any => {
                select_page!("api_key_window", "", account, before, root, window.rows).one(&self.readers).await
            }
        };
        KeyAndUse::restore_page(&page.map_err(refused)?, account)
    }
}

/// Reads one key with its chain, on a reading connection or in a unit of work.
pub(crate) async fn key(executor: impl SqliteExecutor<'_>, within: &Reach, id: KeyId) -> Result<Option<KeyRecord>> {
    let (id, root) = (id.uuid(), root(within));
    let row = select_keys!(
        KeyInChain,
        r#", u.last_used AS "last_used?: i64", k.change_seq AS "change_seq?: i64",
            k.enforced_at AS "enforced_at?: i64", a.mid AS "mid!", a.role AS "role!", a.status AS "status!",
            p.id AS "parent?: Uuid", p.mid AS "parent_mid?", p.role AS "parent_role?",
            p.status AS "parent_status?", g.id AS "grandparent?: Uuid", g.mid AS "grandparent_mid?",
            g.role AS "grandparent_role?", g.status AS "grandparent_status?"
        FROM api_key k JOIN account a ON a.id = k.account_id LEFT JOIN account p ON p.id = a.parent_id
            LEFT JOIN account g ON g.id = p.parent_id LEFT JOIN key_usage u ON u.key_id = k.id
        WHERE k.id = ?1 AND (?2 IS NULL OR ?2 IN (a.id, p.id, g.id))"#,
        id,
        root
    );
    row.fetch_optional(executor).await.map_err(refused)?.map(KeyInChain::restore).transpose()
}

/// The columns of a key's revocation.
struct End {
    state: &'static str,
    at: Option<i64>,
    by: Option<Uuid>,
    reason: Option<&'static str>,
}

impl End {
    fn of(state: &KeyState) -> Self {
        match state {
            KeyState::Active => Self { state: "active", at: None, by: None, reason: None },
            KeyState::Revoked(it) => Self {
                state: "revoked",
                at: Some(it.at.as_micros()),
                by: actor_column(it.by),
                reason: Some(it.reason.as_str()),
            },
        }
    }
}

/// Adds a key if its whole chain is active.
pub(crate) async fn insert(connection: &mut SqliteConnection, within: &Reach, key: &ApiKey) -> Result<Write> {
    let KeyFacts { id, account, key_type, name, description, scopes, last_four, created_at, .. } = key.facts();
    let (id, account, root) = (id.uuid(), account.uuid(), root(within));
    let (key_type, name, scopes, last_four) = (key_type.as_str(), name.as_str(), scopes.as_str(), last_four.as_str());
    let description = description.as_ref().map(Description::as_str);
    let (digest, value, writes) = (key.digest().map(SecretDigest::encode), key.readable_value(), key.is_manager_key());
    let (created_at, created_by) = (created_at.as_micros(), actor_column(key.facts().created_by));
    let expires_at = key.facts().restrictions.expires_at.map(Timestamp::as_micros);
    let end = End::of(&key.facts().state);
    let pair = key.facts().pair.as_ref();
    let (pair_id, unique_name) = (pair.map(|pair| pair.id.uuid()), pair.map(|pair| &*pair.unique_name));
    let done = sqlx::query!(
        "INSERT INTO api_key (id, account_id, type, name, description, scopes, writes_keys, digest, value, last_four,
            created_at, created_by, expires_at, state, revoked_at, revoked_by, revocation_reason, pair_id, unique_name)
        SELECT ?1, a.id, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19
        FROM account a LEFT JOIN account p ON p.id = a.parent_id LEFT JOIN account g ON g.id = p.parent_id
        WHERE a.id = ?2 AND a.status = 'active' AND coalesce(p.status, 'active') = 'active'
            AND coalesce(g.status, 'active') = 'active' AND (?20 IS NULL OR ?20 IN (a.id, p.id, g.id))",
        id,
        account,
        key_type,
        name,
        description,
        scopes,
        writes,
        digest,
        value,
        last_four,
        created_at,
        created_by,
        expires_at,
        end.state,
        end.at,
        end.by,
        end.reason,
        pair_id,
        unique_name,
        root
    );
    written(done.execute(connection).await)
}

/// Records the revocation of a key that has none.
pub(crate) async fn revoke(
    connection: &mut SqliteConnection,
    within: &Reach,
    id: KeyId,
    it: &Revocation,
) -> Result<Write> {
    let (id, root) = (id.uuid(), root(within));
    let (at, by, reason) = (it.at.as_micros(), actor_column(it.by), it.reason.as_str());
    let done = sqlx::query!(
        "UPDATE api_key SET state = 'revoked', revoked_at = ?3, revoked_by = ?4, revocation_reason = ?5
        WHERE id = ?1 AND state = 'active' AND EXISTS (
            SELECT 1 FROM account a LEFT JOIN account p ON p.id = a.parent_id
            WHERE a.id = api_key.account_id AND (?2 IS NULL OR ?2 IN (a.id, a.parent_id, p.parent_id))
        )",
        id,
        root,
        at,
        by,
        reason
    );
    written(done.execute(connection).await)
}
