//! Adds a key within its caller's reach. Never decides whether a key may be issued; the statement's condition requires
//! that its account is within reach and active.

use keyward_domain::{ApiKey, Description, KeyFacts, KeyState, Reach, SecretDigest};
use keyward_storage::{
    Result, Write,
    row::{RestrictionsRow, actor_column, metadata_column, state_column},
};
use sqlx::SqliteConnection;
use uuid::Uuid;

use crate::{
    restrictions::insert_with_restrictions,
    rows::{applied, root},
};

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
            KeyState::Active => Self { state: state_column(state), at: None, by: None, reason: None },
            KeyState::Revoked(it) => Self {
                state: state_column(state),
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
    let restrictions = RestrictionsRow::from(&key.facts().restrictions);
    let end = End::of(&key.facts().state);
    let pair = key.facts().pair.as_ref();
    let (pair_id, unique_name) = (pair.map(|pair| pair.id.uuid()), pair.map(|pair| &*pair.unique_name));
    let metadata = metadata_column(&key.facts().metadata);
    let done = insert_with_restrictions!(
        ["INSERT INTO api_key (id, account_id, type, name, description, scopes, writes_keys, digest, value, last_four,
            created_at, created_by, state, revoked_at, revoked_by, revocation_reason, pair_id, unique_name,
            metadata, line_id, "][")
        SELECT ?1, v.id, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?20,
            iif(v.grandparent_id IS NULL, v.id, v.parent_id), "]["
        FROM visible_account v
        WHERE v.id = ?2 AND v.root_id = coalesce(?19, v.id) AND v.status = 'active'
            AND coalesce(v.parent_status, 'active') = 'active'
            AND coalesce(v.grandparent_status, 'active') = 'active'"],
        restrictions,
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
        end.state,
        end.at,
        end.by,
        end.reason,
        pair_id,
        unique_name,
        root,
        metadata
    );
    applied(done.execute(connection).await)
}
