//! A remembered key ends at the very instant of its expiry.

use std::time::Duration;

use serde_json::json;

use super::verify;
use crate::harness::{Pair, World};

const AT: &str = "2026-11-23T12:00:10.000Z";

#[tokio::test]
async fn a_remembered_key_and_its_tokens_end_at_the_very_instant() {
    for expires in ["secret", "public"] {
        let world = World::new().await;
        let by = world.root("platform").await;
        let at = |key_type| (key_type == expires).then_some(AT);
        let pair = Pair {
            public: world.key_of("merchant_a1", "public", &[], at("public")).await,
            secret: world.key_of("merchant_a1", "secret", &["merchants:read"], at("secret")).await,
        };
        let token = world.access_token(&pair).await;
        let expiring = if expires == "secret" { &pair.secret } else { &pair.public };
        let check = json!({"key": expiring.value, "type": expires});
        world.advance(Duration::from_micros(9_999_999));
        for _ in 0..2 {
            assert_eq!(verify(&world, &by, &check).await.json(200)["code"], "VALID");
            world.get(&pair.secret.value, "/v1/auth").await.empty(204);
            world.get(&token, "/v1/auth").await.empty(204);
            assert!(world.remembers(expiring));
        }
        assert_eq!(world.get(&by.value, &expiring.path()).await.json(200)["state"], "active");
        world.advance(Duration::from_micros(1));
        assert!(world.remembers(expiring), "no event ends it");
        let verdict = verify(&world, &by, &check).await.json(200);
        assert_eq!(verdict, json!({"valid": false, "code": "EXPIRED", "id": expiring.id}));
        assert_eq!(world.get(&by.value, &expiring.path()).await.json(200)["state"], "expired");
        for path in ["/v1/auth", "/v1/merchants"] {
            world.get(&token, path).await.problem(401, "invalid_credential");
            let own = world.get(&pair.secret.value, path).await;
            assert_eq!(own.status.is_success(), expires == "public", "{path}: {}", own.text());
        }
        world.token(&pair.body()).await.problem(401, "invalid_credential");
    }
}
