//! Every kind of restricting change, sent to one node, is enforced on all when its answer arrives; so is a change that
//! makes keys valid again.

use serde_json::json;

use super::without_notifications::OneUnnotified;
use crate::harness::Client;

const NODES: usize = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_key_is_refused_on_all_nodes_and_event_numbers_grow() {
    let unnotified = OneUnnotified::among(NODES).await;
    let fleet = &unnotified.fleet;
    let mut last = 0;
    for round in 0..2 * NODES {
        let by = fleet.partner(round % NODES);
        let key = by.create(&fleet.demo.merchant, &format!("key {round}"), &["charges:read"]).await;
        fleet.all_remember(&key.value).await;
        let revoked = by.revoke(&key.id).await.expect(204);
        fleet.all_return("REVOKED", &key.value).await;

        let seq: u64 = revoked.header("revocation-seq").unwrap().parse().unwrap();
        assert!(seq > last, "event {seq} after event {last}");
        last = seq;
        // Repeated at another node: the event is that of the first call.
        let again = fleet.partner((round + 1) % NODES).revoke(&key.id).await.expect(204);
        assert_eq!(again.header("revocation-seq"), Some(seq.to_string().as_str()));
    }
    unnotified.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_overwritten_pair_and_its_tokens_are_refused_on_all_nodes() {
    let unnotified = OneUnnotified::among(NODES).await;
    let fleet = &unnotified.fleet;
    let path = format!("/v1/merchants/{}/api-keys", fleet.demo.merchant);
    let new_pair = json!({ "name": "Till", "scopes": ["charges:read"], "overwriteExistingKey": true });
    let mut old: Option<(String, String)> = None;
    for round in 0..=NODES {
        let by = fleet.partner(round % NODES);
        let pair = by.post(&path, &new_pair).await.expect(201);
        if let Some((secret, token)) = old {
            fleet.all_return("REVOKED", &secret).await;
            fleet.none_accepts(&token).await;
        }
        let secret = pair.member("appSecret");
        let token = by.tokens(&pair.member("appKey"), &secret).await.access;
        fleet.all_remember(&secret).await;
        fleet.all_remember(&token).await;
        old = Some((secret, token));
    }
    unnotified.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_ends_on_all_nodes_with_either_key_that_obtained_it() {
    let unnotified = OneUnnotified::among(NODES).await;
    let fleet = &unnotified.fleet;
    let path = format!("/v1/merchants/{}/api-keys", fleet.demo.merchant);
    for (round, ended) in ["appKey", "appSecret"].into_iter().enumerate() {
        let by = fleet.partner(round);
        let new_pair = json!({ "name": format!("Office {round}"), "scopes": ["charges:read"] });
        let pair = by.post(&path, &new_pair).await.expect(201);
        let tokens = by.tokens(&pair.member("appKey"), &pair.member("appSecret")).await;
        // At another node.
        let next = fleet.partner(round + 1).redeem(&tokens.refresh).await.expect(200);
        let (access, refresh) = (next.member("accessToken"), next.member("refreshToken"));
        for access in [&tokens.access, &access] {
            fleet.all_remember(access).await;
        }
        by.revoke(&id_in(&pair.member(ended))).await.expect(204);
        for access in [&tokens.access, &access] {
            fleet.none_accepts(access).await;
        }
        for node in &fleet.nodes {
            node.anonymous().redeem(&refresh).await.expect_problem(401, "invalid_credential");
        }
    }
    unnotified.stop();
}

/// The id in the key's value.
fn id_in(value: &str) -> String {
    let (_, rest) = value.split_once("_test_").unwrap();
    format!("key_{}", &rest[..26])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopping_an_account_stops_its_keys_on_all_nodes_and_resuming_restores_them() {
    let unnotified = OneUnnotified::among(NODES).await;
    let fleet = &unnotified.fleet;
    let platform = |node: usize| fleet.nodes[node].client(&fleet.demo.platform.app_secret);
    let key = fleet.partner(0).create(&fleet.demo.merchant, "Till", &["charges:read"]).await;
    let change = async |by: &Client, mid: &str, verb: &str| {
        by.post(&format!("/v1/merchants/{mid}/{verb}"), &json!({})).await.expect(200);
    };
    for round in 0..NODES {
        // The merchant's own account, and the partner's above it.
        for (by, mid) in [(fleet.partner(round), &fleet.demo.merchant), (platform(round), &fleet.demo.partner.mid)] {
            fleet.all_remember(&key.value).await;
            change(&by, mid, "suspend").await;
            fleet.none_accepts(&key.value).await;
            for node in 0..NODES {
                assert_eq!(platform(node).verdict(&key.value).await, "SUSPENDED", "node {node}");
            }
            change(&by, mid, "resume").await;
            for node in &fleet.nodes {
                node.client(&key.value).get("/v1/auth").await.expect(204);
            }
        }
    }
    fleet.all_remember(&key.value).await;
    change(&fleet.partner(1), &fleet.demo.merchant, "close").await;
    fleet.all_return("REVOKED", &key.value).await;
    unnotified.stop();
}
