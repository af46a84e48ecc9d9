//! `POST /v1/merchants/{mid}/api-keys`: a public and a secret key that belong together.

use serde_json::{Value, json};

use crate::harness::{START, World};

const PATH: &str = "/v1/merchants/merchant_a1/api-keys";

#[tokio::test]
async fn a_new_pair_is_shown_whole() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let body = json!({"name": " Shop ", "description": " till ", "scopes": ["charges:read", "api-keys:read"]});
    let answer = world.post_json(&by.value, PATH, &body).await;
    let pair = answer.json(201);
    let (public, secret) = (pair["appKey"].as_str().unwrap(), pair["appSecret"].as_str().unwrap());
    let id = |n: usize| pair["keys"][n]["id"].as_str().unwrap().to_owned();
    let key = |n: usize, value: &str, key_type: &str, scopes: Value| {
        json!({
            "id": id(n), "mid": "merchant_a1", "name": "Shop", "description": "till", "type": key_type,
            "scopes": scopes, "state": "active", "created_at": START, "created_by": by.id,
            "not_before": null, "expires_at": null, "effective_expires_at": null, "suspended_at": null,
            "suspended_by": null, "metadata": {}, "pair_id": pair["keys"][0]["pair_id"], "last_used": null,
            "last_four": value[value.len() - 4..], "errors": [],
        })
    };
    let mut first = key(0, public, "public", json!([]));
    first["value"] = json!(public);
    let second = key(1, secret, "secret", json!(["charges:read", "api-keys:read"]));
    let client_id = id(0).parse::<keyward_domain::KeyId>().unwrap().uuid().to_string();
    assert_eq!(
        pair,
        json!({
            "name": "Shop", "uniqueName": "Shop", "description": "till", "clientId": client_id, "appKey": public,
            "appSecret": secret, "keys": [first, second], "errors": [],
        })
    );
    assert!(public.starts_with("pk_test_") && secret.starts_with("sk_test_"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

#[tokio::test]
async fn a_form_is_as_good_as_json() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let parts = [("name", "Shop"), ("scopes", "charges:read,charges:write"), ("overwriteExistingKey", "true")];
    for _ in 0..2 {
        let pair = world.request("POST", PATH).bearer(&by.value).multipart(&parts).send().await.json(201);
        assert_eq!((&pair["uniqueName"], &pair["description"]), (&json!("Shop"), &Value::Null));
        assert_eq!(pair["keys"][1]["scopes"], json!(["charges:read", "charges:write"]));
    }
    let parts = [("name", "Shop"), ("overwriteExistingKey", "maybe")];
    world.request("POST", PATH).bearer(&by.value).multipart(&parts).send().await.invalid(&["overwriteExistingKey"]);
}

#[tokio::test]
async fn pairs_of_one_name_are_numbered_and_freed_numbers_are_reused() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let mut pairs = Vec::new();
    for unique in ["Shop", "Shop-2", "Shop-3"] {
        let pair = world.post_json(&by.value, PATH, &json!({"name": "Shop"})).await.json(201);
        assert_eq!((&pair["name"], &pair["uniqueName"]), (&json!("Shop"), &json!(unique)));
        pairs.push(pair);
    }
    let revoke = async |key: &Value| {
        let path = format!("/v1/api-keys/{}", key["id"].as_str().unwrap());
        world.delete(&by.value, &path).await.empty(204);
    };
    // A pair is active until both keys are revoked.
    revoke(&pairs[1]["keys"][0]).await;
    let next = world.post_json(&by.value, PATH, &json!({"name": "Shop"})).await.json(201);
    assert_eq!(next["uniqueName"], "Shop-4");
    revoke(&pairs[1]["keys"][1]).await;
    let next = world.post_json(&by.value, PATH, &json!({"name": "Shop"})).await.json(201);
    assert_eq!(next["uniqueName"], "Shop-2");
    // A name that ends in a number is an ordinary name; other merchants have their own names.
    let next = world.post_json(&by.value, PATH, &json!({"name": "Shop-3"})).await.json(201);
    assert_eq!(next["uniqueName"], "Shop-3-2");
    let other = world.post_json(&by.value, "/v1/merchants/merchant_a2/api-keys", &json!({"name": "Shop"})).await;
    assert_eq!(other.json(201)["uniqueName"], "Shop");
}

#[tokio::test]
async fn single_keys_take_no_pair_name() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let single = json!({"mid": "merchant_a1", "name": "Shop", "type": "secret"});
    world.post_json(&by.value, "/v1/api-keys", &single).await.json(201);
    let pair = world.post_json(&by.value, PATH, &json!({"name": "Shop"})).await.json(201);
    assert_eq!(pair["uniqueName"], "Shop");
}

#[tokio::test]
async fn racing_pairs_of_one_name_are_all_created() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let body = json!({"name": "Shop"});
    let ask = || world.post_json(&by.value, PATH, &body);
    let (one, two, three, four) = tokio::join!(ask(), ask(), ask(), ask());
    let mut names: Vec<String> =
        [one, two, three, four].iter().map(|it| it.json(201)["uniqueName"].as_str().unwrap().to_owned()).collect();
    names.sort();
    assert_eq!(names, ["Shop", "Shop-2", "Shop-3", "Shop-4"]);
}

#[tokio::test]
async fn a_refused_pair_stores_nothing() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let held = world.key("merchant_a1", &["api-keys:write"]).await;
    let before = world.contents().await;
    let wrong = json!({"name": "<", "description": "a\rb", "scopes": ["a", "a"], "overwriteExistingKey": "true"});
    let fields = ["description", "name", "overwriteExistingKey", "scopes[1]"];
    world.post_json(&by.value, PATH, &wrong).await.invalid(&fields);
    let body = json!({"name": "x", "scopes": ["charges:read"]});
    world.post_json(&held.value, PATH, &body).await.problem(403, "scope_not_held");
    assert_eq!(world.contents().await, before);
}
