//! Reads of a unit of work about an account's keys, before it decides.

use keyward_domain::{AccountId, ApiKey, KeyId, Name, Reach};
use keyward_storage::{Result, row::KeyRow};
use sqlx::SqliteConnection;
use uuid::Uuid;

use crate::{
    error::refused,
    rows::{root, select_keys},
};

/// Reads at most one row more than it may have to skip.
pub(super) async fn longest_lived_manager_key(
    connection: &mut SqliteConnection,
    within: &Reach,
    account: AccountId,
    except: &[KeyId],
) -> Result<Option<ApiKey>> {
    let (account, root) = (account.uuid(), root(within));
    let rows = i64::try_from(except.len()).unwrap_or(i64::MAX).saturating_add(1);
    let rows = select_keys!(
        KeyRow,
        "FROM api_key k INDEXED BY api_key_writers
        WHERE k.account_id = ?1 AND k.writes_keys = 1 AND k.state = 'active' AND EXISTS (
            SELECT 1 FROM account a LEFT JOIN account p ON p.id = a.parent_id
            WHERE a.id = ?1 AND (?2 IS NULL OR ?2 IN (a.id, a.parent_id, p.parent_id))
        )
        ORDER BY coalesce(k.expires_at, 9223372036854775807) DESC LIMIT ?3",
        account,
        root,
        rows
    );
    let rows = rows.fetch_all(connection).await.map_err(refused)?;
    let left = rows.into_iter().find(|row| !except.contains(&KeyId::from_uuid(row.id)));
    left.map(KeyRow::restore).transpose()
}

pub(super) async fn pair_keys_named(
    connection: &mut SqliteConnection,
    within: &Reach,
    account: AccountId,
    name: &Name,
) -> Result<Vec<ApiKey>> {
    let (account, name, root) = (account.uuid(), name.as_str(), root(within));
    let rows = select_keys!(
        KeyRow,
        "FROM api_key k INDEXED BY api_key_pair_names
        WHERE k.account_id = ?1 AND k.name = ?2 AND k.pair_id IS NOT NULL AND k.state = 'active' AND EXISTS (
            SELECT 1 FROM account a LEFT JOIN account p ON p.id = a.parent_id
            WHERE a.id = ?1 AND (?3 IS NULL OR ?3 IN (a.id, a.parent_id, p.parent_id))
        )",
        account,
        name,
        root
    );
    let rows = rows.fetch_all(connection).await.map_err(refused)?;
    rows.into_iter().map(KeyRow::restore).collect()
}

/// One statement per name: SQLite binds no lists, and no network is involved.
pub(super) async fn taken_unique_names(
    connection: &mut SqliteConnection,
    within: &Reach,
    account: AccountId,
    among: &[String],
) -> Result<Vec<String>> {
    let (account, root) = (account.uuid(), root(within));
    let mut taken = Vec::new();
    for name in among {
        if is_taken(connection, root, account, name).await? {
            taken.push(name.clone());
        }
    }
    Ok(taken)
}

async fn is_taken(connection: &mut SqliteConnection, root: Option<Uuid>, account: Uuid, name: &str) -> Result<bool> {
    let taken = sqlx::query_scalar!(
        r#"SELECT EXISTS (
            SELECT 1 FROM api_key k INDEXED BY api_key_unique_name
            WHERE k.account_id = ?1 AND k.unique_name = ?2 AND k.state = 'active' AND EXISTS (
                SELECT 1 FROM account a LEFT JOIN account p ON p.id = a.parent_id
                WHERE a.id = ?1 AND (?3 IS NULL OR ?3 IN (a.id, a.parent_id, p.parent_id))
            )
        ) AS "taken!: bool""#,
        account,
        name,
        root
    );
    taken.fetch_one(connection).await.map_err(refused)
}
