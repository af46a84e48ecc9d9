//! The database goes back, and continues in another history. The promise of a revoke holds in it, on every node that
//! kept running, and the service reports what was lost (R11, R13, R18).

mod another;
mod dumped;
mod promoted;
mod scene;
mod swapped;

use keyward_testkit::pg::{Cluster, Durability};
use scene::{Scene, until_answered};

use crate::harness::{Fleet, Place, eventually};

/// Nodes continue while an older snapshot replaces their database, and the first revoke in its history has a number
/// that was used in the lost one. It is not repeated before the nodes have noticed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoke_after_a_snapshot_was_put_back_holds_on_every_node() {
    let mut scene = Scene::start("quick").await;
    scene.prepare("snapshot", 1, 4).await;
    scene.cluster.stop().unwrap();
    let snapshot = scene.cluster.snapshot("before").unwrap();
    scene.cluster.start_again().unwrap();
    until_answered(&scene.by(), &scene.before.lost[0]).await;
    let after = scene.change_after_copy("snapshot").await;
    scene.cluster.stop().unwrap();
    scene.cluster.put_back(&snapshot).unwrap();
    scene.cluster.start_again().unwrap();
    scene.revoke(&scene.before.kept).await;
    assert!(scene.head().await < after.head);
    scene.has_the_state_of_the_copy(&after).await;
    scene.reports_loss(&after, 1).await;
    scene.fleet.stop();
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
        fleet.all_return("REVOKED", &key.value).await;
    }
    assert!(fleet.nodes.iter().all(|node| !node.output_so_far().contains("the database went back")));
    fleet.stop();
}
