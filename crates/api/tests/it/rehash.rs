//! Digests follow the setting and the newest pepper when their keys are used, and every key stays valid.

use keyward_domain::SecretForm;
use keyward_storage::conformance::RawSql as _;
use keyward_storage_sqlite::testing::Raw;
use serde_json::json;
use tokio_util::task::TaskTracker;

use crate::harness::{Answer, Held, Request, Setup, World, absent, master_key};

/// A second node on the same database, with other settings.
struct Other {
    router: keyward_api::http::Entrance,
    background: TaskTracker,
}

impl Other {
    async fn beside(world: &World, change: impl FnOnce(&mut Setup)) -> Self {
        let mut setup = Setup::default();
        change(&mut setup);
        let background = setup.background.clone();
        Self { router: world.behind((*world.store).clone(), setup).await, background }
    }

    async fn get(&self, from: &str, credential: &str) -> Answer {
        Request::new(&self.router, "GET", "/v1/merchants").from(from).bearer(credential).send().await
    }

    async fn verify(&self, by: &Held, value: &str) -> Answer {
        let request = Request::new(&self.router, "POST", "/v1/verify").bearer(&by.value);
        request.json(&json!({"key": value})).send().await
    }

    /// Waits for the work that requests left behind.
    async fn settle(&self) {
        self.background.close();
        self.background.wait().await;
        self.background.reopen();
    }
}

async fn digests_like(world: &World, pattern: &str, key: &Held) -> i64 {
    let last_four = key.value.get(79..).unwrap();
    let sql = format!("SELECT count(id) FROM api_key WHERE digest LIKE '{pattern}' AND last_four = '{last_four}'");
    Raw::beside(world.folder.path()).number(&sql).await
}

#[tokio::test]
async fn a_used_key_is_hashed_anew_towards_the_setting_and_back() {
    let world = World::new().await;
    let key = world.root("partner_a").await;
    assert_eq!(digests_like(&world, "$hmac-sha256$v=1$%", &key).await, 1);
    for (form, pattern) in [(SecretForm::Argon2id, "$argon2id$%"), (SecretForm::Hmac, "$hmac-sha256$v=1$%")] {
        let node = Other::beside(&world, |setup| setup.form = form).await;
        node.get("192.0.2.1:1", &key.forged()).await.problem(401, "invalid_credential");
        node.settle().await;
        assert_eq!(digests_like(&world, pattern, &key).await, 0, "a wrong secret renews nothing");
        node.get("192.0.2.1:1", &key.value).await.json(200);
        node.settle().await;
        assert_eq!(digests_like(&world, pattern, &key).await, 1, "{form}");
        node.get("192.0.2.1:1", &key.value).await.json(200);
    }
}

#[tokio::test]
async fn a_new_pepper_ends_no_key_and_a_node_without_it_reports_a_failure() {
    let world = World::new().await;
    let key = world.root("partner_a").await;
    let newer = Other::beside(&world, |setup| setup.master = master_key(2)).await;
    newer.get("192.0.2.1:1", &key.value).await.json(200);
    newer.settle().await;
    assert_eq!(digests_like(&world, "$hmac-sha256$v=2$%", &key).await, 1);
    newer.get("192.0.2.1:1", &key.value).await.json(200);
    newer.get("192.0.2.1:1", &key.forged()).await.problem(401, "invalid_credential");
    world.get(&key.value, "/v1/merchants").await.problem(500, "internal");
}

#[tokio::test]
async fn guesses_at_a_slow_digest_are_limited_for_the_guesser_only() {
    let world = World::new().await;
    let (owner, stranger) = (world.root("merchant_a1").await, world.root("partner_b").await);
    let slow = Other::beside(&world, |setup| {
        setup.form = SecretForm::Argon2id;
        setup.settings.failed_attempts_per_minute = 3;
    })
    .await;
    slow.get("192.0.2.1:1", &owner.value).await.json(200);
    slow.settle().await;
    let (forged, absent) = (owner.forged(), absent());
    for (n, guess) in [&forged, &absent].into_iter().enumerate() {
        // Existing and absent keys get the same answers and the same limits.
        for _ in 0..3 {
            assert_eq!(
                slow.verify(&stranger, guess).await.json(200),
                json!({"valid": false, "code": "NOT_FOUND"}),
                "{n}"
            );
        }
        slow.verify(&stranger, guess).await.problem(429, "too_many_attempts");
        world.advance(std::time::Duration::from_mins(1));
    }
    slow.get("192.0.2.1:1", &owner.value).await.json(200);
    assert_eq!(slow.verify(&owner, &owner.value).await.json(200)["code"], "VALID");
}
