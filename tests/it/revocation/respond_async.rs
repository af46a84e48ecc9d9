//! `Prefer: respond-async`: the answer arrives after the commit, and its location reports when the change is enforced.

use reqwest::{Method, header::HeaderMap};
use serde_json::{Value, json};

use super::frozen::{connections, refuses_after_thaw};
use crate::harness::{Fleet, eventually};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn once_enforcement_is_reported_no_node_accepts_the_key() {
    let fleet = Fleet::of(3).await;
    let partner = fleet.partner(0);
    for round in 0..3 {
        let key = partner.create(&fleet.demo.merchant, &format!("key {round}"), &[]).await;
        fleet.all_remember(&key.value).await;
        let path = format!("/v1/api-keys/{}", key.id);
        let before = partner.get(&format!("{path}/enforcement")).await.expect(200).json();
        assert_eq!(before["state"], "active");
        assert_eq!((&before["enforced"], &before["enforced_at"]), (&false.into(), &Value::Null), "{before}");

        // With one that cannot acknowledge it.
        let still = &fleet.nodes[2];
        let open = connections(still, &key.value).await;
        still.freeze();
        let prefer = HeaderMap::from_iter([(
            reqwest::header::HeaderName::from_static("prefer"),
            reqwest::header::HeaderValue::from_static("respond-async"),
        )]);
        let accepted = partner.try_send(Method::DELETE, &path, None, prefer).await.unwrap().expect(202);
        assert!(accepted.header("revocation-seq").is_some_and(|seq| seq.parse::<u64>().is_ok()));
        let location = accepted.header("location").unwrap().to_owned();
        assert_eq!(location, format!("{path}/enforcement"));

        eventually("it is enforced", async || {
            let enforcement = fleet.partner(1).get(&location).await.expect(200).json();
            assert_eq!(enforcement["state"], "revoked");
            assert_eq!(enforcement["enforced"] == true, enforcement["enforced_at"].is_string(), "{enforcement}");
            enforcement["enforced"] == true
        })
        .await;
        refuses_after_thaw(still, open, &key.value).await;
        fleet.all_return("REVOKED", &key.value).await;
        // A call without the preference waits for nothing more.
        partner.revoke(&key.id).await.expect(204);
    }
    fleet.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_moved_under_a_closed_account_is_not_reported_as_enforced_too_early() {
    let fleet = Fleet::of(2).await;
    let partner = fleet.partner(0);
    let key = partner.create(&fleet.demo.merchant, "to be moved", &[]).await;
    partner.post("/v1/merchants", &json!({"name": "Gone", "mid": "gone"})).await.expect(201);
    partner.post("/v1/merchants/gone/close", &Value::Null).await.expect(200);
    fleet.all_remember(&key.value).await;
    let still = &fleet.nodes[1];
    still.freeze();
    fleet
        .place
        .execute(
            "UPDATE api_key SET account_id = (SELECT id FROM account WHERE status = 'closed') WHERE name = 'to be \
             moved'",
        )
        .await;
    let path = format!("/v1/api-keys/{}/enforcement", key.id);
    let enforcement = partner.get(&path).await.expect(200).json();
    assert_eq!((&enforcement["state"], &enforcement["enforced"]), (&json!("revoked"), &json!(false)), "{enforcement}");
    eventually("it is enforced", async || partner.get(&path).await.expect(200).json()["enforced"] == true).await;
    refuses_after_thaw(still, Vec::new(), &key.value).await;
    fleet.stop();
}
