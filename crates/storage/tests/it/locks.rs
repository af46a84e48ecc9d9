//! A locked account: which operations wait for it, and what they find.

use std::sync::Arc;

use keyward_domain::{Reach, Status};
use keyward_storage::shortcuts::{StoreShortcuts as _, UnitOfWorkShortcuts as _};
use keyward_storage::{
    Authority, PgOptions, PgStore, StorageError, Store, Write,
    conformance::sample::{Draft, Tree, chain},
};
use tokio::{task::JoinSet, time::Duration};

use crate::database::{Database, fixture};

const WAITING: &str = "SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'keyward' AND wait_event_type = 'Lock'";

#[tokio::test(flavor = "multi_thread")]
async fn a_unit_of_work_that_waited_for_an_account_finds_its_new_state() {
    let fixture = fixture().await;
    let tree = Tree::plant(&fixture).await;
    let merchant = tree.merchant.id;
    let mut first = fixture.store.begin().await.unwrap();
    first.lock_account(&Reach::operator(), merchant).await.unwrap().unwrap();

    let store = fixture.store.clone();
    let mut waiting = JoinSet::new();
    waiting.spawn(async move {
        let mut second = store.begin().await.unwrap();
        second.lock_account(&Reach::operator(), merchant).await.unwrap().unwrap()
    });
    while fixture.raw.number(WAITING).await == 0 {
        tokio::task::yield_now().await;
    }
    let suspended = first.record_status(&Reach::operator(), merchant, Status::Active, Status::Suspended).await;
    assert_eq!(suspended.unwrap(), Write::Applied);
    first.commit().await.unwrap();

    let found = waiting.join_next().await.unwrap().unwrap();
    assert_eq!(found.account.status, Status::Suspended);
    assert_eq!(found.chain.own().status, Status::Suspended);
}

#[tokio::test]
async fn a_locked_account_blocks_neither_reads_nor_work_on_other_accounts() {
    let database = Database::migrated().await;
    let store: Arc<dyn Store> = Arc::new(database.store(4).await);
    let tree = Tree::plant_in(&store).await;
    let mut first = store.begin().await.unwrap();
    first.lock_account(&Reach::operator(), tree.merchant.id).await.unwrap().unwrap();

    let key = Draft::manager_key().store(&store, &tree.merchant_chain()).await;
    assert!(store.credential(key.id()).await.unwrap().is_some());
    let mut second = database.store(1).await.begin().await.unwrap();
    assert!(second.lock_account(&Reach::operator(), tree.partner.id).await.unwrap().is_some());
}

/// Keys added at the same time share a statement: one that times out does not affect the others.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_a_locked_account_delays_others_for_at_most_the_lock_timeout() {
    let database = Database::migrated().await;
    let options = PgOptions { lock_timeout: Duration::from_millis(50), ..database.options(4) };
    let store: Arc<dyn Store> = Arc::new(PgStore::connect(&options).await.unwrap());
    let tree = Tree::plant_in(&store).await;
    // Only an operator does this manually: the service never locks an account against new keys.
    let mut operator = database.session().await;
    operator.run(&format!("BEGIN; SELECT FROM account WHERE id = '{}' FOR UPDATE", tree.merchant.id.uuid())).await;

    let mut adding = JoinSet::new();
    for _ in 0..8 {
        for (account, is_locked) in [(&tree.merchant, true), (&tree.partner, false)] {
            let line = if is_locked { tree.merchant_chain() } else { chain(&[account, &tree.platform]) };
            let (store, key) = (Arc::clone(&store), Draft::manager_key().issue(&line));
            adding.spawn(async move {
                (is_locked, store.insert_key(&Authority::operator(), &Reach::operator(), &key).await)
            });
        }
    }
    for (is_locked, result) in adding.join_all().await {
        if is_locked {
            assert!(matches!(result, Err(StorageError::Unavailable(_))), "{result:?}");
        } else {
            assert_eq!(result.unwrap(), Write::Applied);
        }
    }
}
