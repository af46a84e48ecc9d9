//! What a database says about its schema, and what migrating makes of it.

use keyward_storage::{Schema, StorageError, conformance::RawSql as _};

use crate::database::Database;

#[tokio::test]
async fn a_new_database_is_empty_and_current_once_migrated() {
    let database = Database::create().await;
    let store = database.store(1).await;
    assert_eq!(store.schema().await.unwrap(), Schema::Empty);
    store.migrate().await.unwrap();
    assert_eq!(store.schema().await.unwrap(), Schema::Current);
    store.migrate().await.unwrap();
    assert_eq!(store.schema().await.unwrap(), Schema::Current);
}

#[tokio::test]
async fn nodes_that_migrate_at_once_do_not_disturb_each_other() {
    let database = Database::create().await;
    let (one, other) = (database.store(1).await, database.store(1).await);
    let (first, second) = tokio::join!(one.migrate(), other.migrate());
    first.unwrap();
    second.unwrap();
    assert_eq!(one.schema().await.unwrap(), Schema::Current);
}

#[tokio::test]
async fn an_older_schema_is_behind_and_a_newer_one_ahead() {
    let database = Database::migrated().await;
    let (store, raw) = (database.store(1).await, database.raw());
    let newest = raw.number("SELECT max(version) FROM _sqlx_migrations").await;
    let before = raw.number(&format!("SELECT max(version) FROM _sqlx_migrations WHERE version < {newest}")).await;
    raw.execute(&format!("UPDATE _sqlx_migrations SET version = 9999 WHERE version = {newest}")).await.unwrap();
    assert_eq!(store.schema().await.unwrap(), Schema::Ahead { at: 9999, knows: newest });
    assert!(matches!(store.migrate().await, Err(StorageError::Unexpected(_))));
    raw.execute("DELETE FROM _sqlx_migrations WHERE version = 9999").await.unwrap();
    assert_eq!(store.schema().await.unwrap(), Schema::Behind { at: before, needs: newest });
}

#[tokio::test]
async fn a_changed_or_half_done_migration_is_refused_by_its_number() {
    let database = Database::migrated().await;
    let (store, raw) = (database.store(1).await, database.raw());
    for damage in ["checksum = '\\x00'", "success = false"] {
        raw.execute(&format!("UPDATE _sqlx_migrations SET {damage} WHERE version = 2")).await.unwrap();
        for refusal in [store.schema().await.map(|_| ()), store.migrate().await] {
            let Err(StorageError::Unexpected(why)) = refusal else { panic!("{damage}: {refusal:?}") };
            assert!(why.to_string().contains("migration 2"), "{why}");
        }
    }
}
