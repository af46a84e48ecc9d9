//! How often the database is asked: who shows a value that is wrong learns nothing from the time that it takes.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use keyward_domain::KeyId;
use keyward_storage::{Credential, Credentials, Read, Result};
use serde_json::json;

use super::verify;
use crate::harness::{Held, Node, Setup, World, absent};

/// Look-ups of keys, counted.
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

/// A node that remembers the caller and this key, and the count of what it has looked up.
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
    // A key outside the caller's reach is as one that never was, however right its value is.
    assert_eq!(verify(&node, &by, &json!({"key": foreign.value})).await.json(200)["code"], "NOT_FOUND");
    assert_eq!(looked_up(), 1);
    // One that is not remembered yet.
    node.get(&stored.forged(), "/v1/auth").await.problem(401, "invalid_credential");
    assert_eq!(looked_up(), 1);
    // What is right is answered from memory.
    node.get(&remembered.value, "/v1/auth").await.empty(204);
    assert_eq!(verify(&node, &by, &json!({"key": remembered.value})).await.json(200)["code"], "VALID");
    assert_eq!(looked_up(), 0);
}
