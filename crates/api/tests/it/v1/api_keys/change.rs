//! `PATCH /v1/api-keys/{id}`: what changes, in force with the answer, and what is refused.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Answer, Held, World};

const PATCH_TYPE: &str = "application/merge-patch+json";

async fn patch(world: &World, by: &Held, key: &Held, body: &Value) -> Answer {
    world.request("PATCH", &key.path()).bearer(&by.value).body(PATCH_TYPE, body.to_string()).send().await
}

async fn patch_if(world: &World, by: &Held, key: &Held, etag: &str, body: &Value) -> Answer {
    let request = world.request("PATCH", &key.path()).bearer(&by.value).header("if-match", etag);
    request.body(PATCH_TYPE, body.to_string()).send().await
}

/// What verification says about a key with this scope.
async fn verdict(world: &World, by: &Held, key: &Held, scope: &str) -> String {
    let body = json!({"key": key.value, "scopes": [scope]});
    let answer = world.request("POST", "/v1/verify").bearer(&by.value).json(&body).send().await.json(200);
    answer["code"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_change_shows_the_whole_key_with_its_next_version() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let key = world.key("merchant_a1", &["charges:read"]).await;
    let before = world.get(&by.value, &key.path()).await;
    assert_eq!(before.header("etag"), Some("\"1\""));
    let body = json!({
        "name": "Till 3", "description": "At the door", "metadata": {"shop": "17", "till": "3"},
        "scopes": ["charges:*"], "not_before": "2026-11-23T11:00:00Z", "expires_at": "2027-01-01T00:00:00Z",
    });
    let answer = patch(&world, &by, &key, &body).await;
    let changed = answer.json(200);
    assert_eq!(answer.header("etag"), Some("\"2\""));
    assert!(answer.header("revocation-seq").is_some());
    let mut expected = before.json(200);
    for (name, value) in body.as_object().unwrap() {
        expected[name] = value.clone();
    }
    for name in ["not_before", "expires_at"] {
        expected[name] = json!(body[name].as_str().unwrap().replace('Z', ".000Z"));
    }
    expected["effective_expires_at"] = expected["expires_at"].clone();
    assert_eq!(changed, expected);
    assert_eq!(world.get(&by.value, &key.path()).await.json(200), expected);
    let removed = json!({"description": null, "metadata": {"till": null}, "not_before": null, "expires_at": null});
    let changed = patch(&world, &by, &key, &removed).await.json(200);
    for name in ["description", "not_before", "expires_at", "effective_expires_at"] {
        assert_eq!(changed[name], Value::Null, "{name}");
    }
    assert_eq!((&changed["metadata"], &changed["name"]), (&json!({"shop": "17"}), &json!("Till 3")));
}

#[tokio::test]
async fn a_change_decides_the_next_verification_whether_it_narrows_or_widens() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let key = world.key("merchant_a1", &["charges:read"]).await;
    assert_eq!(verdict(&world, &by, &key, "charges:read").await, "VALID");
    for (body, scope, expected) in [
        (json!({"scopes": []}), "charges:read", "INSUFFICIENT_SCOPE"),
        (json!({"scopes": ["charges:*"]}), "charges:write", "VALID"),
        (json!({"not_before": "2026-11-23T12:00:01Z"}), "charges:read", "NOT_YET_VALID"),
        (json!({"not_before": null}), "charges:read", "VALID"),
    ] {
        patch(&world, &by, &key, &body).await.json(200);
        assert_eq!(verdict(&world, &by, &key, scope).await, expected, "{body}");
    }
    patch(&world, &by, &key, &json!({"expires_at": "2026-11-23T12:00:01Z"})).await.json(200);
    world.advance(Duration::from_secs(1));
    assert_eq!(verdict(&world, &by, &key, "charges:read").await, "EXPIRED");
    patch(&world, &by, &key, &json!({"expires_at": null})).await.problem(409, "key_not_active");
    patch(&world, &by, &key, &json!({"name": "An old key"})).await.json(200);
}

#[tokio::test]
async fn a_new_name_is_shown_by_verification() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let key = world.key("merchant_a1", &["charges:read"]).await;
    assert_eq!(verdict(&world, &by, &key, "charges:read").await, "VALID");
    patch(&world, &by, &key, &json!({"name": "Till 3"})).await.json(200);
    world.wait_for_background().await;
    let verified = world.request("POST", "/v1/verify").bearer(&by.value).json(&json!({"key": key.value})).send().await;
    assert_eq!(verified.json(200)["name"], "Till 3");
}

#[tokio::test]
async fn both_media_types_are_read_and_a_form_is_not() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let key = world.key("merchant_a1", &[]).await;
    for content_type in [PATCH_TYPE, "application/json"] {
        let request = world.request("PATCH", &key.path()).bearer(&by.value).body(content_type, "{\"name\": \"x\"}");
        assert_eq!(request.send().await.json(200)["name"], "x", "{content_type}");
    }
    let form = world.request("PATCH", &key.path()).bearer(&by.value).multipart(&[("name", "x")]);
    form.send().await.problem(415, "unsupported_media_type");
}

#[tokio::test]
async fn a_member_that_cannot_be_changed_is_refused_by_name() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let key = world.key("merchant_a1", &["charges:read"]).await;
    let before = world.get(&by.value, &key.path()).await.json(200);
    for (body, fields) in [
        (json!({"scope": ["charges:*"]}), &["scope"][..]),
        (json!({"expires_in": 1, "name": "x", "mid": "merchant_a2"}), &["expires_in", "mid"]),
        (json!({"type": "public"}), &["type"]),
        (json!({"value": "x", "state": "revoked"}), &["state", "value"]),
        (json!({"name": null}), &["name"]),
        (json!({"name": "<b>", "expires_at": "2020-01-01T00:00:00Z"}), &["name"]),
        (json!({"expires_at": "2026-11-23T12:00:00Z"}), &["expires_at"]),
        (json!({"expires_at": "2027-01-01T00:00:00Z", "not_before": "2027-01-01T00:00:00Z"}), &["not_before"]),
        (json!({"scopes": ["api-keys:delete"]}), &["scopes[0]"]),
        (json!({"metadata": {"a": 1}}), &["metadata[a]"]),
        (json!({"metadata": "x"}), &["metadata"]),
    ] {
        patch(&world, &by, &key, &body).await.invalid(fields);
    }
    let public = world.key_of("merchant_a1", "public", &[], None).await;
    patch(&world, &by, &public, &json!({"scopes": ["api-keys:read"]})).await.invalid(&["scopes[0]"]);
    assert_eq!(world.get(&by.value, &key.path()).await.json(200), before);
    // A name in another spelling is the same name, as in every body.
    let changed = patch(&world, &by, &key, &json!({"expiresAt": "2027-01-01T00:00:00Z"})).await.json(200);
    assert_eq!(changed["expires_at"], "2027-01-01T00:00:00.000Z");
}

#[tokio::test]
async fn metadata_holds_at_most_50_members_after_each_change() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let key = world.key("merchant_a1", &[]).await;
    let members = |from: usize, to: usize| {
        let members = (from..to).map(|n| (format!("name-{n}"), json!("x"))).collect::<serde_json::Map<_, _>>();
        json!({"metadata": members})
    };
    patch(&world, &by, &key, &members(0, 50)).await.json(200);
    patch(&world, &by, &key, &members(50, 51)).await.invalid(&["metadata"]);
    patch(&world, &by, &key, &json!({"metadata": {"name-0": null, "name-50": "x"}})).await.json(200);
    assert_eq!(patch(&world, &by, &key, &json!({"metadata": null})).await.json(200)["metadata"], json!({}));
}

#[tokio::test]
async fn if_match_decides_and_without_it_the_last_change_wins() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let key = world.key("merchant_a1", &[]).await;
    let names = |name: &str| json!({"name": name});
    patch_if(&world, &by, &key, "\"1\"", &names("first")).await.json(200);
    for etag in ["\"1\"", "W/\"2\"", "2", "\"3\"", "\"x\""] {
        let refused = patch_if(&world, &by, &key, etag, &names("second")).await.problem(412, "precondition_failed");
        assert!(refused["detail"].as_str().unwrap().contains("\"2\""), "{refused}");
    }
    for (etag, name) in [("\"1\", \"2\"", "second"), ("*", "third")] {
        patch_if(&world, &by, &key, etag, &names(name)).await.json(200);
    }
    patch(&world, &by, &key, &names("last")).await.json(200);
    let shown = world.get(&by.value, &key.path()).await;
    assert_eq!((shown.header("etag"), &shown.json(200)["name"]), (Some("\"5\""), &json!("last")));
    // A change that has no effect is no version.
    assert_eq!(patch(&world, &by, &key, &names("last")).await.header("etag"), Some("\"5\""));
    // DELETE ignores the header.
    let delete = world.request("DELETE", &key.path()).bearer(&by.value).header("if-match", "\"1\"");
    delete.send().await.empty(204);
    assert_eq!(world.get(&by.value, &key.path()).await.header("etag"), Some("\"6\""));
}

#[tokio::test]
async fn racing_changes_are_both_whole_and_of_two_with_one_etag_exactly_one_succeeds() {
    for round in 0..10 {
        let world = World::new().await;
        let by = world.root("partner_a").await;
        let key = world.key("merchant_a1", &[]).await;
        let one = json!({"name": "one", "description": "one", "scopes": ["one"]});
        let two = json!({"name": "two", "description": "two", "scopes": ["two"]});
        let (first, second) = if round % 2 == 0 {
            tokio::join!(patch(&world, &by, &key, &one), patch(&world, &by, &key, &two))
        } else {
            tokio::join!(patch_if(&world, &by, &key, "\"1\"", &one), patch_if(&world, &by, &key, "\"1\"", &two))
        };
        let mut statuses = [first.status.as_u16(), second.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, if round % 2 == 0 { [200, 200] } else { [200, 412] });
        let shown = world.get(&by.value, &key.path()).await.json(200);
        let name = shown["name"].as_str().unwrap();
        assert_eq!((&shown["description"], &shown["scopes"]), (&json!(name), &json!([name])));
    }
}

#[tokio::test]
async fn a_caller_grants_only_what_it_holds_and_what_the_key_had_before_stays() {
    let world = World::new().await;
    let merchant = world.key("merchant_a1", &["api-keys:write", "charges:read"]).await;
    let key = world.key("merchant_a1", &["payouts:read", "charges:read"]).await;
    for scopes in [json!(["charges:read"]), json!(["payouts:read"]), json!([])] {
        patch(&world, &merchant, &key, &json!({"scopes": scopes})).await.json(200);
        let by = world.root("partner_a").await;
        patch(&world, &by, &key, &json!({"scopes": ["payouts:read", "charges:read"]})).await.json(200);
    }
    for scopes in [json!(["payouts:write"]), json!(["charges:*"]), json!(["api-keys:read", "charges:read"])] {
        patch(&world, &merchant, &key, &json!({"scopes": scopes})).await.problem(403, "scope_not_held");
    }
}

#[tokio::test]
async fn a_stolen_key_cannot_prolong_or_widen_itself() {
    let world = World::new().await;
    world.root("partner_a").await;
    let stolen = world.key_of("partner_a", "secret", &["api-keys:write"], Some("2026-11-24T12:00:00.000Z")).await;
    for body in [
        json!({"expires_at": null}),
        json!({"expires_at": "2030-01-01T00:00:00Z"}),
        json!({"not_before": "2026-11-23T11:00:00Z"}),
        json!({"scopes": ["api-keys:write", "charges:read"]}),
        json!({"scopes": []}),
    ] {
        patch(&world, &stolen, &stolen, &body).await.problem(403, "own_key");
    }
    let own = json!({"name": "Mine", "description": "x", "metadata": {"a": "b"}});
    assert_eq!(patch(&world, &stolen, &stolen, &own).await.json(200)["name"], "Mine");
    // Its own event does not end its authority.
    patch(&world, &stolen, &stolen, &json!({"name": "Mine again"})).await.json(200);
}

#[tokio::test]
async fn a_token_cannot_prolong_or_widen_its_own_key() {
    let world = World::new().await;
    world.root("partner_a").await;
    let pair = world.pair("partner_a", &["api-keys:*"]).await;
    let token = Held { id: pair.secret.id.clone(), value: world.access_token(&pair).await };
    for body in [json!({"expires_at": "2030-01-01T00:00:00Z"}), json!({"scopes": ["api-keys:*", "charges:read"]})] {
        patch(&world, &token, &pair.secret, &body).await.problem(403, "own_key");
    }
}

#[tokio::test]
async fn a_change_that_races_a_revocation_leaves_the_key_revoked() {
    for _ in 0..10 {
        let world = World::new().await;
        let by = world.root("partner_a").await;
        let key = world.key("merchant_a1", &["charges:read"]).await;
        let (body, path) = (json!({"scopes": ["charges:*"]}), key.path());
        let (changed, revoked) = tokio::join!(patch(&world, &by, &key, &body), world.delete(&by.value, &path));
        revoked.empty(204);
        assert!(matches!(changed.status.as_u16(), 200 | 409), "{}", changed.text());
        assert_eq!(verdict(&world, &by, &key, "charges:read").await, "REVOKED");
    }
}

#[tokio::test]
async fn the_last_manager_key_of_the_callers_account_keeps_its_scope() {
    let world = World::new().await;
    let (last, other) = (world.root("partner_a").await, world.key("partner_a", &["api-keys:write"]).await);
    // Each alone may lose it, the last one not: not even through the other's authority, which is gone.
    patch(&world, &last, &other, &json!({"scopes": ["charges:read"]})).await.json(200);
    patch(&world, &other, &last, &json!({"scopes": []})).await.problem(403, "insufficient_scope");
    let suspend = world.post(&last.value, &format!("{}/suspend", last.path())).await;
    suspend.problem(409, "lock_out");
    let above = world.root("platform").await;
    patch(&world, &above, &last, &json!({"scopes": []})).await.json(200);
}

#[tokio::test]
async fn renaming_a_pair_changes_neither_its_unique_name_nor_what_an_overwrite_revokes() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let pairs = "/v1/merchants/merchant_a1/api-keys";
    let create = async |body: Value| world.request("POST", pairs).bearer(&by.value).json(&body).send().await.json(201);
    let first = create(json!({"name": "till"})).await;
    let (id, value) = (first["keys"][1]["id"].as_str().unwrap(), first["appSecret"].as_str().unwrap());
    let secret = Held { id: id.to_owned(), value: value.to_owned() };
    patch(&world, &by, &secret, &json!({"name": "another"})).await.json(200);
    let second = create(json!({"name": "till", "overwriteExistingKey": true})).await;
    assert_eq!(second["uniqueName"], "till");
    assert_eq!(world.get(&by.value, &secret.path()).await.json(200)["state"], "revoked");
}

#[tokio::test]
async fn metadata_of_a_new_key_is_shown_and_checked() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let body = |metadata: Value| json!({"mid": "merchant_a1", "name": "x", "type": "secret", "metadata": metadata});
    let create = async |body: &Value| world.request("POST", "/v1/api-keys").bearer(&by.value).json(body).send().await;
    let created = create(&body(json!({"shop": "17"}))).await;
    assert_eq!((created.header("etag"), &created.json(201)["metadata"]), (Some("\"1\""), &json!({"shop": "17"})));
    assert_eq!(create(&body(Value::Null)).await.json(201)["metadata"], json!({}));
    for shop in [json!(["17"]), Value::Null] {
        create(&body(json!({"shop": shop}))).await.invalid(&["metadata[shop]"]);
    }
}
