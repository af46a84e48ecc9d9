//! Notifications of Postgres: when they arrive, and which are ignored.

use keyward_storage::{Feed as _, Hint, PgControl, Seq, StorageError};

use crate::database::Database;

async fn control(database: &Database) -> PgControl {
    database.control(&database.store(2).await).await
}

fn event(number: u64) -> Hint {
    Hint::Event(Seq::new(number))
}

#[tokio::test]
async fn a_hint_is_received_once_its_transaction_has_committed_and_not_before() {
    let database = Database::migrated().await;
    let control = control(&database).await;
    let mut hints = control.listen().await.unwrap().unwrap();
    let mut session = database.session().await;
    session.run("BEGIN; SELECT pg_notify('keyward_revocation', 'event 1')").await;
    control.announce(event(2)).await.unwrap();
    assert_eq!(hints.next().await.unwrap(), event(2));
    session.run("COMMIT").await;
    assert_eq!(hints.next().await.unwrap(), event(1));
}

#[tokio::test]
async fn other_notifications_are_ignored() {
    let database = Database::migrated().await;
    let control = control(&database).await;
    let mut hints = control.listen().await.unwrap().unwrap();
    let mut session = database.session().await;
    session.run("SELECT pg_notify('keyward_revocation', 'from a later version')").await;
    session.run("NOTIFY keyward_revocation").await;
    session.run("SELECT pg_notify('another_channel', 'event 1')").await;
    control.announce(event(2)).await.unwrap();
    assert_eq!(hints.next().await.unwrap(), event(2));
}

#[tokio::test]
async fn a_listener_detects_a_broken_connection_and_can_listen_again() {
    let database = Database::migrated().await;
    let control = control(&database).await;
    let mut hints = control.listen().await.unwrap().unwrap();
    assert_eq!(database.raw().end_connections_of("keyward-hints").await, 1);
    for _ in 0..2 {
        assert!(matches!(hints.next().await, Err(StorageError::Unavailable(_))));
    }
    let mut hints = control.listen().await.unwrap().unwrap();
    control.announce(event(3)).await.unwrap();
    assert_eq!(hints.next().await.unwrap(), event(3));
}
