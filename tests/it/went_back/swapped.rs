//! A base backup of the running server is put in the place of its data.

use super::scene::Scene;

/// Once the numbers of the lost events stay above those that are given after the swap, once these overtake them at
/// once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoke_holds_after_a_base_backup_was_swapped_in() {
    let mut scene = Scene::start("quick").await;

    scene.prepare("behind", 1, 3).await;
    let backup = scene.cluster.base_backup("behind").unwrap();
    let after = scene.go_on("behind").await;
    scene.cluster.stop().unwrap();
    scene.cluster.put_back(&backup).unwrap();
    scene.cluster.start_again().unwrap();
    scene.forgets_what_came_after(&after).await;
    scene.revoke(&scene.before.kept).await;
    assert!(scene.head().await < after.head);
    scene.is_of_the_copy(&after).await;
    scene.says_what_was_lost(&after, 1).await;

    scene.prepare("overtaken", 6, 2).await;
    let backup = scene.cluster.base_backup("overtaken").unwrap();
    let after = scene.go_on("overtaken").await;
    scene.cluster.stop_immediately().unwrap();
    scene.cluster.put_back(&backup).unwrap();
    let calls = scene.begin_revoking(&scene.before.kept);
    scene.cluster.start_again().unwrap();
    calls.join_all().await;
    assert!(scene.head().await > after.head);
    scene.is_of_the_copy(&after).await;
    scene.says_what_was_lost(&after, 2).await;
    scene.fleet.stop();
}
