//! The database goes away and comes back. During the lease only keys in memory are answered; after it every call
//! reports an outage. No restart is needed.

use keyward_testkit::pg::{Cluster, Durability};
use reqwest::{Method, header::HeaderMap};
use serde_json::json;

use crate::harness::{Answer, Client, Demo, Issued, Node, Place, eventually, ticks};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_is_never_a_verdict_and_ends_by_itself() {
    let cluster = Cluster::start(Durability::Fast).unwrap();
    let place = Place::on(&cluster.url()).await;
    let program = place.sandbox().env("KEYWARD_DATABASE__ACQUIRE_TIMEOUT", "2s");
    let node = program.words("--metrics-listen 127.0.0.1:0").serve();
    let demo = node.demo();
    let partner = node.client(&demo.partner.app_secret);
    let key = partner.create(&demo.merchant, "before", &["charges:read"]).await;
    let unverified = partner.create(&demo.merchant, "never verified", &["charges:read"]).await;
    let tokens = node.anonymous().tokens(&demo.partner.app_key, &demo.partner.app_secret).await;
    let anonymous = node.anonymous();

    let mut from_memory = 0;
    for round in 0..2 {
        for credential in [&key.value, &tokens.access] {
            let caller = node.client(credential);
            node.until_from_memory(async || {
                caller.get("/v1/auth").await.expect(204);
            })
            .await;
        }
        cluster.stop().unwrap();
        // A request before the node has noticed gets a correct answer too.
        from_memory += while_the_lease_lasts(&node, &demo, &key, &unverified, &tokens.access).await;
        anonymous.get("/readyz").await.expect_problem(503, "unavailable");
        anonymous.get("/healthz").await.expect(200);
        let health = place.keyward().words("health --listen").words(node.address());
        health.clone().words("--ready").run().refuses_with(&["answers 503", "its database is away"]);
        health.run().success();
        anonymous.get("/.well-known/jwks.json").await.expect(200);
        everything_is_an_outage(&node, &demo, &key, &tokens.access).await;

        cluster.start_again().unwrap();
        eventually("ready", async || anonymous.get("/readyz").await.status == 200).await;
        assert_eq!(partner.verdict(&key.value).await, "VALID");
        node.client(&tokens.access).get("/v1/merchants").await.expect(200);
        let after = partner.create(&demo.merchant, &format!("after {round}"), &[]).await;
        partner.revoke(&after.id).await.expect(204);
        assert_eq!(partner.verdict(&after.value).await, "REVOKED");
    }
    assert!(from_memory > 0, "no answer came from memory");
    // The refresh token that could not be redeemed is still valid for one use.
    node.anonymous().redeem(&tokens.refresh).await.expect(200);
    node.stop();
}

/// Sends requests until the node is not ready. Returns the number of answers from memory.
async fn while_the_lease_lasts(node: &Node, demo: &Demo, key: &Issued, unverified: &Issued, access: &str) -> usize {
    let (anonymous, partner) = (node.anonymous(), node.client(&demo.partner.app_secret));
    let (mut from_memory, mut is_over, mut due) = (0, false, ticks());
    loop {
        due.tick().await;
        let ready = anonymous.get("/readyz").await.status;
        if ready == 503 {
            return from_memory;
        }
        let verdict = partner.verify(&key.value).await;
        if verdict.status == 200 {
            assert!(!is_over, "memory was used again after the lease had ended");
            assert_eq!((ready, verdict.member("code").as_str()), (200, "VALID"));
            from_memory += 1;
        } else {
            verdict.expect_outage().expect_problem(503, "unavailable");
            is_over = true;
        }
        good_or_outage(node.client(access).get("/v1/auth").await, 204);
        let pair = json!({ "AppKey": demo.partner.app_key, "AppSecret": demo.partner.app_secret });
        good_or_outage(anonymous.post("/v1/oauth2/token", &pair).await, 200);
        // Keys that were never verified, and objects only in the database, are unknown.
        partner.verify(&unverified.value).await.expect_outage();
        node.client(&unverified.value).get("/v1/auth").await.expect_outage();
        partner.get(&format!("/v1/api-keys/{}", key.id)).await.expect_outage();
        partner.revoke(&key.id).await.expect_outage();
    }
}

#[track_caller]
fn good_or_outage(answer: Answer, good: u16) {
    if answer.status != good {
        answer.expect_outage();
    }
}

async fn everything_is_an_outage(node: &Node, demo: &Demo, key: &Issued, access: &str) {
    let (one, list) = (format!("/v1/api-keys/{}", key.id), format!("/v1/api-keys/{}", demo.merchant));
    for credential in [&demo.partner.app_secret, access] {
        let caller = node.client(credential);
        for path in [&one, &list, "/v1/merchants", "/v1/auth"] {
            caller.get(path).await.expect_outage().expect_problem(503, "unavailable");
        }
        caller.delete(&one).await.expect_outage();
        caller.post("/v1/api-keys", &Client::new_key(&demo.merchant, "lost", &[])).await.expect_outage();
        caller.post("/v1/merchants", &json!({ "name": "Lost" })).await.expect_outage();
        caller.post("/v1/verify", &json!({ "key": key.value })).await.expect_outage();
        caller.post("/v1/verify/batch", &json!({ "checks": [{ "key": key.value }] })).await.expect_outage();
    }
    let anonymous = node.anonymous();
    let pair = json!({ "AppKey": demo.partner.app_key, "AppSecret": demo.partner.app_secret });
    anonymous.post("/v1/oauth2/token", &pair).await.expect_outage();
    let form = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}",
        demo.partner.app_key, demo.partner.app_secret
    );
    anonymous.form(&form).await.expect_outage();
    // A request that needs no look-up is refused as usual: this one has no well-formed credential.
    anonymous.with("garbage").get("/v1/merchants").await.expect_problem(401, "invalid_credential");
    let as_api_key = HeaderMap::from_iter([(
        reqwest::header::HeaderName::from_static("x-api-key"),
        reqwest::header::HeaderValue::from_str(&key.value).unwrap(),
    )]);
    anonymous.try_send(Method::GET, "/v1/auth", None, as_api_key).await.unwrap().expect_outage();
}
