//! A key changes, is suspended and resumed over HTTP and by commands: with the answer, every node judges by it.

use serde_json::{Value, json};

use crate::harness::{Client, Fleet, Place, on_both};

on_both!(the_command_line_changes_suspends_and_resumes_a_key, a_refused_command_names_the_option);

/// What a node says about a key for a request that needs this scope.
async fn verdict(node: &Client, value: &str, scope: &str) -> String {
    node.post("/v1/verify", &json!({"key": value, "scopes": [scope]})).await.expect(200).member("code")
}

#[tokio::test]
async fn with_the_answer_to_each_change_all_three_nodes_judge_by_it() {
    let fleet = Fleet::of(3).await;
    let partner = fleet.partner(0);
    let key = partner.create(&fleet.demo.merchant, "Till", &["charges:read"]).await;
    let path = format!("/v1/api-keys/{}", key.id);
    let (read, write) = ("charges:read", "charges:write");
    let changes: [(Option<Value>, &str, &str, &str); 9] = [
        (Some(json!({"scopes": ["charges:*"]})), "", write, "VALID"),
        (Some(json!({"scopes": ["charges:read"]})), "", write, "INSUFFICIENT_SCOPE"),
        (None, "/suspend", read, "SUSPENDED"),
        (Some(json!({"scopes": ["charges:write"]})), "", write, "SUSPENDED"),
        (None, "/resume", write, "VALID"),
        (Some(json!({"not_before": "2999-01-01T00:00:00Z"})), "", write, "NOT_YET_VALID"),
        (Some(json!({"not_before": null})), "", write, "VALID"),
        (Some(json!({"expires_at": "2999-01-01T00:00:00Z"})), "", write, "VALID"),
        (Some(json!({"scopes": []})), "", read, "INSUFFICIENT_SCOPE"),
    ];
    for (turn, (body, verb, scope, expected)) in changes.iter().enumerate() {
        // Each node has the key in memory, and another one makes the change each time.
        for node in 0..3 {
            verdict(&fleet.partner(node), &key.value, read).await;
        }
        let maker = fleet.partner(turn % 3);
        let answer = match body {
            Some(body) => maker.patch(&path, body).await,
            None => maker.post(&format!("{path}{verb}"), &Value::Null).await,
        };
        answer.expect(200);
        for node in 0..3 {
            assert_eq!(verdict(&fleet.partner(node), &key.value, scope).await, *expected, "{turn}: node {node}");
        }
    }
    fleet.stop();
}

/// Creates a public key of the demo's merchant, and ends the server. Returns its id and the merchant.
fn public_key(place: &Place) -> (String, String) {
    let node = place.sandbox().serve();
    let merchant = node.demo().merchant;
    node.stop();
    let create = format!("key create --mid {merchant} --name Till --type public --scope charges:read");
    (place.keyward().words(&create).run().json()["id"].as_str().unwrap().to_owned(), merchant)
}

async fn the_command_line_changes_suspends_and_resumes_a_key(place: Place) {
    let (id, merchant) = public_key(&place);
    let keyward = |words: &str| place.keyward().words(words);
    let update = "key update --name Door --metadata shop=17 --metadata till=a=b --scope charges:write --expires-at 30d";
    let changed = keyward(update).word(&id).run().json();
    assert_eq!(changed["metadata"], json!({"shop": "17", "till": "a=b"}));
    assert_eq!((&changed["name"], &changed["scopes"]), (&json!("Door"), &json!(["charges:write"])));
    assert!(changed["expires_at"].is_string(), "{changed}");
    let update = "key update --remove-metadata till --clear expires-at --clear scopes";
    let changed = keyward(update).word(&id).run().json();
    assert_eq!(changed["metadata"], json!({"shop": "17"}));
    assert_eq!((&changed["scopes"], &changed["expires_at"]), (&json!([]), &Value::Null));
    let suspended = keyward("key suspend").word(&id).run().json();
    assert_eq!((&suspended["state"], &suspended["suspended_by"]), (&json!("suspended"), &json!("operator")));
    let list = format!("key list --state suspended --mid {merchant}");
    assert_eq!(keyward(&list).run().json()[0]["id"], json!(id));
    let resumed = keyward("key resume").word(&id).run().json();
    assert_eq!(resumed["state"], "active");
    let table = keyward("key show --format table").word(&id).run().success().out;
    assert!(table.contains("METADATA"), "{table}");
}

async fn a_refused_command_names_the_option(place: Place) {
    let (id, _) = public_key(&place);
    let keyward = |words: &str| place.keyward().words(words);
    for (words, says) in [
        ("key update --scope api-keys:read", "--scope: must not be api-keys:read"),
        ("key update --expires-at 2020-01-01T00:00:00Z", "--expires-at: must be in the future"),
        ("key update --not-before 40d --expires-at 30d", "--not-before: must be before expires_at"),
        ("key update --metadata shop", "must be NAME=VALUE"),
        ("key update --metadata a=b --clear metadata", "--metadata: must not be given together with --clear"),
        ("key update --expires-at 30d --clear expires-at", "--expires-at: must not be given together with --clear"),
        ("key update --metadata a=b --remove-metadata a", "--remove-metadata: a is also given by --metadata"),
        ("key update --metadata =17", "--metadata: must have names of 1 to 40 characters"),
    ] {
        keyward(words).word(&id).run().misuse_with(&[says]);
    }
    keyward("key update --name x --if-match 7").word(&id).run().refuses_with(&["the key has version 1"]);
    let unknown = "key_01h2xcejqtf2nbrexx3vqjhp41";
    for words in ["key update --name x", "key suspend", "key resume"] {
        keyward(words).word(unknown).run().refuses_with(&["there is no key", "keyward key list"]);
    }
    keyward("key revoke --yes").word(&id).run().success();
    for words in ["key update --clear scopes --expires-at 30d", "key suspend", "key resume"] {
        keyward(words).word(&id).run().refuses_with(&["the key is revoked, which is final"]);
    }
}
