//! A database that does not answer, instead of refusing: no request waits forever, none gets a verdict that memory does
//! not have, and stopping does not wait either.

use keyward_testkit::pg::{Cluster, Durability, Options};
use serde_json::json;

use crate::harness::{Answer, Client, Place, Program, Wire, eventually};

fn with_short_timeouts(place: &Place) -> Program {
    let program = place.sandbox().env("KEYWARD_LIMITS__REQUEST_TIMEOUT", "1s");
    program.env("KEYWARD_DATABASE__ACQUIRE_TIMEOUT", "2s").env("KEYWARD_LIMITS__SHUTDOWN_TIMEOUT", "3s")
}

fn cluster() -> Cluster {
    Cluster::start_with(Options { durability: Durability::Fast, tcp: true }).unwrap()
}

#[track_caller]
fn is_no_verdict(answer: &Answer) {
    let code = answer.json()["code"].clone();
    let known = [(503, json!("unavailable")), (503, json!("outcome_unknown")), (504, json!("timeout"))];
    assert!(known.contains(&(answer.status, code)), "{} {}", answer.status, answer.text);
    assert!(answer.header("retry-after").is_some(), "no Retry-After: {}", answer.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_database_is_no_verdict_and_is_used_again() {
    let cluster = cluster();
    let wire = Wire::to(&cluster.tcp_url().unwrap()).await;
    let place = Place::on(wire.url()).await;
    let node = with_short_timeouts(&place).serve();
    let demo = node.demo();
    let partner = node.client(&demo.partner.app_secret);
    let key = partner.create(&demo.merchant, "before", &[]).await;
    let tokens = node.anonymous().tokens(&demo.partner.app_key, &demo.partner.app_secret).await;

    let (anonymous, with_token) = (node.anonymous(), node.client(&tokens.access));
    let pair = json!({ "AppKey": demo.partner.app_key, "AppSecret": demo.partner.app_secret });
    let new_key = Client::new_key(&demo.merchant, "lost", &[]);
    // From now on both are in memory.
    assert_eq!(partner.verdict(&key.value).await, "VALID");
    with_token.get("/v1/auth").await.expect(204);

    wire.stop_delivering();
    // Memory may know until the lease ends, and then only the same verdict; after that, nothing does.
    let mut is_over = false;
    loop {
        let (verdict, admission, given, created, revoked) = tokio::join!(
            partner.verify(&key.value),
            with_token.get("/v1/auth"),
            anonymous.post("/v1/oauth2/token", &pair),
            partner.post("/v1/api-keys", &new_key),
            partner.revoke(&key.id),
        );
        if verdict.status == 200 {
            assert_eq!(verdict.member("code"), "VALID");
        }
        for (answer, good) in [(verdict, 200), (admission, 204), (given, 200)] {
            if is_over || answer.status != good {
                is_no_verdict(&answer);
            }
        }
        for answer in [created, revoked] {
            is_no_verdict(&answer);
        }
        if is_over {
            break;
        }
        is_over = anonymous.get("/readyz").await.status == 503;
    }
    anonymous.get("/healthz").await.expect(200);

    wire.deliver_again();
    eventually("ready", async || anonymous.get("/readyz").await.status == 200).await;
    // Pending requests were committed or not; in either case both answers agree now.
    let state = partner.get(&format!("/v1/api-keys/{}", key.id)).await.expect(200).member("state");
    let verdict = partner.verdict(&key.value).await;
    assert!(
        [("active", "VALID"), ("revoked", "REVOKED")].contains(&(state.as_str(), verdict.as_str())),
        "{state} {verdict}"
    );
    partner.revoke(&key.id).await.expect(204);
    assert_eq!(partner.verdict(&key.value).await, "REVOKED");
    node.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopping_does_not_wait_for_a_silent_database() {
    let cluster = cluster();
    let wire = Wire::to(&cluster.tcp_url().unwrap()).await;
    let place = Place::on(wire.url()).await;
    let node = with_short_timeouts(&place).serve();
    let demo = node.demo();
    // Data that a stop would write.
    node.client(&demo.partner.app_secret).get("/v1/merchants").await.expect(200);
    wire.stop_delivering();
    node.stop();
    wire.deliver_again();
}
