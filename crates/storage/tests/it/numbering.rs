//! Events on Postgres: which transactions wait for others, what no session can do without the nodes' knowledge, and
//! what a failure leaves.

use std::sync::Arc;

use keyward_domain::{Actor, ApiKey, KeyType, Reach, Reason};
use keyward_storage::shortcuts::{StoreShortcuts as _, UnitOfWorkShortcuts as _};
use keyward_storage::{
    Committed, PgOptions, PgStore, Result, Seq, StorageError, Store, Write,
    conformance::{
        RawSql as _,
        sample::{Draft, Tree, credential, revocation, revoke},
    },
};
use tokio::time::Duration;

use crate::database::Database;

/// A store that does not wait for locks, with some keys.
async fn impatient(database: &Database) -> (Arc<dyn Store>, Vec<ApiKey>) {
    let options = PgOptions { lock_timeout: Duration::from_millis(50), ..database.options(1) };
    let store: Arc<dyn Store> = Arc::new(PgStore::connect(&options).await.unwrap());
    let chain = Tree::plant_in(&store).await.merchant_chain();
    let mut keys = Vec::new();
    for _ in 0..3 {
        keys.push(Draft::of(KeyType::Secret).store(&store, &chain).await);
    }
    (store, keys)
}

async fn try_to_revoke(store: &Arc<dyn Store>, key: &ApiKey) -> Result<Committed> {
    let mut unit = store.begin().await?;
    let it = revocation(1, Actor::Operator, Reason::Compromised);
    assert_eq!(unit.record_revocation(&Reach::operator(), key.id(), &it).await?, Write::Applied);
    unit.commit().await
}

#[tokio::test]
async fn a_revocation_does_not_wait_for_an_open_change() {
    let database = Database::migrated().await;
    let (store, keys) = impatient(&database).await;
    let [open, revoked, _] = keys.as_slice() else { unreachable!() };
    let mut session = database.session().await;
    session.run(&format!("BEGIN; UPDATE api_key SET scopes = 'charges:read' WHERE id = '{}'", open.id().uuid())).await;
    assert_eq!(revoke(&store, revoked).await, Seq::new(1));
    session.run("COMMIT").await;
    let numbered = format!("SELECT change_seq FROM api_key WHERE id = '{}'", open.id().uuid());
    assert_eq!(session.number(&numbered).await, 2);
}

#[tokio::test]
async fn a_change_without_a_number_in_time_is_not_made() {
    let database = Database::migrated().await;
    let (store, keys) = impatient(&database).await;
    let [key, ..] = keys.as_slice() else { unreachable!() };
    let mut session = database.session().await;
    session.run("BEGIN; UPDATE revocation_head SET seq = seq").await;
    let refused = try_to_revoke(&store, key).await;
    assert!(matches!(refused, Err(StorageError::Unavailable(_))), "{refused:?}");
    assert!(!credential(&store, key.id()).await.key.view().revoked);
    session.run("ROLLBACK").await;
    assert_eq!(revoke(&store, key).await, Seq::new(1));
}

#[tokio::test]
async fn a_connection_lost_during_the_commit_of_a_revocation_leaves_the_outcome_unknown() {
    let database = Database::migrated().await;
    let (store, keys) = impatient(&database).await;
    let [key, ..] = keys.as_slice() else { unreachable!() };
    let mut unit = store.begin().await.unwrap();
    let it = revocation(1, Actor::Operator, Reason::Compromised);
    assert_eq!(unit.record_revocation(&Reach::operator(), key.id(), &it).await.unwrap(), Write::Applied);
    database.raw().end_connections().await;
    let lost = unit.commit().await;
    assert!(matches!(lost, Err(StorageError::OutcomeUnknown(_))), "{lost:?}");
    assert_eq!(revoke(&store, key).await, Seq::new(1));
}

/// An open revocation never locks the row that numbers all events. Only the commit locks it, and the server runs the
/// commit by itself.
#[tokio::test]
async fn a_revocation_that_stops_before_its_commit_delays_no_other() {
    let database = Database::migrated().await;
    let (store, keys) = impatient(&database).await;
    let [stopped, key, _] = keys.as_slice() else { unreachable!() };
    let other = database.store(1).await;
    let mut unit = other.begin().await.unwrap();
    let it = revocation(1, Actor::Operator, Reason::Compromised);
    assert_eq!(unit.record_revocation(&Reach::operator(), stopped.id(), &it).await.unwrap(), Write::Applied);
    assert_eq!(revoke(&store, key).await, Seq::new(1));
    assert_eq!(unit.commit().await.unwrap().event.map(|event| event.seq), Some(Seq::new(2)));
}

/// A connection that committed a revocation is usable afterwards, without an open transaction.
#[tokio::test]
async fn a_committed_revocation_leaves_no_transaction_open() {
    let database = Database::migrated().await;
    let (store, keys) = impatient(&database).await;
    for (key, expected) in keys.iter().zip(1..) {
        assert_eq!(revoke(&store, key).await, Seq::new(expected));
    }
    let open = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'keyward' AND state <> 'idle'";
    database.raw().wait_for(0, open).await;
    assert_eq!(store.begin().await.unwrap().commit().await.unwrap(), Committed { event: None });
}

/// On one connection: an earlier transaction's number must not be taken for this one's.
#[tokio::test]
async fn a_change_that_no_trigger_numbers_is_not_made() {
    let database = Database::migrated().await;
    let (store, keys) = impatient(&database).await;
    let [one, two, _] = keys.as_slice() else { unreachable!() };
    let switch = async |how: &str| {
        let sql = format!("ALTER TABLE api_key {how} TRIGGER api_key_changed");
        database.raw().execute(&sql).await.unwrap();
    };
    for expected in [1, 2] {
        switch("DISABLE").await;
        let refused = try_to_revoke(&store, two).await;
        assert!(matches!(refused, Err(StorageError::Unexpected(_))), "{refused:?}");
        assert!(!credential(&store, two.id()).await.key.view().revoked);
        switch("ENABLE").await;
        let key = if expected == 1 { one } else { two };
        assert_eq!(revoke(&store, key).await, Seq::new(expected));
    }
}

#[tokio::test]
async fn no_table_can_be_emptied_unnoticed() {
    let database = Database::migrated().await;
    impatient(&database).await;
    let raw = database.raw();
    for statement in [
        "TRUNCATE api_key CASCADE",
        "TRUNCATE account CASCADE",
        "TRUNCATE node_lease",
        "TRUNCATE revocation_head",
        "TRUNCATE revocation_event",
        "DELETE FROM revocation_head",
    ] {
        let refused = raw.execute(statement).await;
        assert!(refused.as_ref().is_err_and(|message| message.contains("is refused")), "{statement}: {refused:?}");
    }
    assert_eq!(raw.number("SELECT count(*) FROM api_key").await, 3);
}

/// Holds even for a role with no other right, for any search path, and for objects that shadow a name.
#[tokio::test]
async fn any_role_that_may_change_a_key_makes_an_event_in_the_only_history() {
    let database = Database::migrated().await;
    let (store, keys) = impatient(&database).await;
    let [key, ..] = keys.as_slice() else { unreachable!() };
    let role = format!("keyward_test_support_{}", std::process::id());
    let mut session = database.session().await;
    session
        .run(&format!(
            "CREATE ROLE {role}; GRANT SELECT (id), UPDATE (scopes) ON api_key TO {role}; SET ROLE {role};
            CREATE TEMPORARY TABLE revocation_head (id boolean, seq bigint);
            INSERT INTO revocation_head VALUES (true, 100); SET search_path = ''"
        ))
        .await;
    session.run(&format!("UPDATE public.api_key SET scopes = 'charges:read' WHERE id = '{}'", key.id().uuid())).await;
    session.run(&format!("RESET ROLE; DROP OWNED BY {role}; DROP ROLE {role}")).await;
    assert_eq!(store.credential(key.id()).await.unwrap().unwrap().as_of.seq(), Seq::new(1));
    assert_eq!(database.raw().number("SELECT max(seq) FROM revocation_event").await, 1);
}

#[tokio::test]
async fn a_crash_of_the_server_empties_no_table_of_the_protocol() {
    let database = Database::migrated().await;
    let logged = "SELECT count(*) FROM pg_class WHERE relpersistence = 'p'
        AND relname IN ('node_lease', 'revocation_head', 'revocation_event')";
    assert_eq!(database.raw().number(logged).await, 3);
}

/// R4, and why the look-up is one statement: a function that reads the key, then the number, returns an old key with a
/// new number, unless all its reads use one snapshot. The test holds a lock between the reads.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_and_its_number_read_in_two_snapshots_do_not_belong_together() {
    for (volatility, expected) in [("VOLATILE", 1), ("STABLE", 0)] {
        let database = Database::migrated().await;
        let (store, keys) = impatient(&database).await;
        let [key, ..] = keys.as_slice() else { unreachable!() };
        let (mut gate, mut reader) = (database.session().await, database.session().await);
        reader
            .run(&format!(
                "CREATE FUNCTION in_two(key uuid, OUT revoked boolean, OUT as_of bigint) LANGUAGE plpgsql {volatility}
                AS $$ BEGIN
                    revoked := (SELECT k.state <> 'active' FROM api_key k WHERE k.id = key);
                    PERFORM pg_advisory_lock_shared(1);
                    as_of := (SELECT h.seq FROM revocation_head h);
                END $$"
            ))
            .await;
        gate.run("SELECT pg_advisory_lock(1)").await;
        let mut reading = tokio::task::JoinSet::new();
        let read = format!("SELECT as_of FROM in_two('{}') WHERE NOT revoked", key.id().uuid());
        reading.spawn(async move { reader.number(&read).await });
        let waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        database.raw().wait_for(1, waiting).await;
        revoke(&store, key).await;
        gate.run("SELECT pg_advisory_unlock(1)").await;
        assert_eq!(reading.join_next().await.unwrap().unwrap(), expected, "{volatility}");
    }
}
