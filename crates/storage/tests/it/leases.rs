//! Leases on Postgres: their dedicated connection, and its failures.

use std::sync::Arc;

use keyward_storage::shortcuts::StoreShortcuts as _;
use keyward_storage::{
    JoinRequest, Membership as _, NodeId, PgControl, Renewal, StorageError,
    conformance::{
        RawSql as _,
        sample::{at, fresh},
    },
};
use tokio::{task::JoinSet, time::Duration};

use crate::database::{Database, fresh_secret};

/// The next renewal of a node that has joined: it may follow any earlier one.
async fn joined(control: &PgControl) -> Renewal {
    let node = NodeId::from_uuid(fresh());
    let ttl = Duration::from_secs(5);
    let version = "test".to_owned();
    let join_request = JoinRequest { node, previous: None, ttl, started_at: at(0), version, counter: 1 };
    let head = control.join(&join_request).await.unwrap().head;
    Renewal { node, applied: head.position, token: head.token, counters: vec![1, 2], counter: 2 }
}

const LEASES: &str = "SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'keyward-lease'";
const LEASE_PID: &str = "SELECT pid::bigint FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'keyward-lease'";

#[tokio::test]
async fn a_renewal_does_not_wait_for_the_connections_of_requests() {
    let database = Database::migrated().await;
    let store = database.store(1).await;
    let control = database.control(&store).await;
    let unit = store.begin().await.unwrap();
    let node = joined(&control).await;
    assert!(control.renew(&node).await.unwrap().is_some());
    control.leave(node.node).await.unwrap();
    drop(unit);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_aborted_renewal_closes_its_connection_and_may_still_take_effect() {
    let database = Database::migrated().await;
    let store = database.store(2).await;
    let control = Arc::new(database.control(&store).await);
    let node = joined(&control).await;
    let raw = database.raw();
    let first = raw.number(LEASE_PID).await;
    let mut session = database.session().await;
    session.run("BEGIN; SELECT FROM node_lease FOR UPDATE").await;

    let mut renewing = JoinSet::new();
    let (renewed, given_up) = (Arc::clone(&control), Renewal { counter: 3, ..node.clone() });
    renewing.spawn(async move { renewed.renew(&given_up).await });
    raw.wait_for(1, &format!("{LEASES} AND wait_event_type = 'Lock'")).await;
    renewing.shutdown().await;
    session.run("COMMIT").await;

    raw.wait_for(3, "SELECT counter FROM node_lease").await;
    let next = Renewal { counters: vec![1, 3], counter: 4, ..node };
    assert!(control.renew(&next).await.unwrap().is_some());
    raw.wait_for(1, LEASES).await;
    assert_ne!(raw.number(LEASE_PID).await, first);
}

#[tokio::test]
async fn a_lost_connection_costs_one_renewal() {
    let database = Database::migrated().await;
    let store = database.store(1).await;
    let control = database.control(&store).await;
    let node = joined(&control).await;
    assert_eq!(database.raw().end_connections_of("keyward-lease").await, 1);
    let lost = control.renew(&node).await;
    assert!(matches!(lost, Err(StorageError::OutcomeUnknown(_))), "{lost:?}");
    assert!(control.renew(&node).await.unwrap().is_some());
}

#[tokio::test]
async fn one_connection_serves_all_leases_of_a_process_and_ends_with_them() {
    let database = Database::migrated().await;
    let store = database.store(1).await;
    let control = database.control(&store).await;
    let nodes = [joined(&control).await, joined(&control).await];
    let (one, other) = tokio::join!(control.renew(&nodes[0]), control.renew(&nodes[1]));
    assert!(one.unwrap().is_some() && other.unwrap().is_some());
    assert_eq!(database.raw().number(LEASES).await, 1);
    control.close().await;
    database.raw().wait_for(0, LEASES).await;
}

/// R10: a revocation would be answered while the node still answers from memory.
#[tokio::test]
async fn a_lease_cannot_be_deleted_manually() {
    let database = Database::migrated().await;
    let store = database.store(1).await;
    let control = database.control(&store).await;
    let (first, second) = (joined(&control).await, joined(&control).await);
    let raw = database.raw();
    let (first, second) = (raw.id(first.node.uuid()), raw.id(second.node.uuid()));
    let leave = format!("SELECT leave_node_lease({first})");
    // Releasing one row by a function does not allow deleting another.
    for statements in [
        "DELETE FROM node_lease".to_owned(),
        format!("DO $$ BEGIN PERFORM leave_node_lease({first}); DELETE FROM node_lease; END $$"),
    ] {
        let refused = raw.execute(&statements).await;
        let is_refused = |message: &String| message.contains("DELETE of table node_lease is refused");
        assert!(refused.as_ref().is_err_and(is_refused), "{statements}: {refused:?}");
        assert_eq!(raw.number("SELECT count(*) FROM node_lease").await, 2);
    }
    raw.execute(&leave).await.unwrap();
    let left = format!("SELECT count(*) FROM node_lease WHERE node = {second}");
    assert_eq!([raw.number("SELECT count(*) FROM node_lease").await, raw.number(&left).await], [1, 1]);
}

/// A process that renews another node's lease would acknowledge events that this node has not applied; one that
/// releases it would let a revocation be answered while that node answers from memory.
#[tokio::test]
async fn only_the_process_that_took_a_lease_renews_and_releases_it() {
    let database = Database::migrated().await;
    let store = database.store(1).await;
    let (own, other) = (database.control(&store).await, database.control(&store).await);
    let node = joined(&own).await;
    let raw = database.raw();
    let rows = async || raw.number("SELECT count(*) FROM node_lease WHERE counter = 1 AND applied = 0").await;
    let refused = other.renew(&node).await;
    assert!(matches!(refused, Err(StorageError::Unexpected(_))), "{refused:?}");
    other.leave(node.node).await.unwrap();
    let joining = JoinRequest {
        node: NodeId::from_uuid(fresh()),
        previous: Some(node.node),
        ttl: Duration::from_secs(5),
        started_at: at(0),
        version: "test".to_owned(),
        counter: 7,
    };
    other.join(&joining).await.unwrap();
    assert_eq!(rows().await, 1);
    // Manually, and by a caller that knows which setting to set but not its value.
    for guess in ["", "guess", &fresh().to_string()] {
        for set in ["applied = 9", "renewed_at = '-infinity'", "counter = 2", "ttl_ms = 1", "secret_digest = NULL"] {
            let statement = format!(
                "DO $$ BEGIN PERFORM set_config('keyward.lease_secret', '{guess}', true);
                UPDATE node_lease SET {set} WHERE node = {}; END $$",
                raw.id(node.node.uuid())
            );
            let refused = raw.execute(&statement).await;
            let is_refused = |message: &String| message.contains("UPDATE of table node_lease is refused");
            assert!(refused.as_ref().is_err_and(is_refused), "{statement}: {refused:?}");
        }
    }
    assert_eq!(rows().await, 1);
    assert!(own.renew(&node).await.unwrap().is_some());
    own.leave(node.node).await.unwrap();
    assert_eq!(raw.number("SELECT count(*) FROM node_lease").await, 1);
}

/// During a rolling upgrade, processes of the earlier version hold leases without a secret.
#[tokio::test]
async fn a_process_of_the_earlier_version_still_renews_and_releases_its_lease() {
    let database = Database::migrated().await;
    let control = database.control(&database.store(1).await).await;
    let raw = database.raw();
    let node = raw.id(fresh());
    for statement in [
        format!(
            "INSERT INTO node_lease (node, counter, applied, ttl_ms, started_at, renewed_at, version)
            SELECT {node}, 1, p.seq, 5000, clock_timestamp(), clock_timestamp(), 'before'
            FROM history_position p CROSS JOIN leave_node_lease({node})"
        ),
        "UPDATE node_lease SET counter = 2, applied = greatest(applied, 1), renewed_at = clock_timestamp()".to_owned(),
    ] {
        assert_eq!(raw.execute(&statement).await, Ok(1), "{statement}");
    }
    assert_eq!(control.members(&[]).await.unwrap().rows.len(), 1, "a revocation waits for it");
    let shortened = raw.execute("UPDATE node_lease SET ttl_ms = 1").await;
    assert!(shortened.as_ref().is_err_and(|message| message.contains("stays as it is")), "{shortened:?}");
    raw.execute(&format!("SELECT leave_node_lease({node})")).await.unwrap();
    assert_eq!(raw.number("SELECT count(*) FROM node_lease").await, 0);
}

#[tokio::test]
async fn a_lease_in_another_database_is_refused() {
    let (database, another) = (Database::migrated().await, Database::migrated().await);
    let refused = PgControl::connect(&database.store(1).await, &another.options(1), fresh_secret()).await;
    assert!(matches!(refused, Err(StorageError::Unexpected(_))), "{refused:?}");
}

#[tokio::test]
async fn a_control_prints_neither_its_url_nor_its_password() {
    let database = Database::migrated().await;
    let printed = format!("{:?}", database.control(&database.store(1).await).await);
    assert!(!printed.contains("postgres://") && !printed.contains("password"), "{printed}");
}
