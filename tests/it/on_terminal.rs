//! A command at a terminal: tables of changes, a secret that can be copied, a hidden prompt. However a command ends,
//! the terminal is restored.

use std::os::unix::process::ExitStatusExt as _;

use rustix::process::Signal;
use serde_json::Value;

use crate::harness::{Place, Terminal, private};

const QUESTION: &str = "The key's value: ";

/// A sandbox with its demo accounts, without a server; the partner's secret.
fn sandbox() -> (Place, String) {
    let place = Place::embedded();
    place.sandbox().serve().stop();
    let demo = std::fs::read_to_string(place.data().join("demo.json")).unwrap();
    let demo: Value = serde_json::from_str(&demo).unwrap();
    let secret = demo["partner"]["appSecret"].as_str().unwrap().to_owned();
    (place, secret)
}

fn asked(place: &Place) -> Terminal {
    let mut terminal = place.keyward().words("key verify").on_terminal();
    terminal.until(QUESTION);
    assert!(!terminal.shows_what_is_typed(), "a secret would be seen");
    terminal
}

#[test]
fn a_signal_at_a_hidden_prompt_leaves_a_terminal_that_echoes() {
    let place = Place::embedded();
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let mut terminal = asked(&place);
        terminal.signal(signal);
        assert_eq!(terminal.until_end().signal(), Some(signal.as_raw()), "{}", terminal.seen());
        assert!(terminal.shows_what_is_typed(), "{signal:?} left a terminal without echo");
        assert_eq!(terminal.seen(), format!("{QUESTION}\n"), "{signal:?}");
    }
}

#[test]
fn a_stopped_hidden_prompt_echoes_meanwhile_and_is_repeated() {
    let (place, secret) = sandbox();
    let mut terminal = asked(&place);
    terminal.signal(Signal::TSTP);
    terminal.until_stopped();
    assert!(terminal.shows_what_is_typed(), "the shell has a terminal without echo");
    terminal.signal(Signal::CONT);
    terminal.until(&format!("{QUESTION}\n{QUESTION}"));
    assert!(!terminal.shows_what_is_typed(), "a secret would be seen");
    terminal.type_line(&secret);
    assert!(terminal.until_end().success(), "{}", terminal.seen().replace(&secret, "…"));
    assert!(terminal.shows_what_is_typed() && !terminal.seen().contains(&secret), "it was shown");
    assert!(terminal.seen().contains("\nVERDICT  VALID\n"));
}

#[test]
fn a_hidden_prompt_without_an_answer_restores_the_terminal() {
    let place = Place::embedded();
    let mut terminal = asked(&place);
    terminal.end_input();
    assert_eq!(terminal.until_end().code(), Some(2));
    assert!(terminal.shows_what_is_typed());
    assert!(terminal.seen().contains(&format!("{QUESTION}\nkeyward: standard input is empty")), "{}", terminal.seen());
}

/// A command in its three forms: for a person, for a person who wants JSON, and for a program.
fn forms(place: &Place, words: [&str; 3]) -> [String; 3] {
    let keyward = |words: &str| place.keyward().words(words);
    let table = keyward(words[0]).on_terminal().end().success().out;
    let json = keyward(words[1]).words("--format json").on_terminal().end().success().out;
    let piped = keyward(words[2]).run().success().out;
    [table, json[json.find('{').unwrap()..].to_owned(), piped]
}

#[test]
fn a_change_is_shown_as_a_table_for_people_and_as_json_for_programs() {
    let (place, _) = sandbox();
    let account = "account create --role merchant --name Shop --mid";
    let key = "key create --type public --name Page --mid shop-1";
    for (words, titles) in [
        ([&format!("{account} shop-1")[..], &format!("{account} shop-2"), &format!("{account} shop-3")], "MID ROLE"),
        (["account suspend shop-1"; 3], "NAME PARENT STATUS"),
        (["account resume shop-1"; 3], "MID STATUS CREATED"),
        ([key; 3], "ID NAME TYPE SCOPES VALUE"),
        (["signing-key rotate"; 3], "GENERATION SIGNS"),
        (["account close --yes shop-2"; 3], "MID STATUS"),
        (["backup a.db", "backup b.db", "backup c.db"], "FILE ENVIRONMENT"),
        (["restore a.db", "restore b.db", "restore c.db"], "FILE LAST REPLACED"),
    ] {
        let [table, json, piped] = forms(&place, words);
        let has = |title: &str| table.lines().any(|line| line.split(' ').next() == Some(title));
        assert!(titles.split(' ').all(has) && !table.contains('{'), "{titles}: {table}");
        let names = |text: &str| -> Vec<String> {
            let value: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
            value.as_object().unwrap().keys().cloned().collect()
        };
        assert_eq!(names(&json), names(&piped), "{words:?}");
    }
    let id = |made: &str| serde_json::from_str::<Value>(made).unwrap()["id"].as_str().unwrap().to_owned();
    let id = id(&place.keyward().words(key).run().success().out);
    let revoke = format!("key revoke --yes {id}");
    let [table, _, piped] = forms(&place, [&revoke; 3]);
    assert!(table.ends_with(&format!("ID     {id}\nSTATE  revoked\n")), "{table}");
    assert_eq!(piped, format!("{{\n  \"id\": \"{id}\",\n  \"state\": \"revoked\"\n}}\n"));
}

#[test]
fn a_secret_that_is_shown_once_is_alone_on_its_line() {
    let (place, _) = sandbox();
    place.keyward().words("account create --role merchant --name Shop --mid shop").run().success();
    let mine = |text: &str| place.keyward().words(text).words("--name Till --mid shop");
    for words in ["key create --type secret", "key pair"] {
        let seen = mine(words).on_terminal().end().success().out;
        let secret = seen.lines().next_back().unwrap();
        assert!(secret.starts_with("sk_test_") && seen.matches("sk_test_").count() == 1, "{words}");
        private(&place.folder().join("value.txt"), secret);
        place.keyward().under("exec < value.txt").words("key verify").run().success();
        // A table is no exception: the reader of a pipe may be a log.
        mine(words).words("--format table").run().misuse_with(&["--out FILE"]);
    }
    let json = mine("key pair --format json").on_terminal().end().success().out;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert!(json["appSecret"].as_str().is_some_and(|it| it.starts_with("sk_test_")), "there is no secret in it");
}

#[test]
fn the_file_of_a_secret_is_printed_and_the_secret_is_not() {
    let (place, _) = sandbox();
    place.keyward().words("account create --role merchant --name Shop --mid shop").run().success();
    for (words, keys) in [("key create --type secret --out key.json", 1), ("key pair --out pair.json", 2)] {
        let made = place.keyward().words(words).words("--name Till --mid shop").run().success();
        assert_eq!(made.out, "", "standard output changed for scripts");
        let file = words.rsplit(' ').next().unwrap();
        assert!(made.err.contains(&format!("the secret is in {file} (mode 600)")), "{}", made.err);
        assert_eq!((made.err.matches("key_").count(), made.err.matches("sk_").count()), (keys, 0), "{}", made.err);
    }
    let public = place.keyward().words("key create --type public --out page.json --name Page --mid shop").run();
    assert!(public.err.contains("page.json is not written") && !place.folder().join("page.json").exists());
    assert!(public.json()["value"].is_string());
}
