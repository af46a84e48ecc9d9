//! The embedded database's own part of the revocation protocol: its triggers, its only writer, its readers.

use std::{sync::Arc, time::Duration};

use keyward_domain::{Actor, ApiKey, KeyId, KeyType, Reach, Reason, Timestamp};
use keyward_storage::shortcuts::{StoreShortcuts as _, UnitOfWorkShortcuts as _};
use keyward_storage::{
    Credentials as _, Feed as _, Position, Result, Seq, StorageError, Target, Write,
    conformance::{
        Fixture, RawSql as _,
        sample::{Draft, Tree, at, insert, revocation, revoke},
    },
};
use keyward_storage_sqlite::{Options, SqliteStore, testing};
use tempfile::TempDir;
use tokio::{sync::Semaphore, task::JoinSet};

async fn planted(options: &Options) -> (SqliteStore, TempDir, Fixture, Tree) {
    let (store, folder) = testing::open_with(options).await;
    let fixture = testing::fixture_of(&store, folder.path(), ());
    let tree = Tree::plant(&fixture).await;
    (store, folder, fixture, tree)
}

/// Key number i is revoked by event i + 1, so that its content shows its age.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_reader_sees_content_older_than_its_as_of_while_the_writer_revokes() {
    const KEYS: usize = 200;
    const READERS: usize = 2;
    let (store, _folder, fixture, tree) = planted(&Options::default()).await;
    let keys: Vec<_> = (0..KEYS).map(|_| Draft::of(KeyType::Secret).issue(&tree.merchant_chain())).collect();
    let mut unit = store.begin().await.unwrap();
    for key in &keys {
        assert_eq!(unit.insert_key(&Reach::operator(), key).await.unwrap(), Write::Applied);
    }
    unit.commit().await.unwrap();

    let ids: Arc<[KeyId]> = keys.iter().map(ApiKey::id).collect();
    let mut readers = JoinSet::new();
    let mut turns = Vec::new();
    for _ in 0..READERS {
        let turn = Arc::new(Semaphore::new(0));
        turns.push(Arc::clone(&turn));
        readers.spawn(watch(store.clone(), Arc::clone(&ids), Looks(turn)));
    }
    for (done, key) in (1..).zip(&keys) {
        // At least one look per reader for each revocation; chance decides at which of its steps.
        for turn in &turns {
            if let Ok(look) = turn.acquire().await {
                look.forget();
            }
        }
        let mut unit = store.begin().await.unwrap();
        let it = revocation(1, Actor::Operator, Reason::Superseded);
        assert_eq!(unit.record_revocation(&Reach::operator(), key.id(), &it).await.unwrap(), Write::Applied);
        assert_eq!(unit.commit().await.unwrap().event, Some(Position::unnamed(Seq::new(done))));
    }
    while let Some(seen) = readers.join_next().await {
        let seen = seen.unwrap().unwrap();
        for look in &seen {
            assert_eq!(look.revoked, look.as_of > look.key, "{look:?}");
        }
        assert!(seen.iter().any(|look| !look.revoked));
        assert_eq!(seen.last().map(|look| look.as_of), u64::try_from(KEYS).ok());
    }
    drop(fixture);
}

/// The observation of a reader for the key with this number.
#[derive(Debug)]
struct Look {
    key: u64,
    revoked: bool,
    as_of: u64,
}

/// Closes when its reader ends, so that no test waits for it.
struct Looks(Arc<Semaphore>);

impl Drop for Looks {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Reads the key that is revoked next, repeatedly, until all are revoked.
async fn watch(store: SqliteStore, keys: Arc<[KeyId]>, looks: Looks) -> Result<Vec<Look>> {
    let mut seen = Vec::new();
    let mut next = 0;
    while let Some(id) = usize::try_from(next).ok().and_then(|next| keys.get(next)) {
        let Some(read) = store.credential(*id).await? else { break };
        let look = Look { key: next, revoked: read.value.key.view().revoked, as_of: read.as_of.seq().number() };
        next = look.as_of.max(next);
        seen.push(look);
        looks.0.add_permits(1);
    }
    Ok(seen)
}

#[tokio::test]
async fn an_operation_without_writes_waits_for_no_writer() {
    let soon = Duration::from_millis(500);
    let options = Options { acquire_timeout: soon, busy_timeout: soon, ..Options::default() };
    let (store, _folder, fixture, tree) = planted(&options).await;
    let [old, new] = [(); 2].map(|()| Draft::of(KeyType::Secret).issue(&tree.merchant_chain()));
    for key in [&old, &new] {
        insert(&fixture.store, key).await;
        revoke(&fixture.store, key).await;
    }
    let note = async |key: &ApiKey, up_to| {
        let up_to = Seq::new(up_to);
        store.record_enforced(&[Target::Key(key.id())], up_to, Position::unnamed(up_to), at(20)).await
    };
    note(&old, 1).await.unwrap();
    let long_ago = Timestamp::from_micros(0).unwrap();
    let unit = store.begin().await.unwrap();
    note(&old, 2).await.unwrap();
    note(&new, 1).await.unwrap();
    assert_eq!(store.prune(Duration::ZERO, long_ago, 100).await.unwrap(), 0);
    let wait = note(&new, 2).await;
    assert!(matches!(wait, Err(StorageError::Unavailable(_))), "this operation writes");
    drop(unit);
    note(&new, 2).await.unwrap();
}

/// An operator's connection may enable recursive triggers; a change is still one event.
#[tokio::test]
async fn a_trigger_does_not_fire_itself_where_triggers_may_be_recursive() {
    let (store, folder, fixture, tree) = planted(&Options::default()).await;
    Draft::manager_key().store(&fixture.store, &tree.merchant_chain()).await;
    let raw = testing::Raw::beside(folder.path());
    raw.execute("PRAGMA recursive_triggers = 1").await.unwrap();
    for change in [
        "UPDATE api_key SET scopes = 'api-keys:read'",
        "UPDATE account SET status = 'suspended' WHERE role = 'platform'",
        "DELETE FROM api_key",
    ] {
        let before = store.head().await.unwrap().as_of.position;
        assert_eq!(raw.execute(change).await, Ok(1), "{change}");
        let made = store.events_after(before, 100).await.unwrap();
        assert_eq!(made.events.len(), 1, "{change}");
    }
}

#[tokio::test]
async fn a_missing_head_is_an_error_and_never_an_unknown_key() {
    let (store, folder, fixture, tree) = planted(&Options::default()).await;
    let key = Draft::manager_key().store(&fixture.store, &tree.merchant_chain()).await;
    let raw = testing::Raw::beside(folder.path());
    assert!(raw.execute("DELETE FROM revocation_head").await.is_err(), "it cannot be deleted by mistake");
    raw.execute("DROP TRIGGER revocation_head_stays").await.unwrap();
    raw.execute("DELETE FROM revocation_head").await.unwrap();
    assert!(matches!(store.credential(key.id()).await, Err(StorageError::Corrupt { .. })));
    assert!(store.head().await.is_err());
}
