//! The database goes back, and continues in another history. The promise of a revoke holds in it, on every node that
//! kept running, and the service reports what was lost (R11, R13, R18).

mod another;
mod dumped;
mod promoted;
mod scene;
mod swapped;

use keyward_testkit::pg::{Cluster, Durability};

use crate::harness::{Fleet, Place, eventually};

/// Nodes continue while an older snapshot replaces their database.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoke_after_a_snapshot_was_put_back_holds_on_every_node() {
    let cluster = Cluster::start(Durability::Fast).unwrap();
    let fleet = Fleet::on(Place::on(&cluster.url()).await, 2).await;
    let (by, merchant) = (fleet.partner(0), &fleet.demo.merchant);
    let kept = by.create(merchant, "in the snapshot", &["charges:read"]).await;
    let first = by.create(merchant, "revoked before the snapshot", &[]).await;
    by.revoke(&first.id).await.expect(204);
    let lost = by.create(merchant, "revoked after the snapshot", &["charges:read"]).await;

    cluster.stop().unwrap();
    let snapshot = cluster.snapshot("before").unwrap();
    cluster.start_again().unwrap();
    eventually("revoked", async || by.revoke(&lost.id).await.status == 204).await;
    for number in 0..3 {
        let other = by.create(merchant, &format!("also after it {number}"), &[]).await;
        by.revoke(&other.id).await.expect(204);
    }
    let young = by.create(merchant, "made after the snapshot", &["charges:read"]).await;
    for key in [&kept, &young] {
        fleet.all_remember(&key.value).await;
    }
    assert_eq!(fleet.head().await, "5");

    cluster.stop().unwrap();
    cluster.put_back(&snapshot).unwrap();
    cluster.start_again().unwrap();
    // Its number was already used in the lost history. Until the database answers again, the call reports an outage.
    eventually("revoked in the history of the snapshot", async || by.revoke(&kept.id).await.status == 204).await;
    assert_eq!(fleet.head().await, "2");
    fleet.all_say("REVOKED", &kept.value).await;
    // It was never revoked, and does not exist any more.
    fleet.all_say("NOT_FOUND", &young.value).await;
    // The database lost this change. The service reports its number.
    assert_eq!(by.verdict(&lost.value).await, "VALID");
    let said = |node: usize| fleet.nodes[node].said_so_far();
    let told = "the database went back";
    eventually("the nodes say so", async || said(0).contains(told) && said(1).contains(told)).await;
    let doctor = fleet.place.keyward().say("doctor").run();
    let found = format!("{}{}", doctor.out, doctor.err);
    assert!(found.contains("of the changes up to event 5, those after event 1 are lost"), "{found}");
    fleet.stop();
}

/// A restart of the same data is a new history for the duration of a lease, and only for the first revoke.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_of_the_database_loses_nothing_and_reports_no_loss() {
    let cluster = Cluster::start(Durability::Fast).unwrap();
    let fleet = Fleet::on(Place::on(&cluster.url()).await, 2).await;
    let (by, merchant) = (fleet.partner(0), &fleet.demo.merchant);
    for round in 0..2 {
        let key = by.create(merchant, &format!("key {round}"), &["charges:read"]).await;
        fleet.all_remember(&key.value).await;
        cluster.restart().unwrap();
        eventually("revoked", async || by.revoke(&key.id).await.status == 204).await;
        fleet.all_say("REVOKED", &key.value).await;
    }
    assert!(fleet.nodes.iter().all(|node| !node.said_so_far().contains("the database went back")));
    fleet.stop();
}
