//! `Prefer: respond-async`: the answer comes after the commit, and where to ask tells when it is in force everywhere.

use reqwest::{Method, header::HeaderMap};
use serde_json::Value;

use super::frozen::{connections, goes_on_to_refuse};
use crate::harness::{Fleet, eventually};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn once_it_is_told_to_be_enforced_no_node_accepts_the_key() {
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

        eventually("it is in force", async || {
            let told = fleet.partner(1).get(&location).await.expect(200).json();
            assert_eq!(told["state"], "revoked");
            assert_eq!(told["enforced"] == true, told["enforced_at"].is_string(), "{told}");
            told["enforced"] == true
        })
        .await;
        goes_on_to_refuse(still, open, &key.value).await;
        fleet.all_say("REVOKED", &key.value).await;
        // Who does not prefer it waits for nothing more.
        partner.revoke(&key.id).await.expect(204);
    }
    fleet.stop();
}
