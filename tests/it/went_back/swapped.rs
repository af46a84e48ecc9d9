//! A base backup of the running server replaces its data.

use reqwest::Method;
use serde_json::json;

use super::scene::{Scene, answered, is_refused};

/// One round in which the numbers of the lost events stay above those assigned after the swap, and one in which they
/// are exceeded immediately.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoke_holds_after_a_base_backup_was_swapped_in() {
    let mut scene = Scene::start("quick").await;

    scene.prepare("behind", 1, 3).await;
    let backup = scene.cluster.base_backup("behind").unwrap();
    let after = scene.change_after_copy("behind").await;
    scene.cluster.stop().unwrap();
    scene.cluster.put_back(&backup).unwrap();
    scene.cluster.start_again().unwrap();
    scene.stops_accepting_later_credentials(&after).await;
    scene.revoke(&scene.before.kept).await;
    assert!(scene.head().await < after.head);
    scene.has_the_state_of_the_copy(&after).await;
    scene.reports_loss(&after, 1).await;

    scene.prepare("overtaken", 6, 2).await;
    let backup = scene.cluster.base_backup("overtaken").unwrap();
    let after = scene.change_after_copy("overtaken").await;
    scene.cluster.stop_immediately().unwrap();
    scene.cluster.put_back(&backup).unwrap();
    let calls = scene.begin_revoking(&scene.before.kept);
    scene.cluster.start_again().unwrap();
    calls.join_all().await;
    assert!(scene.head().await > after.head);
    scene.has_the_state_of_the_copy(&after).await;
    scene.reports_loss(&after, 2).await;
    scene.fleet.stop();
}

/// The other node is frozen with a pair in memory that the database lacks: no event ends it, and the overwrite finds
/// nothing to revoke.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_overwrite_of_a_lost_pair_waits_for_the_nodes_that_remember_it() {
    // Leases that outlast the swap.
    let scene = Scene::start("default").await;
    let backup = scene.cluster.base_backup("before the pair").unwrap();
    let path = format!("/v1/merchants/{}/api-keys", scene.fleet.demo.merchant);
    let pair = json!({ "name": "gone", "overwriteExistingKey": true });
    let gone = scene.by().post(&path, &pair).await.expect(201).member("appSecret");
    scene.fleet.all_remember(&gone).await;
    scene.fleet.nodes[1].freeze();
    scene.cluster.stop_immediately().unwrap();
    scene.cluster.put_back(&backup).unwrap();
    scene.cluster.start_again().unwrap();
    answered(&scene.by(), Method::POST, &path, Some(pair)).await.expect(201);
    scene.fleet.nodes[1].thaw();
    is_refused(&scene.fleet.nodes[1].anonymous(), &gone).await;
    scene.fleet.stop();
}
