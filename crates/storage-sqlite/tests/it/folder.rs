//! One database, one server: which process may open it, by which name, who may read its files, and what remains
//! afterwards.

use std::{fs, os::unix::fs::symlink, path::Path, time::Duration};

use keyward_domain::{AuthKey, KeyType, Reach};
use keyward_storage::shortcuts::{StoreShortcuts as _, UnitOfWorkShortcuts as _};
use keyward_storage::{
    Accounts as _, Credentials as _, Schema, StorageError, Tokens as _,
    conformance::{
        Fixture,
        sample::{Draft, Tree, at},
    },
};
use keyward_storage_sqlite::{OpenError, Options, SqliteStore, testing};
use tempfile::TempDir;

async fn open(folder: &Path) -> Result<SqliteStore, OpenError> {
    SqliteStore::open(folder, &Options::default()).await
}

/// A store for the samples.
async fn fixture() -> (SqliteStore, TempDir, Fixture) {
    let (store, folder) = testing::open().await;
    let fixture = testing::fixture_of(&store, folder.path(), ());
    (store, folder, fixture)
}

#[tokio::test]
async fn a_second_opener_is_refused_with_the_folder() {
    let (_store, folder) = testing::open().await;
    let refused = open(folder.path()).await.unwrap_err();
    assert!(matches!(refused, OpenError::Held { .. }), "{refused:?}");
    let message = refused.to_string();
    assert!(
        message.contains("another keyward holds") && message.contains(&*folder.path().to_string_lossy()),
        "{message}"
    );
}

#[tokio::test]
async fn a_closed_store_releases_its_folder_and_leaves_one_database_file() {
    let (store, folder, fixture) = fixture().await;
    let tree = Tree::plant(&fixture).await;
    drop(fixture);
    store.close().await.unwrap();
    assert!(!folder.path().join("keyward.db-wal").exists());
    let refused = store.credential(keyward_domain::KeyId::from_uuid(tree.merchant.id.uuid())).await;
    assert!(matches!(refused, Err(StorageError::Unavailable(_))), "{refused:?}");
    assert!(matches!(store.begin().await.err(), Some(StorageError::Unavailable(_))));
    let again = open(folder.path()).await.unwrap();
    assert!(again.account(&Reach::operator(), &tree.merchant.mid).await.unwrap().is_some());
}

#[tokio::test]
async fn a_dropped_store_releases_its_folder_and_loses_no_commit() {
    let (store, folder, fixture) = fixture().await;
    let tree = Tree::plant(&fixture).await;
    let key = Draft::of(KeyType::Secret).store(&fixture.store, &tree.merchant_chain()).await;
    let mut unfinished = fixture.store.begin().await.unwrap();
    let lost = Draft::of(KeyType::Secret).issue(&tree.merchant_chain());
    let _ = unfinished.insert_key(&Reach::operator(), &lost).await.unwrap();
    drop((store, fixture));
    let refused = open(folder.path()).await;
    assert!(matches!(refused, Err(OpenError::Held { .. })), "a unit of work is still running");
    drop(unfinished);

    let again = open(folder.path()).await.unwrap();
    assert_eq!(again.schema().await.unwrap(), Schema::Current);
    let found = again.credential(key.id()).await.unwrap().unwrap().value;
    assert_eq!(found.key, AuthKey::from(&key));
    assert_eq!(again.credential(lost.id()).await.unwrap(), None);
}

#[tokio::test]
async fn a_store_opened_to_read_works_beside_a_server_and_never_writes() {
    let (_store, folder, fixture) = fixture().await;
    let reader = SqliteStore::open_read_only(folder.path(), &Options::default()).unwrap();
    let tree = Tree::plant(&fixture).await;
    assert!(reader.account(&Reach::operator(), &tree.merchant.mid).await.unwrap().is_some());
    assert_eq!(reader.schema().await.unwrap(), Schema::Current);
    assert!(reader.begin().await.is_err());
    assert!(reader.migrate().await.is_err());
    assert!(reader.drop_signing_keys(Duration::ZERO, at(0)).await.is_err());
    reader.close().await.unwrap();
    fixture.store.stamp().await.unwrap();
}

#[tokio::test]
async fn reading_does_not_create_a_missing_store() {
    let folder = tempfile::tempdir().unwrap();
    let missing = SqliteStore::open_read_only(folder.path(), &Options::default()).unwrap_err();
    assert!(matches!(missing, OpenError::Missing { .. }), "{missing:?}");
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_has_access_to_folder_and_files() {
    use std::os::unix::fs::PermissionsExt as _;
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("made/by/keyward");
    let store = open(&folder).await.unwrap();
    store.migrate().await.unwrap();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    let mut names: Vec<_> = folder.read_dir().unwrap().map(|file| file.unwrap().path()).collect();
    names.sort_unstable();
    for file in &names {
        assert_eq!(mode(file), 0o600, "{}", file.display());
    }
    let names: Vec<_> = names.iter().map(|file| file.file_name().unwrap().to_string_lossy()).collect();
    assert_eq!(names, ["keyward.db", "keyward.db-shm", "keyward.db-wal"]);
}

#[tokio::test]
async fn a_folder_that_cannot_be_created_is_reported() {
    let parent = tempfile::tempdir().unwrap();
    let file = parent.path().join("a file");
    std::fs::write(&file, "").unwrap();
    let refused = open(&file).await.unwrap_err();
    assert!(matches!(&refused, OpenError::File { path, .. } if *path == file), "{refused:?}");
}

#[tokio::test]
async fn a_second_opener_is_refused_under_every_name_of_the_file() {
    let (_store, folder) = testing::open().await;
    let database = folder.path().join("keyward.db");
    let links: [fn(&Path, &Path) -> std::io::Result<()>; 2] =
        [|from, to| fs::hard_link(from, to), |from, to| symlink(from, to)];
    for link in links {
        let other = tempfile::tempdir().unwrap();
        link(&database, &other.path().join("keyward.db")).unwrap();
        let refused = open(other.path()).await.unwrap_err();
        assert!(matches!(refused, OpenError::Held { .. }), "{refused:?}");
    }
}

#[tokio::test]
async fn a_database_with_two_names_is_refused_until_one_name_is_removed() {
    let (store, folder) = testing::open().await;
    store.close().await.unwrap();
    let other = folder.path().join("a second name");
    fs::hard_link(folder.path().join("keyward.db"), &other).unwrap();
    let refused = open(folder.path()).await.unwrap_err();
    assert!(matches!(refused, OpenError::Linked { names: 2, .. }), "{refused:?}");
    fs::remove_file(other).unwrap();
    open(folder.path()).await.unwrap();
}

#[tokio::test]
async fn anything_but_a_file_is_refused_before_it_is_opened() {
    for name in ["keyward.db", "keyward.db-wal", "keyward.db-shm"] {
        let folder = tempfile::tempdir().unwrap();
        // As good as a pipe, and created without another program.
        let _listening = std::os::unix::net::UnixListener::bind(folder.path().join(name)).unwrap();
        let refused = open(folder.path()).await.unwrap_err();
        assert!(matches!(refused, OpenError::NotAFile { .. }), "{name}: {refused:?}");
        let refused = SqliteStore::open_read_only(folder.path(), &Options::default()).unwrap_err();
        assert!(matches!(refused, OpenError::NotAFile { .. }), "{name}: {refused:?}");
    }
}

/// Ways to lose files of a running server.
fn losses() -> [fn(&Path) -> std::io::Result<()>; 4] {
    [
        |folder| fs::remove_file(folder.join("keyward.db")),
        |folder| {
            fs::rename(folder.join("keyward.db"), folder.join("aside"))?;
            fs::copy(folder.join("aside"), folder.join("keyward.db")).map(drop)
        },
        |folder| fs::remove_file(folder.join("keyward.db-wal")),
        |folder| fs::rename(folder, folder.with_extension("aside")),
    ]
}

#[tokio::test]
async fn a_lost_file_takes_no_writes_and_is_reported() {
    for lose in losses() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("data");
        let store = open(&folder).await.unwrap();
        store.migrate().await.unwrap();
        store.begin().await.unwrap().commit().await.unwrap();
        let under_way = store.begin().await.unwrap();
        lose(&folder).unwrap();
        // Earlier transactions may be in a file that no longer has a name.
        let unknown = under_way.commit().await.unwrap_err();
        assert!(matches!(unknown, StorageError::OutcomeUnknown(_)), "{unknown:?}");
        let refused = store.begin().await.err().unwrap();
        assert!(matches!(refused, StorageError::Unavailable(_)), "{refused:?}");
        assert!(store.on_the_writer("DELETE FROM signing_key").await.is_err());
        assert!(store.lost().await.path.starts_with(&folder));
        // Even if the file returns: writes in between went to another file.
        let _ = store.close().await;
    }
}

#[tokio::test]
async fn a_missing_file_is_detected_even_without_writes() {
    let (store, folder) = testing::open().await;
    fs::remove_file(folder.path().join("keyward.db")).unwrap();
    let lost = store.lost().await.to_string();
    assert!(lost.contains("keyward.db was removed or replaced"), "{lost}");
}
