//! A call that ends a key ends everything in memory that depends on it, for the very next request.

use serde_json::{Value, json};

use super::verify;
use crate::harness::{Held, Node, Pair, World};

/// Every use of a pair.
struct Uses {
    by: Held,
    pair: Pair,
    access: String,
    refresh: Value,
}

impl Uses {
    async fn of(world: &World) -> Self {
        let pair = world.pair("merchant_a1", &["merchants:read"]).await;
        let tokens = world.tokens(&pair).await;
        let access = tokens["accessToken"].as_str().unwrap().to_owned();
        Self { by: world.root("platform").await, pair, access, refresh: tokens["refreshToken"].clone() }
    }

    /// Uses the pair in every way. Afterwards everything used is in memory.
    async fn succeed(&mut self, node: &Node) {
        for credential in [&self.pair.secret.value, &self.access] {
            node.get(credential, "/v1/merchants").await.json(200);
            node.get(credential, "/v1/auth").await.empty(204);
        }
        for check in self.checks() {
            assert_eq!(verify(node, &self.by, &check).await.json(200)["code"], "VALID");
        }
        let again = node.token(&json!({"refreshToken": self.refresh})).await.json(200);
        self.refresh = again["refreshToken"].clone();
        node.token(&self.pair.body()).await.json(200);
        assert!([&self.by, &self.pair.public, &self.pair.secret].iter().all(|key| node.remembers(key)));
    }

    fn checks(&self) -> [Value; 2] {
        [json!({"key": self.pair.secret.value}), json!({"key": self.pair.public.value, "type": "public"})]
    }

    /// Checks that the pair's tokens are refused.
    async fn expect_tokens_refused(&self, node: &Node) {
        for path in ["/v1/merchants", "/v1/auth"] {
            node.get(&self.access, path).await.problem(401, "invalid_credential");
        }
        for body in [self.pair.body(), json!({"refreshToken": self.refresh})] {
            node.token(&body).await.problem(401, "invalid_credential");
        }
    }

    /// Checks that every use is refused; these are the verdicts about the secret and the public key.
    async fn expect_refused(&self, node: &Node, codes: [&str; 2]) {
        for path in ["/v1/merchants", "/v1/auth"] {
            node.get(&self.pair.secret.value, path).await.problem(401, "invalid_credential");
        }
        let mut verdicts = Vec::new();
        for check in self.checks() {
            verdicts.push(verify(node, &self.by, &check).await.json(200));
        }
        assert_eq!([&verdicts[0]["code"], &verdicts[1]["code"]], codes);
        let batch = json!({"checks": self.checks()});
        let batch = node.post_json(&self.by.value, "/v1/verify/batch", &batch).await.json(200);
        assert_eq!(batch["results"], json!(verdicts));
        self.expect_tokens_refused(node).await;
    }
}

#[tokio::test]
async fn everything_in_memory_is_refused_when_the_revocation_is_answered() {
    for (path, codes) in [
        ("", ["REVOKED", "VALID"]),
        ("/v1/merchants/merchant_a1/api-keys", ["REVOKED", "REVOKED"]),
        ("/v1/merchants/merchant_a1/suspend", ["SUSPENDED", "SUSPENDED"]),
        ("/v1/merchants/partner_a/suspend", ["SUSPENDED", "SUSPENDED"]),
        ("/v1/merchants/merchant_a1/close", ["REVOKED", "REVOKED"]),
        ("/v1/merchants/partner_a/close", ["REVOKED", "REVOKED"]),
    ] {
        let world = World::new().await;
        let mut uses = Uses::of(&world).await;
        uses.succeed(&world).await;
        let answer = match path.rsplit('/').next() {
            Some("") | None => world.delete(&uses.by.value, &uses.pair.secret.path()).await,
            Some("api-keys") => {
                let body = json!({"name": "Planted pair", "overwriteExistingKey": true});
                world.post_json(&uses.by.value, path, &body).await
            }
            Some(_) => world.post(&uses.by.value, path).await,
        };
        assert!(answer.status.is_success(), "{path}: {}", answer.text());
        uses.expect_refused(&world, codes).await;
        // It is also refused completely once it has been read again.
        uses.expect_refused(&world, codes).await;
    }
}

#[tokio::test]
async fn revoking_the_public_key_ends_the_tokens_of_the_pair_and_not_the_secret_key() {
    let world = World::new().await;
    let mut uses = Uses::of(&world).await;
    uses.succeed(&world).await;
    world.delete(&uses.by.value, &uses.pair.public.path()).await.empty(204);
    uses.expect_tokens_refused(&world).await;
    world.get(&uses.pair.secret.value, "/v1/merchants").await.json(200);
}

#[tokio::test]
async fn resuming_makes_keys_and_tokens_valid_again() {
    let world = World::new().await;
    let mut uses = Uses::of(&world).await;
    uses.succeed(&world).await;
    for mid in ["merchant_a1", "partner_a"] {
        world.post(&uses.by.value, &format!("/v1/merchants/{mid}/suspend")).await.json(200);
        uses.expect_refused(&world, ["SUSPENDED", "SUSPENDED"]).await;
        world.post(&uses.by.value, &format!("/v1/merchants/{mid}/resume")).await.json(200);
        // The refused refresh token was not redeemed.
        uses.succeed(&world).await;
    }
}

#[tokio::test]
async fn neighbours_stay_in_memory() {
    let world = World::new().await;
    let by = world.root("platform").await;
    let (key, neighbour, stranger) =
        (world.root("merchant_a1").await, world.root("merchant_a2").await, world.root("partner_b").await);
    for held in [&key, &neighbour, &stranger] {
        world.get(&held.value, "/v1/merchants").await.json(200);
    }
    world.delete(&by.value, &key.path()).await.empty(204);
    world.post(&by.value, "/v1/merchants/merchant_a1/suspend").await.json(200);
    assert!(!world.remembers(&key));
    for held in [&neighbour, &stranger] {
        assert!(world.remembers(held));
        world.get(&held.value, "/v1/merchants").await.json(200);
    }
}

#[tokio::test]
async fn a_caller_that_revokes_itself_is_refused_in_the_next_request() {
    let world = World::new().await;
    let (one, _other) = (world.root("partner_a").await, world.root("partner_a").await);
    world.get(&one.value, "/v1/merchants").await.json(200);
    world.delete(&one.value, &one.path()).await.empty(204);
    for path in ["/v1/merchants", "/v1/auth"] {
        world.get(&one.value, path).await.problem(401, "invalid_credential");
    }
}

#[tokio::test]
async fn a_caller_that_was_just_revoked_gets_no_verdict() {
    let world = World::new().await;
    let (by, caller, key) =
        (world.root("platform").await, world.root("partner_a").await, world.key("merchant_a1", &[]).await);
    assert_eq!(verify(&world, &caller, &json!({"key": key.value})).await.json(200)["valid"], true);
    world.delete(&by.value, &caller.path()).await.empty(204);
    verify(&world, &caller, &json!({"key": key.value})).await.problem(401, "invalid_credential");
    assert_eq!(verify(&world, &by, &json!({"key": key.value})).await.json(200)["valid"], true);
}
