//! A streaming standby is promoted under running nodes, at the address of its primary, which has ended.

use keyward_testkit::pg::Replication;
use tokio::task::JoinSet;

use super::scene::{Scene, is_refused, until_answered};
use crate::harness::eventually;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoke_holds_after_a_standby_was_promoted_that_lagged() {
    let mut scene = Scene::start("quick").await;
    // More than are lost, so that the numbers of the lost events are reused immediately.
    scene.prepare("on the standby", 5, 2).await;
    let standby = scene.cluster.standby(Replication::Asynchronous).unwrap();
    standby.cut_off().unwrap();
    let after = scene.change_after_copy("on the primary").await;
    scene.cluster.stop_immediately().unwrap();
    let calls = scene.begin_revoking(&scene.before.kept);
    scene.cluster.fail_over(standby).unwrap();
    calls.join_all().await;
    assert!(scene.head().await > after.head);
    scene.has_the_state_of_the_copy(&after).await;
    scene.reports_loss(&after, 1).await;
    scene.fleet.stop();
}

/// The standby lacks the signing key, so no node signs with it any more, and no node accepts its tokens.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_are_signed_by_keys_that_the_promoted_standby_has() {
    let mut scene = Scene::start("quick").await;
    scene.prepare("on the standby", 1, 0).await;
    let kept = scene.signing_keys(0).await;
    let old = scene.token_of(0).await;
    let standby = scene.cluster.standby(Replication::Asynchronous).unwrap();
    standby.cut_off().unwrap();
    scene.rotate_signing_keys().await;
    let lost = scene.token_of(0).await;
    scene.fleet.all_remember(&lost).await;
    scene.cluster.stop_immediately().unwrap();
    scene.cluster.fail_over(standby).unwrap();
    // A revoke that has been waited for: all nodes have renewed.
    until_answered(&scene.by(), &scene.before.kept[0]).await;
    for (place, node) in scene.fleet.nodes.iter().enumerate() {
        is_refused(&node.anonymous(), &lost).await;
        assert_eq!(scene.signing_keys(place).await, kept);
        let fresh = scene.token_of(place).await;
        for token in [&old, &fresh] {
            scene.fleet.all_remember(token).await;
        }
    }
    scene.fleet.stop();
}

/// The call is committed on the primary, and waits for a frozen node.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoke_that_waits_while_its_event_is_lost_is_never_answered_as_done() {
    // Leases that are long enough for a promotion.
    let mut scene = Scene::start("default").await;
    scene.prepare("on the standby", 1, 0).await;
    let standby = scene.cluster.standby(Replication::Asynchronous).unwrap();
    standby.cut_off().unwrap();
    let key = scene.before.kept[0].clone();
    scene.fleet.nodes[1].freeze();
    let (by, id) = (scene.by(), key.id.clone());
    let mut call = JoinSet::new();
    call.spawn(async move { by.revoke(&id).await });
    eventually("it is committed", async || scene.head().await > scene.before.head).await;
    scene.cluster.stop_immediately().unwrap();
    scene.cluster.fail_over(standby).unwrap();
    call.join_next().await.unwrap().unwrap().expect_outage().expect_problem(503, "outcome_unknown");
    assert_eq!(scene.head().await, scene.before.head);
    scene.fleet.nodes[1].thaw();
    until_answered(&scene.by(), &key).await;
    scene.all_return("REVOKED", &key).await;
    scene.fleet.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_acknowledged_change_is_lost_with_a_synchronous_standby() {
    let mut scene = Scene::start("quick").await;
    let first = scene.cluster.standby(Replication::Synchronous).unwrap();
    scene.prepare("before", 3, 2).await;
    let [next, last, in_flight] = &scene.before.kept[..] else { panic!("three keys") };
    let after = scene.change_after_copy("before").await;
    scene.cluster.stop_immediately().unwrap();
    let calls = scene.begin_revoking(std::slice::from_ref(next));
    scene.cluster.fail_over(first).unwrap();
    calls.join_all().await;
    for key in [&scene.before.dead, next].into_iter().chain(&scene.before.lost) {
        scene.all_return("REVOKED", key).await;
    }
    for credential in [&after.young.value, &after.token] {
        scene.fleet.all_remember(credential).await;
    }
    assert_eq!(scene.head().await, after.head + 1);
    scene.revoke(std::slice::from_ref(last)).await;

    // A revoke that no standby has confirmed is not acknowledged: its client gets no success.
    let second = scene.cluster.standby(Replication::Synchronous).unwrap();
    let head = scene.head().await;
    second.cut_off().unwrap();
    let (by, id) = (scene.by(), in_flight.id.clone());
    let mut call = JoinSet::new();
    call.spawn(async move { by.revoke(&id).await });
    eventually("its commit waits for the standby", async || {
        let waiting = "SELECT count(*)::text FROM pg_stat_activity
            WHERE wait_event = 'SyncRep' AND query LIKE '%confirm_callers%'";
        scene.fleet.place.column(waiting).await != ["0"]
    })
    .await;
    scene.cluster.stop_immediately().unwrap();
    scene.cluster.fail_over(second).unwrap();
    call.join_next().await.unwrap().unwrap().expect_outage().expect_problem(503, "outcome_unknown");
    assert_eq!(scene.head().await, head);
    scene.all_return("VALID", in_flight).await;
    scene.revoke(std::slice::from_ref(in_flight)).await;
    scene.reports_no_loss().await;
    scene.fleet.stop();
}
