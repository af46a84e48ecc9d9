//! Policies over HTTP and by commands: with the answer, every node judges by them.

use serde_json::{Value, json};

use crate::harness::{Fleet, Place, on_both};

on_both!(the_command_line_sets_and_shows_a_policy);

#[tokio::test]
async fn with_the_answer_to_each_policy_all_three_nodes_judge_by_it() {
    let fleet = Fleet::of(3).await;
    let key = fleet.partner(0).create(&fleet.demo.merchant, "Till", &["charges:read"]).await;
    // No node has the key in memory yet. It is no event that it was created earlier.
    fleet.place.execute("UPDATE api_key SET created_at = created_at - interval '1 day' WHERE name = 'Till'").await;
    let path = format!("/v1/merchants/{}/policy", fleet.demo.merchant);
    for (turn, (policy, expected)) in [
        (json!({"max_life_seconds": 3_600}), "EXPIRED"),
        (json!({"max_life_seconds": 172_800}), "VALID"),
        (json!({"max_secret_age_seconds": 3_600}), "ROTATION_DUE"),
        (json!({"max_secret_age_seconds": 3_600, "max_life_seconds": 60}), "EXPIRED"),
        (json!({"max_keys": 0}), "VALID"),
    ]
    .iter()
    .enumerate()
    {
        for node in 0..3 {
            fleet.partner(node).verdict(&key.value).await;
        }
        let maker = fleet.partner(turn % 3);
        let dry = maker.put(&format!("{path}?dry_run=true"), policy).await.expect(200).json();
        let ends = usize::from(*expected != "VALID");
        assert_eq!(dry["would_end"]["keys"], if turn == 3 { 0 } else { ends }, "{turn}");
        assert_eq!(maker.put(&path, policy).await.expect(200).json()["errors"], json!([]));
        for node in 0..3 {
            assert_eq!(fleet.partner(node).verdict(&key.value).await, *expected, "{turn}: node {node}");
        }
    }
    fleet.stop();
}

async fn the_command_line_sets_and_shows_a_policy(place: Place) {
    let node = place.sandbox().serve();
    let merchant = node.demo().merchant;
    node.stop();
    let keyward = |words: &str| place.keyward().words(words);
    let set = "policy set --max-life 365d --default-life 90d --max-secret-age 180d --max-overlap 1h --max-keys 1 \
               --idle 90d --idle-action suspend";
    let whole = json!({
        "max_life_seconds": 31_536_000, "default_life_seconds": 7_776_000, "max_secret_age_seconds": 15_552_000,
        "max_overlap_seconds": 3_600, "max_keys": 1, "idle_seconds": 7_776_000, "idle_action": "suspend",
    });
    let answer = keyward(set).word(&merchant).run().json();
    assert_eq!((&answer["own"], &answer["effective"], &answer["version"]), (&whole, &whole, &json!(2)));
    assert_eq!(keyward("policy show").word(&merchant).run().json(), answer);
    let table = keyward("policy show --format table").word(&merchant).run().success().out;
    assert!(table.contains("MEMBER") && table.contains("31536000"), "{table}");
    let create = format!("key create --mid {merchant} --name Till --type public");
    let key = keyward(&create).run().json();
    assert!(key["expires_at"].is_string(), "{key}");
    keyward(&create).run().refuses_with(&["allows at most 1 keys"]);
    let dry = keyward("policy set --max-life 365d --dry-run").word(&merchant).run().json();
    assert_eq!(dry, json!({"would_end": {"keys": 0, "used_last_24h": 0, "sample": []}, "more": false}));
    assert_eq!(keyward("policy show").word(&merchant).run().json(), answer);
    let empty = keyward("policy set --none --if-match 2").word(&merchant).run().json();
    assert_eq!((&empty["own"]["max_keys"], &empty["version"]), (&Value::Null, &json!(3)));
    keyward("policy set --none --if-match 2").word(&merchant).run().refuses_with(&["the policy has version 3"]);
    keyward("policy set").word(&merchant).run().misuse_with(&["at least one member", "--none"]);
    for (words, says) in [
        ("policy set --max-life 1d --default-life 2d", "--default-life must be at most --max-life"),
        ("policy set --max-life 500ms", "must be whole seconds"),
        ("policy set --max-life 365", "a time with its unit"),
        ("policy set --idle-action suspend", "--idle"),
        ("policy set --none --max-keys 1", "--none"),
    ] {
        keyward(words).word(&merchant).run().misuse_with(&[says]);
    }
    keyward("policy show nobody").run().refuses_with(&["there is no account nobody", "keyward account list"]);
}
