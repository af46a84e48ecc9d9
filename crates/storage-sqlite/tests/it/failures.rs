//! Failures of the file: a full disk, a lock of another process, corrupt content. Unacknowledged changes did not
//! happen, and the store recovers.

use std::time::Duration;

use keyward_domain::{AuthKey, KeyId, KeyType, Reach};
use keyward_storage::shortcuts::{StoreShortcuts as _, UnitOfWorkShortcuts as _};
use keyward_storage::{
    Credentials as _, StorageError, Write,
    conformance::{
        Fixture, RawSql as _,
        sample::{Draft, Tree, at, fresh, insert},
    },
};
use keyward_storage_sqlite::{Options, SqliteStore, testing};
use tempfile::TempDir;

async fn planted(options: &Options) -> (SqliteStore, TempDir, Fixture, Tree) {
    let (store, folder) = testing::open_with(options).await;
    let fixture = testing::fixture_of(&store, folder.path(), ());
    let tree = Tree::plant(&fixture).await;
    (store, folder, fixture, tree)
}

fn impatient() -> Options {
    let soon = Duration::from_millis(500);
    Options { acquire_timeout: soon, busy_timeout: soon, ..Options::default() }
}

fn unavailable<T>(answer: &keyward_storage::Result<T>) -> bool {
    matches!(answer, Err(StorageError::Unavailable(_)))
}

#[tokio::test]
async fn on_a_full_disk_nothing_is_acknowledged_and_afterwards_the_store_works_again() {
    let (store, _folder, fixture, tree) = planted(&Options::default()).await;
    let chain = tree.merchant_chain();
    let count = "SELECT count(*) FROM api_key";
    let before = Draft::manager_key().store(&fixture.store, &chain).await;
    // SQLite uses the current size if the limit is smaller.
    store.on_the_writer("PRAGMA max_page_count = 1").await.unwrap();

    let mut unit = store.begin().await.unwrap();
    let long = "é".repeat(200);
    let mut written = 0;
    let refusal = loop {
        match unit.insert_key(&Reach::operator(), &Draft::of(KeyType::Public).named(&long).issue(&chain)).await {
            Ok(Write::Applied) if written < 1_000 => written += 1,
            other => break other,
        }
    };
    assert!(unavailable(&refusal), "a full disk is an outage");
    let late = unit.insert_key(&Reach::operator(), &Draft::of(KeyType::Public).issue(&chain)).await;
    assert!(unavailable(&late), "after a rejection, nothing is written outside the transaction");
    assert!(unavailable(&unit.commit().await));
    assert_eq!(fixture.raw.number(count).await, 1);
    let found = store.credential(before.id()).await.unwrap().unwrap().value;
    assert_eq!(found.key, AuthKey::from(&before), "reading goes on");

    store.on_the_writer("PRAGMA max_page_count = 1000000").await.unwrap();
    for _ in 0..100 {
        insert(&fixture.store, &Draft::of(KeyType::Public).named(&long).issue(&chain)).await;
    }
    assert_eq!(fixture.raw.number(count).await, 101);
}

#[tokio::test]
async fn a_read_only_disk_is_an_outage() {
    let (store, _folder, fixture, tree) = planted(&Options::default()).await;
    store.on_the_writer("PRAGMA query_only = 1").await.unwrap();
    let key = Draft::of(KeyType::Public).issue(&tree.merchant_chain());
    match store.begin().await {
        Ok(mut unit) => assert!(unavailable(&unit.insert_key(&Reach::operator(), &key).await)),
        refused => assert!(unavailable(&refused)),
    }
    assert!(unavailable(&keyward_storage::Upkeep::record_usage(&store, &[(key.id(), at(1))]).await));
    store.on_the_writer("PRAGMA query_only = 0").await.unwrap();
    insert(&fixture.store, &key).await;
}

#[tokio::test]
async fn a_file_locked_by_another_writer_is_an_outage_for_writers_only() {
    let (store, folder, fixture, tree) = planted(&impatient()).await;
    let key = Draft::of(KeyType::Public).store(&fixture.store, &tree.merchant_chain()).await;
    let backup = testing::Raw::beside(folder.path());
    backup.execute("BEGIN IMMEDIATE").await.unwrap();
    assert!(unavailable(&store.begin().await));
    assert!(store.credential(key.id()).await.unwrap().is_some());
    backup.execute("ROLLBACK").await.unwrap();
    insert(&fixture.store, &Draft::of(KeyType::Public).issue(&tree.merchant_chain())).await;
}

#[tokio::test]
async fn a_writer_queues_for_a_limited_time_and_readers_never_queue() {
    let (store, _folder, fixture, tree) = planted(&impatient()).await;
    let key = Draft::of(KeyType::Public).store(&fixture.store, &tree.merchant_chain()).await;
    let mut unit = store.begin().await.unwrap();
    let added = Draft::of(KeyType::Public).issue(&tree.merchant_chain());
    assert_eq!(unit.insert_key(&Reach::operator(), &added).await.unwrap(), Write::Applied);

    assert!(unavailable(&store.begin().await));
    assert!(unavailable(&keyward_storage::Upkeep::record_usage(&store, &[(key.id(), at(1))]).await));
    assert!(store.credential(key.id()).await.unwrap().is_some());
    assert!(store.credential(added.id()).await.unwrap().is_none());
    unit.commit().await.unwrap();
    assert!(store.credential(added.id()).await.unwrap().is_some());
}

#[tokio::test]
async fn a_file_that_is_no_database_is_corrupt_and_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("keyward.db");
    let garbage = "not a database, despite its name. ".repeat(200);
    std::fs::write(&database, &garbage).unwrap();
    let refused = SqliteStore::open(folder.path(), &Options::default()).await.unwrap_err();
    let corrupt = matches!(&refused, keyward_storage_sqlite::OpenError::Database(StorageError::Corrupt { .. }));
    assert!(corrupt, "{refused:?}");
    assert_eq!(std::fs::read_to_string(&database).unwrap(), garbage);
}

/// A look-up reads a neighbour if its key does not exist.
#[tokio::test]
async fn an_invalid_text_fails_only_its_own_key() {
    let (store, _folder, fixture, tree) = planted(&Options::default()).await;
    let key = Draft::manager_key().store(&fixture.store, &tree.merchant_chain()).await;
    assert_eq!(fixture.raw.execute("UPDATE api_key SET name = CAST(x'ff' AS TEXT)").await, Ok(1));
    assert!(matches!(store.credential(key.id()).await, Err(StorageError::Corrupt { .. })));
    assert_eq!(store.credential(KeyId::from_uuid(fresh())).await.unwrap(), None);
}
