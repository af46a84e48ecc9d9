//! `overwriteExistingKey`: a new pair in place of those of the same name.

use serde_json::{Value, json};

use crate::harness::{Held, World};

async fn make(world: &World, by: &Held, mid: &str, body: &Value) -> Value {
    world.post_json(&by.value, &format!("/v1/merchants/{mid}/api-keys"), body).await.json(201)
}

async fn key(world: &World, by: &Held, id: &Value) -> Value {
    world.get(&by.value, &format!("/v1/api-keys/{}", id.as_str().unwrap())).await.json(200)
}

#[tokio::test]
async fn only_pairs_of_the_same_name_and_merchant_are_overwritten() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let plain = json!({"name": "Shop", "scopes": ["merchants:read"]});
    let first = make(&world, &by, "merchant_a1", &plain).await;
    let second = make(&world, &by, "merchant_a1", &plain).await;
    let half = make(&world, &by, "merchant_a1", &plain).await;
    let other_name = make(&world, &by, "merchant_a1", &json!({"name": "Shop-2"})).await;
    let other_case = make(&world, &by, "merchant_a1", &json!({"name": "shop"})).await;
    let other_merchant = make(&world, &by, "merchant_a2", &plain).await;
    let single = json!({"mid": "merchant_a1", "name": "Shop", "type": "secret"});
    let single = world.post_json(&by.value, "/v1/api-keys", &single).await.json(201);
    let gone = half["keys"][0]["id"].as_str().unwrap();
    world.delete(&by.value, &format!("/v1/api-keys/{gone}?reason=compromised")).await.empty(204);

    let body = json!({"name": " Shop ", "overwriteExistingKey": true});
    let new = make(&world, &by, "merchant_a1", &body).await;
    assert_eq!(new["uniqueName"], "Shop");
    for pair in [&first, &second, &half] {
        for n in 0..2 {
            let key = key(&world, &by, &pair["keys"][n]["id"]).await;
            let reason = if pair == &half && n == 0 { "compromised" } else { "superseded" };
            assert_eq!((&key["state"], &key["revocation_reason"]), (&json!("revoked"), &json!(reason)));
            assert_eq!(key["revoked_by"], by.id);
        }
        let old = pair["appSecret"].as_str().unwrap();
        world.get(old, "/v1/merchants").await.problem(401, "invalid_credential");
    }
    for pair in [&other_name, &other_case, &other_merchant, &new] {
        for n in 0..2 {
            assert_eq!(key(&world, &by, &pair["keys"][n]["id"]).await["state"], "active");
        }
    }
    assert_eq!(key(&world, &by, &single["id"]).await["state"], "active");
}

#[tokio::test]
async fn an_overwrite_of_nothing_creates_a_pair() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let new = make(&world, &by, "merchant_a1", &json!({"name": "Shop", "overwriteExistingKey": true})).await;
    assert_eq!(new["uniqueName"], "Shop");
}

#[tokio::test]
async fn no_caller_overwrites_its_last_manager_key_with_fewer_scopes() {
    let world = World::new().await;
    let root = world.root("partner_a").await;
    let writes = json!({"name": "Own", "scopes": ["api-keys:write"]});
    let pair = make(&world, &root, "partner_a", &writes).await;
    let own = Held {
        id: pair["keys"][1]["id"].as_str().unwrap().to_owned(),
        value: pair["appSecret"].as_str().unwrap().to_owned(),
    };
    world.delete(&root.value, &root.path()).await.empty(204);
    let before = world.contents().await;
    let path = "/v1/merchants/partner_a/api-keys";
    let less = json!({"name": "Own", "scopes": ["charges:read"], "overwriteExistingKey": true});
    world.post_json(&own.value, path, &less).await.problem(409, "lock_out");
    assert_eq!(world.contents().await, before);
    world.get(&own.value, "/v1/merchants").await.problem(403, "insufficient_scope");
    // The new secret key counts as a remaining one.
    let same = json!({"name": "Own", "scopes": ["api-keys:write"], "overwriteExistingKey": true});
    let new = world.post_json(&own.value, path, &same).await.json(201);
    assert_eq!(new["uniqueName"], "Own");
    world.post_json(&own.value, path, &same).await.problem(401, "invalid_credential");
    world.post_json(new["appSecret"].as_str().unwrap(), path, &same).await.json(201);
}

#[tokio::test]
async fn two_racing_overwrites_leave_one_active_pair() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    make(&world, &by, "merchant_a1", &json!({"name": "Shop"})).await;
    let body = json!({"name": "Shop", "overwriteExistingKey": true});
    let (one, other) = tokio::join!(make(&world, &by, "merchant_a1", &body), make(&world, &by, "merchant_a1", &body));
    assert_eq!((&one["uniqueName"], &other["uniqueName"]), (&json!("Shop"), &json!("Shop")));
    let active = world.get(&by.value, "/v1/api-keys/merchant_a1").await.json(200);
    assert_eq!(active["keys"].as_array().unwrap().len(), 2);
}
