//! Comparing the schema of a file with what the binary needs.

use keyward_storage::{Schema, conformance::RawSql as _};
use keyward_storage_sqlite::{Options, SqliteStore, testing};

#[tokio::test]
async fn a_new_file_is_empty_and_migrating_makes_it_current() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path(), &Options::default()).await.unwrap();
    assert_eq!(store.schema().await.unwrap(), Schema::Empty);
    store.migrate().await.unwrap();
    assert_eq!(store.schema().await.unwrap(), Schema::Current);
    store.migrate().await.unwrap();
    assert_eq!(store.schema().await.unwrap(), Schema::Current);
}

#[tokio::test]
async fn a_schema_that_lacks_a_migration_is_behind() {
    let (store, folder) = testing::open().await;
    let raw = testing::Raw::beside(folder.path());
    raw.execute("DELETE FROM _sqlx_migrations WHERE version > 1").await.unwrap();
    assert!(matches!(store.schema().await.unwrap(), Schema::Behind { at: 1, needs } if needs >= 2));
}

#[tokio::test]
async fn a_schema_of_a_newer_binary_or_changed_manually_is_ahead_and_not_migrated() {
    for change in [
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
            VALUES (9000, 'from the future', 1, x'00', 0)",
        "UPDATE _sqlx_migrations SET checksum = x'00' WHERE version = 1",
        "DELETE FROM _sqlx_migrations WHERE version = 1",
        "DELETE FROM _sqlx_migrations",
        "DROP TABLE _sqlx_migrations",
    ] {
        let (store, folder) = testing::open().await;
        testing::Raw::beside(folder.path()).execute(change).await.unwrap();
        assert!(matches!(store.schema().await.unwrap(), Schema::Ahead { .. }), "{change}");
        assert!(store.migrate().await.is_err(), "{change}");
    }
}
