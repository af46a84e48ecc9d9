//! Nodes that are gone: no call waits for one that stopped in order, nor for a dead one beyond the end of its lease.

use crate::harness::{Fleet, Raw, eventually};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_stops_in_order_removes_its_row() {
    let mut fleet = Fleet::of(3).await;
    let key = fleet.partner(0).create(&fleet.demo.merchant, "Till", &[]).await;
    fleet.all_remember(&key.value).await;
    let before = fleet.leases().await;
    let finished = fleet.nodes.remove(1).stop();
    assert!(finished.err.contains("released the lease"), "{}", finished.err);
    // Immediately: no call has to wait for it.
    let after = fleet.leases().await;
    assert_eq!(after.len(), 2);
    assert!(after.iter().all(|node| before.contains(node)), "{before:?} {after:?}");
    fleet.partner(0).revoke(&key.id).await.expect(204);
    fleet.all_return("REVOKED", &key.value).await;
    fleet.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_finishes_pending_work_has_already_left_and_sees_later_revocations() {
    let mut fleet = Fleet::of(2).await;
    let key = fleet.partner(0).create(&fleet.demo.merchant, "Till", &[]).await;
    fleet.all_remember(&key.value).await;

    // A request whose beginning the node has read.
    let leaving = fleet.nodes.pop().unwrap();
    let body = format!(r#"{{"key":"{}"}}"#, key.value);
    let head = format!(
        "POST /v1/verify HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        fleet.demo.partner.app_secret,
        body.len()
    );
    let mut in_flight = Raw::connect(leaving.address()).await.unwrap();
    in_flight.send(&head).await;
    in_flight.read_until("100 Continue\r\n\r\n").await.expect("the node requests the body");

    leaving.terminate();
    eventually("its row is gone", async || fleet.leases().await.len() == 1).await;
    assert!(leaving.is_running(), "it ended before it finished pending requests");
    fleet.partner(0).revoke(&key.id).await.expect(204);
    in_flight.send(&body).await;
    let answer = in_flight.read_to_the_end().await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("\"REVOKED\""), "{answer}");
    leaving.finish();
    fleet.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_node_is_waited_for_and_its_row_is_removed() {
    let mut fleet = Fleet::of(2).await;
    let others = fleet.leases().await;
    fleet.add(|program| program).await;
    let dead: Vec<String> = fleet.leases().await.into_iter().filter(|node| !others.contains(node)).collect();
    let partner = fleet.partner(0);
    let (one, two) = (
        partner.create(&fleet.demo.merchant, "one", &[]).await,
        partner.create(&fleet.demo.merchant, "two", &[]).await,
    );
    for key in [&one, &two] {
        fleet.all_remember(&key.value).await;
    }
    fleet.nodes.pop().unwrap().kill();
    partner.revoke(&one.id).await.expect(204);
    fleet.all_return("REVOKED", &one.value).await;
    eventually("a node removes its row", async || {
        let left = fleet.leases().await;
        assert!(others.iter().all(|node| left.contains(node)), "a living node's row was removed: {left:?}");
        !left.contains(&dead[0])
    })
    .await;
    partner.revoke(&two.id).await.expect(204);
    fleet.all_return("REVOKED", &two.value).await;
    fleet.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_successor_of_a_killed_only_node_waits_for_it_and_removes_its_row() {
    let mut fleet = Fleet::of(1).await;
    let key = fleet.partner(0).create(&fleet.demo.merchant, "Till", &[]).await;
    fleet.all_remember(&key.value).await;
    let dead = fleet.leases().await;
    fleet.nodes.pop().unwrap().kill();
    // No other node is there to remove it.
    assert_eq!(fleet.leases().await, dead);

    let successor = fleet.place.sandbox().env("KEYWARD_VERIFIER__PROFILE", "quick").serve();
    let partner = successor.client(&fleet.demo.partner.app_secret);
    partner.revoke(&key.id).await.expect(204);
    assert_eq!(partner.verdict(&key.value).await, "REVOKED");
    eventually("its row is gone", async || !fleet.leases().await.contains(&dead[0])).await;
    successor.stop();
    assert!(fleet.leases().await.is_empty());
}
