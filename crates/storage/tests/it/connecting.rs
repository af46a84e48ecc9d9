//! Which servers a node connects to, and as whom.

use keyward_storage::{PgOptions, PgStore, StorageError, conformance::RawSql as _};

use crate::database::Database;

#[tokio::test]
async fn a_database_that_is_not_there_is_unavailable() {
    let url = xtask::pg::with_database(&xtask::pg::shared_url().unwrap(), "keyward_no_such_database").unwrap();
    let refused = PgStore::connect(&PgOptions::new(url.into())).await;
    assert!(matches!(refused, Err(StorageError::Unavailable(_))), "{refused:?}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable() {
    let url = "postgres://keyward@localhost/keyward?host=/nowhere/at/all";
    let refused = PgStore::connect(&PgOptions::new(url.into())).await;
    assert!(matches!(refused, Err(StorageError::Unavailable(_))), "{refused:?}");
}

#[tokio::test]
async fn connections_bear_our_name() {
    let database = Database::create().await;
    let store = database.store(1).await;
    store.schema().await.unwrap();
    let named = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'keyward'";
    assert_eq!(database.raw().number(named).await, 1);
}

#[tokio::test]
async fn a_store_prints_neither_its_url_nor_its_password() {
    let database = Database::create().await;
    let printed = format!("{:?} {:?}", database.store(1).await, database.options(1));
    assert!(!printed.contains("postgres://") && !printed.contains("password"), "{printed}");
}
