//! `POST /v1/merchants`.

use serde_json::json;

use crate::harness::{START, Setup, World};

const PATH: &str = "/v1/merchants";

#[tokio::test]
async fn a_new_merchant_is_shown_whole() {
    let world = World::new().await;
    let by = world.key("partner_a", &["merchants:write"]).await;
    let answer = world.post_json(&by.value, PATH, &json!({"mid": "mid_123456", "name": " Shop ", "x": 1})).await;
    assert_eq!(
        answer.json(201),
        json!({
            "mid": "mid_123456", "name": "Shop", "role": "merchant", "parent_mid": "partner_a", "status": "active",
            "created_at": START, "errors": [],
        })
    );
    assert_eq!(answer.header("location"), Some("/v1/merchants/mid_123456"));
}

#[tokio::test]
async fn a_form_is_as_good_as_json() {
    let world = World::new().await;
    let by = world.root("platform").await;
    let parts = [("name", "Shop"), ("parent_mid", "partner_b"), ("mid", "")];
    let merchant = world.request("POST", PATH).bearer(&by.value).multipart(&parts).send().await.json(201);
    assert_eq!((&merchant["name"], &merchant["parent_mid"]), (&json!("Shop"), &json!("partner_b")));
    assert!(merchant["mid"].as_str().unwrap().starts_with("mid_"));
}

#[tokio::test]
async fn the_service_chooses_a_mid_if_none_is_given() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let mut mids = Vec::new();
    for body in [json!({"name": "x"}), json!({"name": "x", "mid": null, "parent_mid": null})] {
        let answer = world.post_json(&by.value, PATH, &body).await;
        let mid = answer.json(201)["mid"].as_str().unwrap().to_owned();
        assert_eq!(answer.header("location"), Some(format!("/v1/merchants/{mid}").as_str()));
        world.get(&by.value, &format!("/v1/merchants/{mid}")).await.json(200);
        mids.push(mid);
    }
    assert_ne!(mids[0], mids[1]);
}

#[tokio::test]
async fn only_some_callers_may_choose_a_mid() {
    for (partners_name_mids, by, status) in
        [(true, "partner_a", 201), (true, "platform", 201), (false, "partner_a", 403), (false, "platform", 201)]
    {
        let mut setup = Setup::default();
        setup.settings.partners_name_mids = partners_name_mids;
        let world = World::with(setup).await;
        let by = world.root(by).await;
        let before = world.contents().await;
        let answer = world.post_json(&by.value, PATH, &json!({"mid": "chosen", "name": "x"})).await;
        if status == 403 {
            answer.problem(403, "mid_not_allowed");
            assert_eq!(world.contents().await, before);
            // The same for a taken mid: the answer does not reveal that it is taken.
            let taken = json!({"mid": "merchant_b1", "name": "x"});
            world.post_json(&by.value, PATH, &taken).await.problem(403, "mid_not_allowed");
            world.post_json(&by.value, PATH, &json!({"name": "x"})).await.json(201);
        } else {
            assert_eq!(answer.json(status)["mid"], "chosen");
        }
    }
}

#[tokio::test]
async fn a_merchant_is_below_the_platform_or_a_partner_that_the_caller_reaches() {
    let world = World::new().await;
    for (by, parent, outcome) in [
        ("platform", "platform", Ok("platform")),
        ("platform", "partner_a", Ok("partner_a")),
        ("partner_a", "partner_a", Ok("partner_a")),
        ("platform", "merchant_p1", Err((400, "invalid_request"))),
        ("partner_a", "merchant_a1", Err((400, "invalid_request"))),
        ("partner_a", "partner_b", Err((404, "account_not_found"))),
        ("partner_a", "merchant_b1", Err((404, "account_not_found"))),
        ("partner_a", "platform", Err((404, "account_not_found"))),
        ("partner_a", "unknown", Err((404, "account_not_found"))),
        ("merchant_a1", "partner_a", Err((404, "account_not_found"))),
        ("merchant_a1", "merchant_a1", Err((400, "invalid_request"))),
    ] {
        let by = world.root(by).await;
        let before = world.contents().await;
        let answer = world.post_json(&by.value, PATH, &json!({"name": "x", "parent_mid": parent})).await;
        match outcome {
            Ok(parent) => assert_eq!(answer.json(201)["parent_mid"], parent),
            Err((status, code)) => {
                let body = answer.problem(status, code);
                assert!(status != 400 || body["fields"]["parent_mid"].is_array(), "{body}");
                assert_eq!(world.contents().await, before);
            }
        }
    }
    let merchant = world.root("merchant_a1").await;
    world.post_json(&merchant.value, PATH, &json!({"name": "x"})).await.invalid(&["parent_mid"]);
}

#[tokio::test]
async fn a_taken_mid_is_reported_even_if_it_belongs_to_another_tenant() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let before = world.contents().await;
    for mid in ["merchant_a1", "merchant_b1", "partner_b", "platform", "partner_a"] {
        world.post_json(&by.value, PATH, &json!({"mid": mid, "name": "x"})).await.problem(409, "mid_taken");
    }
    assert_eq!(world.contents().await, before);
}

#[tokio::test]
async fn of_two_concurrent_requests_for_one_mid_one_gets_it() {
    let world = World::new().await;
    let by = world.root("platform").await;
    let body = json!({"mid": "wanted", "name": "x"});
    let (one, other) = tokio::join!(world.post_json(&by.value, PATH, &body), world.post_json(&by.value, PATH, &body));
    let mut statuses = [one.status.as_u16(), other.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409]);
}

#[tokio::test]
async fn every_wrong_field_is_named_and_nothing_is_stored() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let before = world.contents().await;
    let wrong = json!({"name": "", "mid": "key_01h2xcejqtf2nbrexx3vqjhp41", "parent_mid": "!"});
    world.post_json(&by.value, PATH, &wrong).await.invalid(&["mid", "name", "parent_mid"]);
    assert_eq!(world.contents().await, before);
}
