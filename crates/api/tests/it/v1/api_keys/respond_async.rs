//! `Prefer: respond-async` on `DELETE /v1/api-keys/{id}`, and the event number of a revocation.

use serde_json::json;

use crate::{
    harness::{Answer, Course, Feeding, Held, Node, Ports, Setup, World},
    v1::api_keys::enforcement,
};

async fn revoke(node: &Node, by: &Held, key: &Held, prefer: &[&str]) -> Answer {
    let request = node.request("DELETE", &key.path()).bearer(&by.value);
    prefer.iter().fold(request, |request, value| request.header("prefer", value)).send().await
}

fn seq(answer: &Answer) -> u64 {
    answer.header("revocation-seq").unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_call_that_does_not_wait_returns_the_location_of_its_enforcement() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let key = world.root("merchant_a1").await;
    let answer = revoke(&world, &by, &key, &["respond-async"]).await;
    answer.empty(202);
    let location = answer.header("location").unwrap();
    assert_eq!(location, format!("/v1/api-keys/{}/enforcement", key.id));
    world.wait_for_background().await;
    let enforcement = world.get(&by.value, location).await.json(200);
    assert_eq!((&enforcement["state"], &enforcement["enforced"]), (&"revoked".into(), &true.into()));
    world.get(&key.value, "/v1/merchants").await.problem(401, "invalid_credential");
}

#[tokio::test]
async fn the_preference_is_distinguished_from_similar_ones() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let accepted: [&[&str]; 9] = [
        &["respond-async"],
        &["Respond-ASYNC"],
        &["respond-async, wait=10"],
        &["wait=10,respond-async"],
        &["return=minimal", "respond-async"],
        &[" respond-async ; foo=bar"],
        &["respond-async=\"\""],
        &["foo=\"a, b\", respond-async"],
        &["", "respond-async"],
    ];
    let ignored: [&[&str]; 8] = [
        &[],
        &[""],
        &["respond-asynchronous"],
        &["respond"],
        &["respond async"],
        &["wait=respond-async"],
        &["foo; respond-async"],
        &["foo=\"a, respond-async, b\""],
    ];
    for (preferences, status) in [(&accepted[..], 202), (&ignored[..], 204)] {
        for prefer in preferences {
            let key = world.key("merchant_a1", &[]).await;
            let answer = revoke(&world, &by, &key, prefer).await;
            assert_eq!(answer.status, status, "{prefer:?}: {}", answer.text());
            assert_eq!(answer.header("location").is_some(), status == 202);
            world.wait_for_background().await;
        }
    }
}

#[tokio::test]
async fn a_refusal_is_the_same_with_the_preference() {
    let world = World::new().await;
    let by = world.key("partner_a", &["api-keys:write"]).await;
    let foreign = world.key("merchant_b1", &[]).await;
    revoke(&world, &by, &foreign, &["respond-async"]).await.problem(404, "key_not_found");
    revoke(&world, &by, &by, &["respond-async"]).await.problem(409, "lock_out");
    assert_eq!(world.contents().await[2], 0);
}

#[tokio::test]
async fn calls_that_change_an_account_ignore_the_preference() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let pair = world.pair("merchant_a1", &[]).await;
    let overwrite = json!({"name": "Planted pair", "overwriteExistingKey": true});
    for (verb, status) in [("api-keys", 201), ("suspend", 200), ("resume", 200), ("close", 200)] {
        let request = world.request("POST", &format!("/v1/merchants/merchant_a1/{verb}")).bearer(&by.value);
        let request = if status == 201 { request.json(&overwrite) } else { request };
        let answer = request.header("prefer", "respond-async").send().await;
        answer.json(status);
        assert_eq!(answer.header("location"), None);
    }
    assert_eq!(enforcement::when_recorded(&world, &by, &pair.secret).await["enforced"], true);
}

#[tokio::test]
async fn every_revocation_has_a_greater_number_than_the_one_before_and_keeps_it() {
    let world = World::new().await;
    let by = world.root("platform").await;
    let mut last = 0;
    for (n, prefer) in [&[][..], &["respond-async"], &[]].into_iter().enumerate() {
        let key = world.key("merchant_a1", &[]).await;
        let first = revoke(&world, &by, &key, prefer).await;
        assert!(seq(&first) > last, "{n}");
        last = seq(&first);
        // Creating and using keys has no number; suspending has one.
        world.post(&by.value, "/v1/merchants/merchant_b1/suspend").await.json(200);
        world.post(&by.value, "/v1/merchants/merchant_b1/resume").await.json(200);
        for prefer in [&[][..], &["respond-async"]] {
            let again = revoke(&world, &by, &key, prefer).await;
            assert_eq!(again.status, if prefer.is_empty() { 204 } else { 202 });
            assert_eq!(seq(&again), last, "{n}");
        }
        last += 2;
    }
}

#[tokio::test]
async fn the_answer_waits_until_memory_has_dropped_the_key_and_one_with_the_preference_does_not() {
    let world = World::new().await;
    let (by, key) = (world.root("platform").await, world.root("merchant_a1").await);
    let feed = Feeding::over(world.ports().feed);
    let node = Node::started(Ports { feed: feed.clone() as _, ..world.ports() }, Setup::default()).await;
    node.get(&by.value, "/v1/merchants").await.json(200);
    node.get(&key.value, "/v1/merchants").await.json(200);

    feed.reading.send_replace(Course::Waits);
    let mut waiting = Box::pin(revoke(&node, &by, &key, &[]));
    let early = tokio::select! {
        biased;
        answer = &mut waiting => panic!("memory has not received it yet: {}", answer.status),
        answer = async {
            // The waiting call has committed once the key is shown as revoked.
            while node.get(&by.value, &key.path()).await.json(200)["state"] == "active" {}
            revoke(&node, &by, &key, &["respond-async"]).await
        } => answer,
    };
    early.empty(202);
    assert_eq!(enforcement::now(&node, &by, &key).await["enforced"], false);

    feed.reading.send_replace(Course::Well);
    let answer = waiting.await;
    answer.empty(204);
    assert_eq!(seq(&answer), seq(&early));
    node.get(&key.value, "/v1/merchants").await.problem(401, "invalid_credential");
    assert_eq!(enforcement::when_recorded(&node, &by, &key).await["enforced"], true);
}
