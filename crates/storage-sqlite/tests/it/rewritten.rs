//! A database that others write to, or put back, while a store has it open: the history has another token afterwards.

use keyward_storage::{Feed as _, Position, Seq, Store as _, conformance::RawSql as _};
use keyward_storage_sqlite::testing::{Raw, open};

#[tokio::test]
async fn a_write_by_others_is_another_history_and_our_own_is_none() {
    let (store, folder) = open().await;
    let token = async || store.events_after(Position::START, 1).await.unwrap().token;
    let before = token().await;
    for _ in 0..3 {
        store.begin().await.unwrap().commit().await.unwrap();
        store.on_the_writer("CREATE TABLE IF NOT EXISTS ours (x)").await.unwrap();
    }
    assert_eq!(token().await, before);
    Raw::beside(folder.path()).execute("CREATE TABLE theirs (x)").await.unwrap();
    let after = token().await;
    assert_ne!(after, before);
    assert_eq!(token().await, after, "it was one write");
}

/// The look at the tick passes by where the writer is at work: then the work itself has looked.
#[tokio::test]
async fn a_unit_of_work_looks_before_it_begins() {
    let (store, folder) = open().await;
    let before = store.events_after(Position::START, 1).await.unwrap().token;
    Raw::beside(folder.path()).execute("CREATE TABLE theirs (x)").await.unwrap();
    let held = store.begin().await.unwrap();
    assert_ne!(store.events_after(Position::START, 1).await.unwrap().token, before);
    drop(held);
}

#[tokio::test]
async fn events_beyond_the_last_one_follow_nothing() {
    let (store, _folder) = open().await;
    let head = store.head().await.unwrap().as_of.position;
    assert!(store.events_after(head, 1).await.unwrap().follow);
    let beyond = Position::unnamed(Seq::new(head.seq.number() + 1));
    assert!(!store.events_after(beyond, 1).await.unwrap().follow);
}
