//! `GET /v1/me`: the calling key, its account, and what the credential may do.

use serde_json::json;

use crate::harness::World;

#[tokio::test]
async fn a_key_without_scopes_reads_itself() {
    let world = World::new().await;
    let key = world.key("merchant_a1", &[]).await;
    let answer = world.get(&key.value, "/v1/me").await;
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let me = answer.json(200);
    assert_eq!((&me["key"]["id"], &me["key"]["state"]), (&json!(key.id), &json!("active")));
    assert_eq!((&me["account"]["mid"], &me["account"]["role"]), (&json!("merchant_a1"), &json!("merchant")));
    assert_eq!((&me["effective_scopes"], &me["errors"]), (&json!([]), &json!([])));
    assert_eq!(me["key"].get("value"), None);
}

#[tokio::test]
async fn a_token_shows_its_key_and_the_scopes_that_both_cover() {
    let world = World::new().await;
    let pair = world.pair("merchant_a1", &["charges:*", "refunds:read"]).await;
    let token = world.tokens(&pair).await["accessToken"].as_str().unwrap().to_owned();
    let me = world.get(&token, "/v1/me").await.json(200);
    assert_eq!(me["key"]["id"], json!(pair.secret.id));
    assert_eq!(me["effective_scopes"], json!(["charges:*", "refunds:read"]));
    let by = world.root("partner_a").await;
    let narrower = json!({"scopes": ["charges:read"]});
    world.request("PATCH", &pair.secret.path()).bearer(&by.value).json(&narrower).send().await.json(200);
    let me = world.get(&token, "/v1/me").await.json(200);
    assert_eq!(me["effective_scopes"], json!(["charges:read"]));
}

#[tokio::test]
async fn nobody_else_has_a_self() {
    let world = World::new().await;
    let public = world.key_of("merchant_a1", "public", &[], None).await;
    world.request("GET", "/v1/me").send().await.problem(401, "invalid_credential");
    world.get(&public.value, "/v1/me").await.problem(401, "invalid_credential");
    let key = world.key("merchant_a1", &[]).await;
    world.get(&key.value, "/v1/me?x=1").await.invalid(&["x"]);
}
