//! The number of look-ups is the same for all wrong values, so that the time of an answer reveals nothing.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use keyward_domain::{Environment, KeyId, KeyType, KeyValue};
use keyward_storage::{Credential, Credentials, Read, Result};
use serde_json::json;

use super::verify;
use crate::harness::{Held, ID, Node, Setup, World, absent};

/// Counts look-ups of keys.
struct Counting {
    within: Arc<dyn Credentials>,
    count: AtomicUsize,
}

#[async_trait]
impl Credentials for Counting {
    async fn credential(&self, id: KeyId) -> Result<Option<Read<Credential>>> {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.within.credential(id).await
    }
}

/// A node with the caller and these keys in memory, and the number of its look-ups since.
async fn remembering(world: &World, keys: &[&Held]) -> (Node, Arc<Counting>) {
    let ports = world.ports();
    let counting = Arc::new(Counting { within: Arc::clone(&ports.credentials), count: AtomicUsize::new(0) });
    let ports = crate::harness::Ports { credentials: Arc::clone(&counting) as _, ..ports };
    let node = Node::started(ports, Setup::default()).await;
    for key in keys {
        node.get(&key.value, "/v1/auth").await.empty(204);
    }
    assert!(keys.iter().all(|key| node.remembers(key)));
    counting.count.store(0, Ordering::Relaxed);
    (node, counting)
}

/// A public key that was never created.
fn never_created() -> Held {
    let value = KeyValue::mint(KeyType::Public, Environment::Sandbox, ID.parse().unwrap(), [7; 32]);
    Held { id: ID.to_owned(), value: value.expose().to_owned() }
}

#[tokio::test]
async fn a_wrong_value_costs_one_look_up_whether_its_key_is_remembered_stored_or_absent() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let (remembered, stored) = (world.root("merchant_a1").await, world.root("merchant_a1").await);
    let foreign = world.root("merchant_b1").await;
    let (node, counting) = remembering(&world, &[&by, &remembered, &foreign]).await;
    let looked_up = || counting.count.swap(0, Ordering::Relaxed);
    for value in [absent(), remembered.forged(), foreign.forged()] {
        for path in ["/v1/auth", "/v1/merchants"] {
            node.get(&value, path).await.problem(401, "invalid_credential");
            assert_eq!(looked_up(), 1, "{path}");
        }
        assert_eq!(verify(&node, &by, &json!({"key": value})).await.json(200)["code"], "NOT_FOUND");
        assert_eq!(looked_up(), 1);
        let batch = json!({"checks": [{"key": value}]});
        node.post_json(&by.value, "/v1/verify/batch", &batch).await.json(200);
        assert_eq!(looked_up(), 1);
    }
    // A key outside the caller's reach costs what an absent one does, even with the right value.
    assert_eq!(verify(&node, &by, &json!({"key": foreign.value})).await.json(200)["code"], "NOT_FOUND");
    assert_eq!(looked_up(), 1);
    // One that is not in memory yet.
    node.get(&stored.forged(), "/v1/auth").await.problem(401, "invalid_credential");
    assert_eq!(looked_up(), 1);
    // A right value is answered from memory.
    node.get(&remembered.value, "/v1/auth").await.empty(204);
    assert_eq!(verify(&node, &by, &json!({"key": remembered.value})).await.json(200)["code"], "VALID");
    assert_eq!(looked_up(), 0);
}

/// Each key of the pair is looked up once, whatever is wrong with it; the count of guesses does not reveal it either.
#[tokio::test]
async fn a_wrong_pair_costs_two_look_ups_whether_its_keys_are_remembered_stored_or_absent() {
    let world = World::new().await;
    let (warm, cold) = (world.pair("merchant_a1", &[]).await, world.pair("merchant_a1", &[]).await);
    let foreign = world.pair("merchant_b1", &[]).await;
    let (node, counting) = remembering(&world, &[]).await;
    let looked_up = || counting.count.swap(0, Ordering::Relaxed);
    let ask = async |app_key: &str, secret: &str| {
        let body = json!({"AppKey": app_key, "AppSecret": secret});
        node.token(&body).await
    };
    for pair in [&warm, &foreign] {
        ask(&pair.public.value, &pair.secret.value).await.json(200);
    }
    looked_up();
    let unknown = never_created();
    for secret in [absent(), warm.secret.forged(), cold.secret.forged()] {
        let ids = [&unknown, &warm.public, &cold.public].map(|key| key.id.clone());
        let values = [&unknown, &warm.public].map(|key| key.value.clone());
        for app_key in ids.into_iter().chain(values).chain([warm.public.forged(), warm.public.uuid()]) {
            for key in [&cold.public, &cold.secret] {
                node.forget(key);
            }
            ask(&app_key, &secret).await.problem(401, "invalid_credential");
            assert_eq!(looked_up(), 2, "{app_key}");
        }
    }
    // For a caller with a valid secret key, the public keys of others look absent.
    for app_key in [&unknown.id, &unknown.value, &foreign.public.id, &foreign.public.value] {
        ask(app_key, &warm.secret.value).await.problem(401, "invalid_credential");
        assert_eq!(looked_up(), 1, "{app_key}");
    }
    ask(&warm.public.id, &warm.secret.value).await.json(200);
    assert_eq!(looked_up(), 0);
}
