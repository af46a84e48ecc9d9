//! Which servers a node connects to, and with which role.

use keyward_storage::{PgOptions, PgStore, Schema, StorageError};

use crate::database::Database;

#[tokio::test]
async fn a_missing_database_is_unavailable() {
    let url =
        keyward_testkit::pg::with_database(&keyward_testkit::pg::shared_url().unwrap(), "keyward_no_such_database")
            .unwrap();
    let refused = PgStore::connect(&PgOptions::new(url.into())).await;
    assert!(matches!(refused, Err(StorageError::Unavailable(_))), "{refused:?}");
}

#[tokio::test]
async fn a_missing_server_is_unavailable() {
    let url = "postgres://keyward@localhost/keyward?host=/nowhere/at/all";
    let refused = PgStore::connect(&PgOptions::new(url.into())).await;
    assert!(matches!(refused, Err(StorageError::Unavailable(_))), "{refused:?}");
}

#[tokio::test]
async fn connections_have_our_name() {
    let database = Database::create().await;
    let store = database.store(1).await;
    store.schema().await.unwrap();
    let named = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'keyward'";
    // The server ends the connection that inspected it a moment after it was closed.
    database.raw().wait_for(1, named).await;
}

#[tokio::test]
async fn a_store_prints_neither_its_url_nor_its_password() {
    let database = Database::create().await;
    let printed = format!("{:?} {:?}", database.store(1).await, database.options(1));
    assert!(!printed.contains("postgres://") && !printed.contains("password"), "{printed}");
}

#[tokio::test]
async fn a_pool_larger_than_the_server_allows_is_a_warning() {
    let database = Database::create().await;
    let options = PgOptions { max_connections: 1_000_000, ..database.options(1) };
    let warnings = PgStore::connect(&options).await.unwrap().warnings().to_vec();
    assert!(warnings.iter().any(|it| it.contains("database.max_connections is 1000000")), "{warnings:?}");
    let warnings = database.store(1).await.warnings().to_vec();
    assert!(!warnings.iter().any(|it| it.contains("max_connections")), "{warnings:?}");
}

/// The error with its causes.
fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[tokio::test]
async fn a_server_without_free_connections_is_reported_as_such() {
    let database = Database::create().await;
    let role = format!("keyward_test_single_{}", std::process::id());
    let mut owner = database.session().await;
    owner.run(&format!("CREATE ROLE {role} LOGIN CONNECTION LIMIT 1")).await;
    let options = database.options_as(&role);
    let only = PgStore::connect(&options).await.unwrap();
    let refused = with_causes(&PgStore::connect(&options).await.unwrap_err());
    for word in ["too many connections for role", "lower database.max_connections"] {
        assert!(refused.contains(word), "{refused}");
    }
    assert!(!refused.contains("at line"), "{refused}");
    only.close().await;
    owner.run(&format!("DROP ROLE {role}")).await;
}

#[tokio::test]
async fn missing_rights_of_a_role_are_listed_as_grants() {
    let database = Database::migrated().await;
    let role = format!("keyward_test_poor_{}", std::process::id());
    let mut owner = database.session().await;
    owner.run(&format!("CREATE ROLE {role} LOGIN; REVOKE USAGE ON SCHEMA public FROM PUBLIC")).await;
    let store = PgStore::connect(&database.options_as(&role)).await.unwrap();
    let missing = store.missing_rights().await.unwrap();
    assert_eq!(missing[0], format!("GRANT USAGE ON SCHEMA public TO {role};"));
    assert!(
        missing.iter().any(|it| it.starts_with("GRANT SELECT, INSERT, UPDATE (status), UPDATE (suspended_by), ")),
        "{missing:?}"
    );
    // Grants what is missing until nothing is: the functions are visible only once the schema is.
    for _ in 0..2 {
        owner.run(&store.missing_rights().await.unwrap().concat()).await;
    }
    assert_eq!(store.missing_rights().await.unwrap(), Vec::<String>::new());
    assert_eq!(store.schema().await.unwrap(), Schema::Current);
    store.close().await;
    owner.run(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
}
