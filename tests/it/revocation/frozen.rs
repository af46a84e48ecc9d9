//! Nodes that are frozen (SIGSTOP) and continue as if no time had passed: their memory is as full as before, and must
//! not be used.

use tokio::task::JoinSet;

use crate::{
    doctor::found,
    harness::{Fleet, Node, Raw, eventually},
};

/// Number of requests that wait for a frozen node.
const QUESTIONS: usize = 8;

/// Connections on which the node has accepted this key from memory.
pub(super) async fn connections(node: &Node, value: &str) -> Vec<Raw> {
    let mut open = Vec::new();
    for _ in 0..QUESTIONS {
        let mut raw = Raw::connect(node.address()).await.unwrap();
        raw.send(&question(value)).await;
        let answer = raw.read_until("\r\n\r\n").await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 204 "), "{answer}");
        open.push(raw);
    }
    open
}

fn question(value: &str) -> String {
    format!("GET /v1/auth HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {value}\r\n\r\n")
}

/// Sends a request on each of them, resumes the node, and checks that it refuses all.
pub(super) async fn refuses_after_thaw(node: &Node, open: Vec<Raw>, value: &str) {
    let mut asked = Vec::new();
    for mut raw in open {
        raw.send(&question(value)).await;
        asked.push(raw);
    }
    node.thaw();
    for mut raw in asked {
        let answer = raw.read_until("\r\n\r\n").await.expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    }
    node.client(value).get("/v1/auth").await.expect_problem(401, "invalid_credential");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_frozen_during_a_revoke_does_not_answer_from_memory_afterwards() {
    let fleet = Fleet::of(3).await;
    let partner = fleet.partner(0);
    let kept = partner.create(&fleet.demo.merchant, "kept", &[]).await;
    for round in 0..3 {
        let key = partner.create(&fleet.demo.merchant, &format!("key {round}"), &[]).await;
        fleet.all_remember(&key.value).await;
        let frozen = &fleet.nodes[1 + round % 2];
        let open = connections(frozen, &key.value).await;
        frozen.freeze();
        partner.revoke(&key.id).await.expect(204);
        refuses_after_thaw(frozen, open, &key.value).await;
        fleet.all_return("REVOKED", &key.value).await;
        // It is a member again, under the same name or another.
        fleet.all_remember(&kept.value).await;
    }
    partner.revoke(&kept.id).await.expect(204);
    fleet.all_return("REVOKED", &kept.value).await;
    fleet.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_briefly_frozen_node_is_waited_for() {
    let fleet = Fleet::of(2).await;
    let partner = fleet.partner(0);
    for round in 0..4 {
        let key = partner.create(&fleet.demo.merchant, &format!("key {round}"), &[]).await;
        fleet.all_remember(&key.value).await;
        let (frozen, before) = (&fleet.nodes[1], fleet.head().await);
        frozen.freeze();
        let mut revoking = JoinSet::new();
        let (by, id) = (partner.clone(), key.id.clone());
        revoking.spawn(async move { by.revoke(&id).await });
        eventually("it is committed", async || fleet.head().await != before).await;
        frozen.thaw();
        revoking.join_all().await.remove(0).expect(204);
        fleet.all_return("REVOKED", &key.value).await;
    }
    fleet.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_waits_for_a_frozen_node_too() {
    let fleet = Fleet::of(2).await;
    let key = fleet.partner(0).create(&fleet.demo.merchant, "Till", &[]).await;
    fleet.all_remember(&key.value).await;
    let frozen = &fleet.nodes[1];
    let open = connections(frozen, &key.value).await;
    frozen.freeze();
    fleet.place.keyward().words("key revoke --yes").words(&key.id).run().success();
    fleet.nodes[0].client(&key.value).get("/v1/auth").await.expect_problem(401, "invalid_credential");
    refuses_after_thaw(frozen, open, &key.value).await;
    eventually("the doctor finds both nodes well again", async || {
        let nodes = found(&fleet.place, "node");
        nodes.len() == 2 && nodes.iter().all(|(level, _)| level == "ok")
    })
    .await;
    fleet.stop();
}
