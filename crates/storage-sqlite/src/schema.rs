//! Compares the schema of a database with what this binary needs.

use keyward_storage::{Result, Schema, StorageError};
use sqlx::{
    SqlitePool,
    migrate::{MigrateError, Migrator},
};

use crate::error::refused;

#[cfg(test)]
mod tests;

/// The migrations in this binary.
pub(crate) static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/sqlite");

/// Applies missing migrations, each in its own transaction.
pub(crate) async fn migrate(writer: &SqlitePool) -> Result<()> {
    match MIGRATIONS.run(writer).await {
        Ok(()) => Ok(()),
        Err(MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)) => Err(refused(error)),
        Err(error) => Err(StorageError::Unexpected(error.into())),
    }
}

/// Whether the database has no tables.
pub(crate) async fn is_hollow(writer: &SqlitePool) -> Result<bool> {
    let tables: i64 =
        sqlx::query_scalar("SELECT count(*) FROM sqlite_schema").fetch_one(writer).await.map_err(refused)?;
    Ok(tables == 0)
}

/// Reads the applied migrations, and compares.
pub(crate) async fn compare(readers: &SqlitePool) -> Result<Schema> {
    let newest = MIGRATIONS.iter().map(|step| step.version).max().unwrap_or_default();
    // The table of migrations belongs to sqlx and may not exist yet: these two queries are not checked at compile time.
    let tables = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'";
    let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(readers).await.map_err(refused)?;
    let has = |table: &str| tables.iter().any(|name| name == table);
    let untracked = match tables.iter().all(|name| name == "_sqlx_migrations") {
        true => Schema::Empty,
        // All our tables exist; only the table of migrations was removed.
        false if ["account", "api_key", "revocation_head"].iter().all(|table| has(table)) => {
            Schema::Ahead { at: 0, knows: newest }
        }
        false => Schema::Foreign,
    };
    if !has("_sqlx_migrations") {
        return Ok(untracked);
    }
    let applied = "SELECT version, checksum FROM _sqlx_migrations ORDER BY version";
    let applied: Vec<(i64, Vec<u8>)> = sqlx::query_as(applied).fetch_all(readers).await.map_err(refused)?;
    let Some((at, _)) = applied.last().cloned() else { return Ok(untracked) };
    let is_ours = |(version, sum): &(i64, Vec<u8>)| {
        MIGRATIONS.iter().any(|step| step.version == *version && step.checksum[..] == sum[..])
    };
    if !applied.iter().any(is_ours) {
        return Ok(Schema::Foreign);
    }
    let mut known = MIGRATIONS.iter();
    let as_known = applied.iter().all(|(version, checksum)| {
        known.next().is_some_and(|step| step.version == *version && step.checksum[..] == checksum[..])
    });
    Ok(match known.next() {
        _ if !as_known => Schema::Ahead { at, knows: newest },
        None => Schema::Current,
        Some(_) => Schema::Behind { at, needs: newest },
    })
}
