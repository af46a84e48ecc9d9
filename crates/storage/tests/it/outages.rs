//! An outage is never a verdict, and a commit without a reply is never reported as done.

use std::{future::poll_fn, sync::Arc, task::Poll};

use keyward_domain::{AccountId, KeyId, Reach, Role};
use keyward_storage::shortcuts::{StoreShortcuts as _, UnitOfWorkShortcuts as _};
use keyward_storage::{
    Authority, Constraint, Credentials as _, Feed as _, Hint, Installation as _, JoinRequest, Membership as _, NodeId,
    PgControl, PgOptions, PgStore, Position, Seq, StorageError, Store, Target, Tokens as _, Write,
    conformance::{
        RawSql as _,
        sample::{self, Draft, Tree},
    },
};
use sqlx::{ConnectOptions as _, Connection as _, postgres::PgConnectOptions};
use tokio::{task::yield_now, time::Duration};

use crate::database::{Database, fresh_secret};

fn some_key() -> KeyId {
    KeyId::from_uuid(sample::fresh())
}

/// One connection, which is tested after this idle time.
async fn store_that_trusts(database: &Database, trusted_for: Duration) -> PgStore {
    PgStore::connect(&PgOptions { trusted_for, ..database.options(1) }).await.unwrap()
}

/// Ends the one connection of this store, once it is back in the pool: the pool first tests a connection that it gets
/// back, and drops one that ends meanwhile.
async fn end_idle_connection(database: &Database, store: &PgStore) {
    while store.pool_state().idle == 0 {
        yield_now().await;
    }
    // The connection that inspected the server may not have ended yet.
    assert!(database.raw().end_connections().await >= 1);
}

#[tokio::test]
async fn a_lost_connection_is_unavailable_and_the_next_one_works() {
    let database = Database::migrated().await;
    let store = store_that_trusts(&database, Duration::MAX).await;
    assert_eq!(store.credential(some_key()).await.unwrap(), None);
    end_idle_connection(&database, &store).await;
    assert!(matches!(store.credential(some_key()).await, Err(StorageError::Unavailable(_))));
    assert_eq!(store.credential(some_key()).await.unwrap(), None);
}

#[tokio::test]
async fn a_connection_lost_while_idle_is_detected_before_its_use() {
    let database = Database::migrated().await;
    let store = store_that_trusts(&database, Duration::ZERO).await;
    assert_eq!(store.credential(some_key()).await.unwrap(), None);
    end_idle_connection(&database, &store).await;
    assert_eq!(store.credential(some_key()).await.unwrap(), None);
}

#[tokio::test]
async fn a_closed_pool_is_unavailable() {
    let database = Database::migrated().await;
    let store = database.store(1).await;
    store.close().await;
    assert!(matches!(store.credential(some_key()).await, Err(StorageError::Unavailable(_))));
    assert!(matches!(store.stamp().await, Err(StorageError::Unavailable(_))));
    assert!(matches!(store.begin().await, Err(StorageError::Unavailable(_))));
    assert!(matches!(store.drop_signing_keys(Duration::ZERO, sample::at(0)).await, Err(StorageError::Unavailable(_))));
}

#[tokio::test]
async fn a_pool_without_a_free_connection_is_unavailable() {
    let database = Database::migrated().await;
    let options = PgOptions { acquire_timeout: Duration::from_secs(1), ..database.options(1) };
    let store = PgStore::connect(&options).await.unwrap();
    let unit = store.begin().await.unwrap();
    assert!(matches!(store.credential(some_key()).await, Err(StorageError::Unavailable(_))));
    drop(unit);
    assert_eq!(store.credential(some_key()).await.unwrap(), None);
}

#[tokio::test]
async fn a_lock_not_obtained_in_time_is_unavailable() {
    let database = Database::migrated().await;
    let options = PgOptions { lock_timeout: Duration::from_millis(50), ..database.options(2) };
    let store = PgStore::connect(&options).await.unwrap();
    let platform = stored_platform(&store).await;
    let mut first = store.begin().await.unwrap();
    assert!(first.lock_account(&Reach::operator(), platform).await.unwrap().is_some());
    let mut second = store.begin().await.unwrap();
    let refused = second.lock_account(&Reach::operator(), platform).await;
    assert!(matches!(refused, Err(StorageError::Unavailable(_))), "{refused:?}");
}

#[tokio::test]
async fn a_connection_lost_before_the_commit_leaves_nothing_and_is_reported() {
    let database = Database::migrated().await;
    let store = database.store(1).await;
    let mut unit = store.begin().await.unwrap();
    let platform = sample::account(Role::Platform, None);
    assert_eq!(unit.insert_account(&Reach::operator(), &platform).await.unwrap(), Write::Applied);
    database.raw().end_connections().await;
    let lost = unit.current_key(&Reach::operator(), some_key()).await;
    assert!(matches!(lost, Err(StorageError::Unavailable(_))), "{lost:?}");
    assert!(unit.commit().await.is_err());
    assert_eq!(database.raw().number("SELECT count(*) FROM account").await, 0);
}

#[tokio::test]
async fn a_connection_lost_during_the_commit_leaves_the_outcome_unknown() {
    let database = Database::migrated().await;
    let store = database.store(1).await;
    let mut unit = store.begin().await.unwrap();
    let platform = sample::account(Role::Platform, None);
    assert_eq!(unit.insert_account(&Reach::operator(), &platform).await.unwrap(), Write::Applied);
    database.raw().end_connections().await;
    let lost = unit.commit().await;
    assert!(matches!(lost, Err(StorageError::OutcomeUnknown(_))), "{lost:?}");
}

#[tokio::test]
async fn a_connection_lost_in_a_write_that_commits_itself_leaves_the_outcome_unknown() {
    let database = Database::migrated().await;
    let store = store_that_trusts(&database, Duration::MAX).await;
    store.stamp().await.unwrap();
    end_idle_connection(&database, &store).await;
    let lost = store.drop_signing_keys(Duration::ZERO, sample::at(0)).await;
    assert!(matches!(lost, Err(StorageError::OutcomeUnknown(_))), "{lost:?}");
}

#[tokio::test]
async fn a_unit_of_work_does_not_survive_a_failed_statement() {
    let database = Database::migrated().await;
    let store = database.store(1).await;
    stored_platform(&store).await;
    let mut unit = store.begin().await.unwrap();
    let another = sample::account(Role::Platform, None);
    let refused = unit.insert_account(&Reach::operator(), &another).await;
    assert!(matches!(refused, Err(StorageError::Conflict(Constraint::OnePlatform))), "{refused:?}");
    assert!(unit.commit().await.is_err(), "Postgres answers this COMMIT by rolling back");
}

/// On a separate cluster, where commits wait for a standby that never connects. Also shows that commits are synchronous
/// although the cluster's own settings do not require it, including those of leases (R12), while notifications and
/// records of enforcement wait for no standby.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_no_standby_confirms_is_not_reported_as_done() {
    let cluster = keyward_testkit::pg::Cluster::start(keyward_testkit::pg::Durability::Fast).unwrap();
    let soon = Duration::from_secs(1);
    let options = PgOptions { commit_timeout: soon, statement_timeout: soon, ..PgOptions::new(cluster.url().into()) };
    let store = PgStore::connect(&options).await.unwrap();
    store.migrate().await.unwrap();
    store.close().await;
    let mut connection = cluster.url().parse::<PgConnectOptions>().unwrap().connect().await.unwrap();
    sqlx::query("ALTER SYSTEM SET synchronous_standby_names = 'absent'").execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    cluster.restart().unwrap();

    let store = PgStore::connect(&options).await.unwrap();
    let mut unit = store.begin().await.unwrap();
    let platform = sample::account(Role::Platform, None);
    assert_eq!(unit.insert_account(&Reach::operator(), &platform).await.unwrap(), Write::Applied);
    let unconfirmed = unit.commit().await;
    assert!(matches!(unconfirmed, Err(StorageError::OutcomeUnknown(_))), "{unconfirmed:?}");

    let control = PgControl::connect(&store, &options, fresh_secret()).await.unwrap();
    let node = NodeId::from_uuid(sample::fresh());
    let (ttl, started_at) = (Duration::from_secs(5), sample::at(0));
    let join_request = JoinRequest { node, previous: None, ttl, started_at, version: "test".to_owned(), counter: 1 };
    let unconfirmed = control.join(&join_request).await;
    assert!(matches!(unconfirmed, Err(StorageError::OutcomeUnknown(_))), "{unconfirmed:?}");
    control.announce(Hint::Event(Seq::ZERO)).await.unwrap();
    let platform = Target::Account(platform.id);
    control.record_enforced(&[platform], Seq::ZERO, Position::START, sample::at(1)).await.unwrap();
}

async fn stored_platform(store: &PgStore) -> AccountId {
    let platform = sample::account(Role::Platform, None);
    let mut unit = store.begin().await.unwrap();
    assert_eq!(unit.insert_account(&Reach::operator(), &platform).await.unwrap(), Write::Applied);
    unit.commit().await.unwrap();
    platform.id
}

/// A caller that is dropped while its unit of work begins leaves no open transaction: otherwise the next write over
/// that connection would be acknowledged and never committed.
#[tokio::test]
async fn a_unit_of_work_dropped_before_it_has_begun_leaves_nothing_open() {
    let database = Database::migrated().await;
    let store: Arc<dyn Store> = Arc::new(database.store(1).await);
    let tree = Tree::plant_in(&store).await;
    let elsewhere = database.store(1).await;
    for polls in 1..=6 {
        let mut beginning = store.begin();
        for _ in 0..polls {
            if poll_fn(|cx| Poll::Ready(beginning.as_mut().poll(cx).is_ready())).await {
                break;
            }
            // One round trip: by then the database has replied.
            assert_eq!(elsewhere.credential(some_key()).await.unwrap(), None);
        }
        drop(beginning);
        let key = Draft::manager_key().issue(&tree.merchant_chain());
        assert_eq!(store.insert_key(&Authority::operator(), &Reach::operator(), &key).await.unwrap(), Write::Applied);
        assert!(
            elsewhere.credential(key.id()).await.unwrap().is_some(),
            "given up after {polls}: acknowledged and lost"
        );
    }
}
