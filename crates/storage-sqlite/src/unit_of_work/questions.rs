//! What a unit of work asks about the keys of an account, whose writer it holds. Writes nothing.

use keyward_domain::{AccountId, ApiKey, KeyId, Name, Now, Reach, Timestamp};
use keyward_storage::{Result, key_row};
use sqlx::SqliteConnection;
use uuid::Uuid;

use crate::{
    error::refused,
    restrictions::{Times, unrestricted_query},
    rows::{key_query, root},
};

/// Reads at most one row more than it may have to skip.
pub(super) async fn longest_lived_manager_key(
    connection: &mut SqliteConnection,
    within: &Reach,
    account: AccountId,
    except: &[KeyId],
    (now, usable_after): (Now, Option<Timestamp>),
) -> Result<Option<ApiKey>> {
    let (account, root) = (account.uuid(), root(within));
    let (times, usable_after) = (Times::from(now), usable_after.map(Timestamp::as_micros));
    let rows = i64::try_from(except.len()).unwrap_or(i64::MAX).saturating_add(1);
    let rows = unrestricted_query!(
        key_query,
        ["FROM api_key k INDEXED BY api_key_writers
        WHERE k.account_id = ?1 AND k.writes_keys = 1 AND k.state = 'active' AND k.suspended_at IS NULL
            AND EXISTS (
            SELECT 1 FROM visible_account v WHERE v.id = ?1 AND v.root_id = coalesce(?2, v.id)
        )"][" ORDER BY coalesce(k.expires_at, 9223372036854775807) DESC LIMIT ?3"],
        times,
        usable_after,
        account,
        root,
        rows
    );
    let rows = rows.fetch_all(connection).await.map_err(refused)?;
    let left = rows.into_iter().find(|row| !except.contains(&KeyId::from_uuid(row.id)));
    left.map(|row| key_row!(row).restore()).transpose()
}

pub(super) async fn count_keys(
    connection: &mut SqliteConnection,
    within: &Reach,
    account: AccountId,
    (now, alive_after): (Now, Option<Timestamp>),
    at_most: u32,
) -> Result<u32> {
    let (account, root, latest) = (account.uuid(), root(within), now.latest().as_micros());
    let (alive_after, at_most) = (alive_after.map(Timestamp::as_micros), i64::from(at_most));
    let count = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!: i64" FROM (
            SELECT 1 FROM api_key k INDEXED BY api_key_active_window
            WHERE k.account_id = ?1 AND k.state = 'active' AND (k.expires_at IS NULL OR k.expires_at > ?3)
            AND (?4 IS NULL OR k.created_at > ?4) AND EXISTS (
                SELECT 1 FROM visible_account v WHERE v.id = ?1 AND v.root_id = coalesce(?2, v.id)
            )
            LIMIT ?5
        )"#,
        account,
        root,
        latest,
        alive_after,
        at_most
    );
    Ok(u32::try_from(count.fetch_one(connection).await.map_err(refused)?).unwrap_or(u32::MAX))
}

pub(super) async fn pair_keys_named(
    connection: &mut SqliteConnection,
    within: &Reach,
    account: AccountId,
    name: &Name,
) -> Result<Vec<ApiKey>> {
    let (account, name, root) = (account.uuid(), name.as_str(), root(within));
    let rows = key_query!(
        "FROM api_key k INDEXED BY api_key_pairs_named
        WHERE k.account_id = ?1 AND coalesce(k.pair_name, k.name) = ?2 AND k.pair_id IS NOT NULL AND k.state = 'active'
        AND EXISTS (
            SELECT 1 FROM visible_account v WHERE v.id = ?1 AND v.root_id = coalesce(?3, v.id)
        )",
        account,
        name,
        root
    );
    let rows = rows.fetch_all(connection).await.map_err(refused)?;
    rows.into_iter().map(|row| key_row!(row).restore()).collect()
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
                SELECT 1 FROM visible_account v WHERE v.id = ?1 AND v.root_id = coalesce(?3, v.id)
            )
        ) AS "taken!: bool""#,
        account,
        name,
        root
    );
    taken.fetch_one(connection).await.map_err(refused)
}
