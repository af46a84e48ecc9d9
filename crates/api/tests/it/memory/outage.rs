//! The embedded database is unavailable: keys in memory keep working, and no other key gets a verdict.

use serde_json::json;

use super::verify;
use crate::harness::World;

#[tokio::test]
async fn without_a_database_remembered_keys_keep_working_and_others_get_no_verdict() {
    let world = World::new().await;
    let (by, key) = (world.root("platform").await, world.root("merchant_a1").await);
    let pair = world.pair("merchant_a2", &["merchants:read"]).await;
    let (stranger, forgotten) = (world.root("partner_b").await, world.root("partner_b").await);
    let token = world.access_token(&pair).await;
    for held in [&by, &key, &forgotten] {
        world.get(&held.value, "/v1/merchants").await.json(200);
    }
    world.forget(&forgotten);
    world.store.close().await.unwrap();
    for credential in [&by.value, &key.value, &pair.secret.value, &token] {
        world.get(credential, "/v1/auth").await.empty(204);
    }
    // The caller is in memory; the object is not.
    world.get(&by.value, "/v1/merchants").await.problem(503, "unavailable");
    world.get(&by.value, &format!("{}/enforcement", key.path())).await.problem(503, "unavailable");
    for held in [&key, &pair.secret] {
        assert_eq!(verify(&world, &by, &json!({"key": held.value})).await.json(200)["code"], "VALID");
        world.get(&held.forged(), "/v1/auth").await.problem(401, "invalid_credential");
    }
    for value in [&stranger.value, &forgotten.value, &crate::harness::absent()] {
        world.get(value, "/v1/auth").await.problem(503, "unavailable");
        verify(&world, &by, &json!({"key": value})).await.problem(503, "unavailable");
        let batch = json!({"checks": [{"key": key.value}, {"key": value}]});
        world.post_json(&by.value, "/v1/verify/batch", &batch).await.problem(503, "unavailable");
    }
    world.delete(&by.value, &key.path()).await.problem(503, "unavailable");
}
