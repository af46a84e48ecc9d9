//! A locked account: who waits for it, and what they find.

use std::sync::Arc;

use keyward_domain::{Reach, Status};
use keyward_storage::{
    Store, Write,
    conformance::sample::{Draft, Tree},
};
use tokio::task::JoinSet;

use crate::database::{Database, fixture};

const WAITING: &str = "SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'keyward' AND wait_event_type = 'Lock'";

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_a_locked_account_finds_what_the_other_left() {
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
async fn a_locked_account_keeps_nobody_from_reading_it_or_from_working_beside_it() {
    let database = Database::migrated().await;
    let store: Arc<dyn Store> = Arc::new(database.store(4).await);
    let tree = Tree::plant_in(&store).await;
    let mut first = store.begin().await.unwrap();
    first.lock_account(&Reach::operator(), tree.merchant.id).await.unwrap().unwrap();

    let key = Draft::writer().store(&store, &tree.merchant_chain()).await;
    assert!(store.credential(key.id()).await.unwrap().is_some());
    let mut second = database.store(1).await.begin().await.unwrap();
    assert!(second.lock_account(&Reach::operator(), tree.partner.id).await.unwrap().is_some());
}
