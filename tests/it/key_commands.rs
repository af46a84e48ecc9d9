//! `key show`, `key list` and `key verify`: the operator's view of a key, as a table for people and as JSON for
//! programs. They change nothing, and work beside a server.

use std::path::Path;

use serde_json::{Value, json};

use crate::harness::{Demo, Finished, Place, Program, on_both, private};

on_both!(
    a_key_is_shown_as_the_api_shows_it,
    a_verdict_is_that_of_the_api_and_its_exit_code,
    a_key_may_end_after_a_time
);

async fn a_key_is_shown_as_the_api_shows_it(place: Place) {
    let node = place.sandbox().serve();
    let demo = node.demo();
    let partner = node.client(&demo.partner.app_secret);
    let key = partner.create(&demo.merchant, "Till", &["charges:read"]).await;
    let api = partner.get(&format!("/v1/api-keys/{}", key.id)).await.expect(200).json();
    let shown = place.keyward().words("key show").words(&key.id).run().json();
    for (name, value) in shown.as_object().unwrap() {
        assert_eq!(&api[name], value, "{name}");
    }
    for name in ["id", "mid", "name", "description", "type", "scopes", "state", "created_by", "last_four", "expires_at"]
    {
        assert!(shown.get(name).is_some(), "{name} is missing in {shown}");
    }
    let unknown = place.keyward().words("key show key_01h2xcejqtf2nbrexx3vqjhp41").run();
    unknown.refuses_with(&["there is no key key_01h2xcejqtf2nbrexx3vqjhp41", "keyward key list"]);
    node.stop();
}

#[tokio::test]
async fn a_table_is_for_terminals_and_for_format_table() {
    let place = Place::embedded();
    let node = place.sandbox().serve();
    let demo = node.demo();
    let partner = node.client(&demo.partner.app_secret);
    let key = partner.create(&demo.merchant, "Kasse", &["charges:read", "customers:*"]).await;
    partner.create(&demo.merchant, "株式会社", &["charges:read"]).await;
    for words in
        ["account list".to_owned(), format!("key list --mid {}", demo.merchant), format!("key show {}", key.id)]
    {
        let keyward = || place.keyward().words(&words);
        let table = keyward().words("--format table").run().success().out;
        let seen = keyward().on_terminal().end().success().out;
        assert_eq!(seen, table, "a person sees another table");
        assert!(!table.contains('\u{1b}'), "{table:?}");
        let json = keyward().run().success().out;
        assert_eq!(keyward().words("--format json").on_terminal().end().success().out, json);
        assert!(serde_json::from_str::<Value>(&json).is_ok(), "{json}");
    }
    let found = place.keyward().words("key list --name kas --scope customers:read").run().json();
    assert_eq!((&found[0]["id"], found.as_array().map(Vec::len)), (&json!(key.id), Some(1)));
    let list = place.keyward().words("key list --format table --mid").words(&demo.merchant).run().success().out;
    let titles = ["ID", "TYPE", "STATE", "ENDS IN", "CREATED", "LAST USED", "NAME", "SCOPES"];
    let heading = list.lines().next().unwrap();
    assert_eq!(heading.split("  ").map(str::trim).filter(|it| !it.is_empty()).collect::<Vec<_>>(), titles);
    let row = list.lines().find(|line| line.contains("Kasse")).unwrap();
    assert_eq!(row.find("Kasse"), heading.find("NAME"), "{list}");
    assert_eq!(row.find("charges:read customers:*"), heading.find("SCOPES"), "{list}");
    node.stop();
}

/// Verifies the value, which comes from a file.
fn verify(place: &Place, value: &str, words: &str) -> Finished {
    let file: &Path = &place.folder().join("value.txt");
    private(file, &format!("{value}\n"));
    reading(place).words("key verify").words(words).run()
}

fn reading(place: &Place) -> Program {
    place.keyward().under("exec < value.txt")
}

async fn a_verdict_is_that_of_the_api_and_its_exit_code(place: Place) {
    let node = place.sandbox().serve();
    let demo = node.demo();
    let partner = node.client(&demo.partner.app_secret);
    let key = partner.create(&demo.merchant, "Till", &["charges:read"]).await;
    let asked = json!({ "key": key.value, "scopes": ["charges:read"] });
    let api = partner.post("/v1/verify", &asked).await.expect(200).json();
    let good = verify(&place, &key.value, "--scope charges:read");
    assert_eq!(good.json(), api);
    for (value, words, code) in [
        (&*key.value, "--scope charges:write", "INSUFFICIENT_SCOPE"),
        (&*key.value, "--type public", "WRONG_TYPE"),
        (&*key.value, "--mid elsewhere", "WRONG_ACCOUNT"),
        (&key.value[1..], "", "NOT_FOUND"),
    ] {
        let refused = verify(&place, value, words);
        assert_eq!(refused.code, Some(3), "{words}: {}", refused.output());
        let verdict: Value = serde_json::from_str(&refused.out).unwrap();
        assert_eq!((&verdict["valid"], &verdict["code"]), (&json!(false), &json!(code)), "{words}");
        assert!(!refused.output().contains(&key.value), "the value was printed");
    }
    partner.revoke(&key.id).await.expect(204);
    node.stop();
    // The same without a server.
    let dead = verify(&place, &key.value, "--format table");
    assert_eq!((dead.code, dead.err.as_str()), (Some(3), ""), "{}", dead.output());
    assert_eq!(dead.out, format!("VERDICT  REVOKED\nID       {}\n", key.id));
}

#[tokio::test]
async fn a_verification_leaves_no_trace() {
    let place = Place::embedded();
    let node = place.sandbox().serve();
    let demo = node.demo();
    let key = node.client(&demo.partner.app_secret).create(&demo.merchant, "Till", &[]).await;
    node.stop();
    verify(&place, &key.value, "").success();
    let shown = place.keyward().words("key show").words(&key.id).run().json();
    assert_eq!(shown["last_used"], Value::Null, "{shown}");
}

#[tokio::test]
async fn a_value_in_the_place_of_a_scope_is_refused_and_not_shown() {
    let place = Place::embedded();
    let node = place.sandbox().serve();
    let demo = node.demo();
    let secret = &demo.partner.app_secret;
    node.stop();
    for command in ["key verify", "key create --mid m --name n --type secret", "key pair --mid m --name n"] {
        let refused = place.keyward().words(command).words("--scope").words(secret).run();
        assert_eq!(refused.code, Some(2), "{command}: {}", refused.err.replace(secret, "…"));
        assert!(refused.err.contains("[not shown]") && refused.err.contains("--scope"), "{command}");
        assert!(!refused.output().contains(secret), "{command}: the value was shown");
        let as_one_word = place.keyward().words(command).word(format!("--scope={secret}")).run();
        assert!(!as_one_word.output().contains(secret), "{command}: the value was shown");
        as_one_word.misuse_with(&["[not shown]", "--scope"]);
    }
}

#[test]
fn every_scope_that_a_public_key_must_not_hold_is_named() {
    let place = Place::embedded();
    place.sandbox().serve().stop();
    let command = "key create --mid m --name k --type public --scope api-keys:read --scope merchants:*";
    let refused = place.keyward().words(command).run();
    refused.misuse_with(&["--scope: must not be api-keys:read", "--scope: must not be merchants:*"]);
}

#[test]
fn an_empty_standard_input_is_refused() {
    let place = Place::embedded();
    place.sandbox().serve().stop();
    place.keyward().words("key verify").run().misuse_with(&["standard input is empty", "keyward key verify < FILE"]);
}

#[tokio::test]
async fn a_file_written_by_out_is_json_and_no_value() {
    let place = Place::embedded();
    let node = place.sandbox().serve();
    let Demo { merchant, .. } = node.demo();
    node.stop();
    for (words, member) in [("key create --type secret", "value"), ("key pair", "appSecret")] {
        let out = format!("{member}.json");
        place
            .keyward()
            .words(words)
            .words("--name k --mid")
            .words(&merchant)
            .words("--out")
            .words(&out)
            .run()
            .success();
        let written = std::fs::read_to_string(place.folder().join(out)).unwrap();
        let pair: Value = serde_json::from_str(&written).unwrap();
        let value = pair[member].as_str().unwrap();
        for text in [&written, &format!("\"{value}\""), &format!("[\"{value}\"]")] {
            let refused = verify(&place, text, "");
            assert!(!refused.output().contains(value), "the value was printed");
            refused.misuse_with(&["standard input holds JSON", "`value`", "`appSecret`", "jq -r .value FILE"]);
        }
        verify(&place, value, "").success();
    }
}

async fn a_key_may_end_after_a_time(place: Place) {
    let node = place.sandbox().serve();
    let Demo { merchant, .. } = node.demo();
    node.stop();
    let ending = |time: &str| {
        let made = place.keyward().words("key create --type public --name k --mid").words(&merchant);
        made.words("--expires-at").words(time).run()
    };
    assert_eq!(ending("2999-01-31T00:00:00Z").json()["expires_at"], "2999-01-31T00:00:00.000Z");
    // At least a year and a day, also in a leap year.
    let made = ending("367d").json();
    let year = |name: &str| made[name].as_str().unwrap()[..4].parse::<u16>().unwrap();
    assert!(year("expires_at") > year("created_at"), "{made}");
    for soon in ["2020-01-31T00:00:00Z", "1ms", "999ms"] {
        ending(soon).misuse_with(&["--expires-at", "at least 1s from now"]);
    }
    ending("soon").misuse_with(&["30d, 12h or 90m"]);
}
