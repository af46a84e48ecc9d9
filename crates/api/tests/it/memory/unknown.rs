//! Keys that do not exist leave no trace in memory, and values that cannot be keys of this service are not looked up.

use keyward_domain::{Environment, KeyId, KeyType, KeyValue};
use keyward_storage::{Credentials as _, mock::MockStore};
use serde_json::{Value, json};
use uuid::Uuid;

use super::verify;
use crate::harness::{Held, Node, Request, Setup, World, absent};

/// A well-formed value of a key that was never created, different each time.
fn never_created(n: u128) -> String {
    let id = KeyId::from_uuid(Uuid::from_u128(0x0192_0000_0000_7000_8000_0000_0000_0000 | n));
    KeyValue::mint(KeyType::Secret, Environment::Sandbox, id, [7; 32]).expose().to_owned()
}

#[tokio::test]
async fn a_flood_of_unknown_keys_neither_fills_memory_nor_pushes_anything_out() {
    // Room for a few keys in each part, and hardly more than those below.
    let world = World::with(Setup { capacity_bytes: 128 * 1024, ..Setup::default() }).await;
    let by = world.root("platform").await;
    let mut good = Vec::new();
    for _ in 0..8 {
        good.push(world.root("merchant_a1").await);
        world.get(&good.last().unwrap().value, "/v1/auth").await.empty(204);
    }
    world.get(&by.value, "/v1/auth").await.empty(204);
    let before = world.access.verifier().size();
    assert_eq!(before.keys, 9);
    for round in 0..40 {
        let checks: Vec<Value> = (0..100).map(|n| json!({"key": never_created(round * 100 + n)})).collect();
        let verdicts = world.post_json(&by.value, "/v1/verify/batch", &json!({"checks": checks})).await.json(200);
        let all = verdicts["results"].as_array().unwrap();
        assert!(all.iter().all(|verdict| *verdict == json!({"valid": false, "code": "NOT_FOUND"})));
        world.get(&never_created(round), "/v1/auth").await.problem(401, "invalid_credential");
    }
    assert_eq!(world.access.verifier().size(), before);
    assert!(good.iter().all(|key| world.remembers(key)));
}

/// Values that are invalid by themselves.
fn invalid_values(key: &Held) -> Vec<String> {
    let valid = absent();
    let mut flipped = valid.clone();
    let last = if flipped.pop() == Some('a') { 'b' } else { 'a' };
    flipped.push(last);
    vec![
        "x".to_owned(),
        "sk_test_".to_owned(),
        valid[..valid.len() - 1].to_owned(),
        format!("{valid}a"),
        flipped,
        valid.to_uppercase(),
        key.production_value(),
        key.production_value().replace("sk_live_", "sk_test_"),
        "pk_test_".to_owned() + &valid["sk_test_".len()..],
        "a.b.c".to_owned(),
        "s".repeat(5_000),
    ]
}

#[tokio::test]
async fn a_value_that_is_invalid_by_itself_costs_no_look_up() {
    let world = World::new().await;
    let by = world.root("platform").await;
    let known = world.store.credential(by.id.parse().unwrap()).await.unwrap().unwrap();
    // Any other call of this store is a panic, and a panic is a 500.
    let mut store = MockStore::new();
    store
        .expect_signing_keys()
        .returning(|| Ok(keyward_storage::SigningKeys { keys: Vec::new(), database_time: None }));
    store.expect_add_signing_key().returning(|_, _, _| Ok(keyward_storage::Write::Stale));
    let caller = by.id.parse::<KeyId>().unwrap();
    store.expect_credential().withf(move |id| *id == caller).returning(move |_| Ok(Some(known.clone())));
    let node = Node::over(world.ports().behind(store), Setup::default()).await;
    for value in invalid_values(&by) {
        let is_production = value.starts_with("sk_live_");
        for path in ["/v1/merchants", "/v1/auth"] {
            let code = if is_production { "wrong_environment" } else { "invalid_credential" };
            node.get(&value, path).await.problem(401, code);
        }
        let by_header = Request::new(&node.router, "GET", "/v1/auth").header("x-api-key", &value);
        assert_eq!(by_header.send().await.status, 401);
        let code = if is_production { "WRONG_ENVIRONMENT" } else { "NOT_FOUND" };
        let verdict = verify(&node, &by, &json!({"key": value})).await.json(200);
        assert_eq!(verdict, json!({"valid": false, "code": code}), "{value}");
        let batch = json!({"checks": [{"key": value}]});
        let verdicts = node.post_json(&by.value, "/v1/verify/batch", &batch).await.json(200);
        assert_eq!(verdicts["results"][0], verdict);
        let body = json!({"AppKey": value, "AppSecret": absent()});
        assert_eq!(node.token(&body).await.status, 401);
        let body = json!({"AppKey": absent(), "AppSecret": value});
        assert_eq!(node.token(&body).await.status, 401);
    }
}
