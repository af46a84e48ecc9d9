//! Tables altered under a store: earlier prepared statements are prepared again.

use std::sync::Arc;

use keyward_domain::{KeyType, Reach, Role};
use keyward_storage::shortcuts::{StoreShortcuts as _, UnitOfWorkShortcuts as _};
use keyward_storage::{
    AccountWindow, Accounts as _, Credentials as _, Feed as _, Installation as _, KeyWindow, Keys as _,
    Membership as _, PgControl, PgStore, Position, StorageError, Store, StoredState, Tokens as _,
    conformance::{
        RawSql as _,
        sample::{self, ALL, Draft, Tree},
    },
    is_outdated,
};

use crate::database::Database;

const ALTER: &str =
    "ALTER TABLE api_key ALTER COLUMN digest TYPE varchar(300), ALTER COLUMN unique_name TYPE varchar(300);
    ALTER TABLE account ALTER COLUMN name TYPE varchar(300);
    ALTER TABLE installation ALTER COLUMN environment TYPE varchar(20);
    ALTER TABLE signing_key ALTER COLUMN kid TYPE varchar(99);
    ALTER TABLE revocation_event ALTER COLUMN scope TYPE varchar(20);
    ALTER TABLE node_lease ALTER COLUMN version TYPE varchar(99)";

async fn read_everything(store: &PgStore, control: &PgControl, tree: &Tree, key: &keyward_domain::ApiKey) {
    let (all, merchant) = (Reach::operator(), tree.merchant_chain().own().clone());
    store.credential(key.id()).await.unwrap().unwrap();
    store.key(&all, key.id()).await.unwrap().unwrap();
    for stored in [StoredState::Any, StoredState::Active, StoredState::Revoked] {
        store.keys(&all, merchant.id, KeyWindow { stored, ..ALL }).await.unwrap();
    }
    store.account(&all, &merchant.mid).await.unwrap().unwrap();
    for (_, reach, _) in tree.reaches() {
        store.accounts(&reach, AccountWindow { before: None, rows: 10 }).await.unwrap();
    }
    store.stamp().await.unwrap();
    store.signing_keys().await.unwrap();
    store.schema().await.unwrap();
    control.head().await.unwrap();
    control.events_after(Position::START, 10).await.unwrap();
    control.members(&[]).await.unwrap();
}

#[tokio::test]
async fn a_read_does_not_notice_that_a_table_was_altered() {
    let database = Database::migrated().await;
    // One connection, which has prepared all statements.
    let store = database.store(1).await;
    let control = database.control(&store).await;
    let port: Arc<dyn Store> = Arc::new(store.clone());
    let tree = Tree::plant_in(&port).await;
    let key = Draft::of(KeyType::Secret).store(&port, &tree.merchant_chain()).await;
    read_everything(&store, &control, &tree, &key).await;
    database.session().await.run(ALTER).await;
    read_everything(&store, &control, &tree, &key).await;
    database.session().await.run(&ALTER.replace("varchar", "character varying").replace("99", "98")).await;
    read_everything(&store, &control, &tree, &key).await;
}

#[tokio::test]
async fn a_unit_of_work_reports_an_altered_table_and_the_next_one_works() {
    let database = Database::migrated().await;
    let store = database.store(1).await;
    let port: Arc<dyn Store> = Arc::new(store.clone());
    let tree = Tree::plant_in(&port).await;
    let (all, account) = (Reach::operator(), tree.merchant_chain().own().id);
    let lock = async || {
        let mut unit = store.begin().await.unwrap();
        unit.lock_account(&all, account).await
    };
    lock().await.unwrap();
    database.session().await.run(ALTER).await;
    let refused = lock().await.unwrap_err();
    assert!(is_outdated(&refused) && matches!(refused, StorageError::Unavailable(_)), "{refused:?}");
    lock().await.unwrap();
    // No other error counts as outdated.
    let mut unit = store.begin().await.unwrap();
    let another = sample::account(Role::Platform, None);
    assert!(!is_outdated(&unit.insert_account(&all, &another).await.unwrap_err()));
    drop(unit);
    assert_eq!(database.raw().number("SELECT count(*) FROM account WHERE role = 'platform'").await, 1);
}
