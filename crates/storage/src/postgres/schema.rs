//! Compares a database's schema with the migrations in this binary. Never migrates back.
//!
//! Its statements are not checked at compile time: the table that they read belongs to sqlx.

use std::{collections::BTreeMap, ops::Deref as _};

use sqlx::{ConnectOptions as _, Connection as _, PgPool, migrate::Migrator};

use super::{
    error::{failed, migration_failed},
    plans::Plans,
};
use crate::{Result, Schema, StorageError};

static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/postgres");

/// Migrates on a separate connection: a migration may take longer than a request, and waits for another node's.
pub(super) async fn migrate(pool: &PgPool) -> Result<()> {
    let options = pool.connect_options().deref().clone();
    let unhurried = ["statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"];
    let options = options.options(unhurried.map(|setting| (setting, "0")));
    let mut connection = options.connect().await.map_err(failed)?;
    MIGRATIONS.run_direct(None, &mut connection, false).await.map_err(migration_failed)?;
    connection.close().await.map_err(failed)
}

pub(super) async fn compare(pool: &PgPool, plans: &Plans) -> Result<Schema> {
    // Tables that none of our migrations made belong to another program, unless an extension made them.
    let tables = "SELECT to_regclass('_sqlx_migrations') IS NOT NULL, EXISTS (
            SELECT FROM pg_class c
            WHERE c.relnamespace = to_regnamespace(current_schema()) AND c.relkind IN ('r', 'p')
            AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
        )";
    let (recorded, taken): (bool, bool) = plans.ask(|| sqlx::query_as(tables).fetch_one(pool)).await?;
    if !recorded {
        return Ok(if taken { Schema::Foreign } else { Schema::Empty });
    }
    let steps = "SELECT version, success, checksum FROM _sqlx_migrations ORDER BY version";
    let rows: Vec<(i64, bool, Vec<u8>)> = plans.ask(|| sqlx::query_as(steps).fetch_all(pool)).await?;
    let known = MIGRATIONS.iter().map(|it| (it.version, it.checksum.as_ref())).collect();
    judge(&rows, &known)
}

/// Compares the applied migrations (version, whether finished, checksum) with those in this binary.
fn judge(applied: &[(i64, bool, Vec<u8>)], known: &BTreeMap<i64, &[u8]>) -> Result<Schema> {
    let newest = known.last_key_value().map_or(0, |(version, _)| *version);
    let Some((at, ..)) = applied.last() else { return Ok(Schema::Empty) };
    let is_ours = |(version, _, sum): &(i64, bool, Vec<u8>)| known.get(version).is_some_and(|it| it == sum);
    if !applied.iter().any(is_ours) {
        return Ok(Schema::Foreign);
    }
    if applied.iter().any(|(version, ..)| !known.contains_key(version)) {
        return Ok(Schema::Ahead { at: *at, knows: newest });
    }
    for (version, finished, checksum) in applied {
        if !finished {
            return unusable(format!("migration {version} was left half done: finish it by hand, or restore a backup"));
        }
        if known.get(version).is_some_and(|it| it != checksum) {
            return unusable(format!(
                "migration {version} is not the one that was applied: it comes from another binary"
            ));
        }
    }
    if applied.len() < known.len() { Ok(Schema::Behind { at: *at, needs: newest }) } else { Ok(Schema::Current) }
}

fn unusable(why: String) -> Result<Schema> {
    Err(StorageError::Unexpected(why.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compare(applied: &[(i64, bool, u8)]) -> Result<Schema> {
        let applied: Vec<_> = applied.iter().map(|(version, done, sum)| (*version, *done, vec![*sum])).collect();
        judge(&applied, &BTreeMap::from([(1, &[1][..]), (2, &[2][..])]))
    }

    #[test]
    fn a_schema_is_empty_behind_current_or_ahead() {
        assert_eq!(compare(&[]).unwrap(), Schema::Empty);
        assert_eq!(compare(&[(1, true, 1)]).unwrap(), Schema::Behind { at: 1, needs: 2 });
        assert_eq!(compare(&[(1, true, 1), (2, true, 2)]).unwrap(), Schema::Current);
        assert_eq!(compare(&[(1, true, 1), (2, true, 2), (3, true, 3)]).unwrap(), Schema::Ahead { at: 3, knows: 2 });
    }

    #[test]
    fn unknown_migrations_belong_to_another_program() {
        for applied in [&[(1, true, 9)][..], &[(20_240_101, true, 1)], &[(1, true, 9), (2, true, 9)]] {
            assert_eq!(compare(applied).unwrap(), Schema::Foreign, "{applied:?}");
        }
    }

    #[test]
    fn an_incomplete_or_changed_migration_is_reported() {
        for (applied, word) in [(vec![(1, false, 1)], "half done"), (vec![(1, true, 1), (2, true, 9)], "not the one")] {
            let refusal = compare(&applied);
            assert!(matches!(refusal, Err(StorageError::Unexpected(why)) if why.to_string().contains(word)));
        }
    }
}
