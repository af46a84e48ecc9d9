//! Digests follow the setting and the newest pepper when their keys are used, and every key stays valid.

use keyward_domain::SecretForm;
use keyward_storage::conformance::RawSql as _;
use keyward_storage_sqlite::testing::Raw;

use crate::harness::{Held, Node, Setup, World, master_key};

/// A second node on the same database, with other settings. It answers nothing from memory.
async fn beside(world: &World, change: impl FnOnce(&mut Setup)) -> Node {
    let mut setup = Setup::default();
    change(&mut setup);
    Node::over(world.ports(), setup).await
}

async fn digests_like(world: &World, pattern: &str, key: &Held) -> i64 {
    let last_four = key.value.get(79..).unwrap();
    let sql = format!("SELECT count(id) FROM api_key WHERE digest LIKE '{pattern}' AND last_four = '{last_four}'");
    Raw::beside(world.folder.path()).number(&sql).await
}

#[tokio::test]
async fn a_used_key_is_rehashed_to_the_setting_and_back() {
    let world = World::new().await;
    let key = world.root("partner_a").await;
    assert_eq!(digests_like(&world, "$hmac-sha256$v=1$%", &key).await, 1);
    for (form, pattern) in [(SecretForm::Argon2id, "$argon2id$%"), (SecretForm::Hmac, "$hmac-sha256$v=1$%")] {
        let node = beside(&world, |setup| setup.form = form).await;
        node.get(&key.forged(), "/v1/merchants").await.problem(401, "invalid_credential");
        node.wait_for_background().await;
        assert_eq!(digests_like(&world, pattern, &key).await, 0, "a wrong secret renews nothing");
        node.get(&key.value, "/v1/merchants").await.json(200);
        node.wait_for_background().await;
        assert_eq!(digests_like(&world, pattern, &key).await, 1, "{form}");
        node.get(&key.value, "/v1/merchants").await.json(200);
    }
}

#[tokio::test]
async fn a_new_pepper_ends_no_key_and_a_node_without_it_reports_a_failure() {
    let world = World::new().await;
    let key = world.root("partner_a").await;
    let newer = beside(&world, |setup| setup.master = master_key(2)).await;
    newer.get(&key.value, "/v1/merchants").await.json(200);
    newer.wait_for_background().await;
    assert_eq!(digests_like(&world, "$hmac-sha256$v=2$%", &key).await, 1);
    newer.get(&key.value, "/v1/merchants").await.json(200);
    newer.get(&key.forged(), "/v1/merchants").await.problem(401, "invalid_credential");
    world.get(&key.value, "/v1/merchants").await.problem(500, "internal");
}
