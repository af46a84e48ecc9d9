//! An irreversible command asks a person for consent and names what it will end. Without a terminal it needs `--yes`.
//! While it waits for a node that does not acknowledge, it reports that; at the end it reports where the change is
//! enforced.

use serde_json::json;

use crate::harness::{Client, Fleet, Place, Terminal, eventually, on_both};

on_both!(
    without_a_terminal_only_yes_ends_anything,
    a_person_is_asked_with_the_numbers_and_may_decline,
    already_ended_keys_and_accounts_are_not_counted
);

async fn without_a_terminal_only_yes_ends_anything(place: Place) {
    let node = place.sandbox().serve();
    let demo = node.demo();
    let partner = node.client(&demo.partner.app_secret);
    let key = partner.create(&demo.merchant, "Till", &[]).await;
    let verdict = async || partner.verdict(&key.value).await;
    for words in [format!("key revoke {}", key.id), format!("account close {}", demo.merchant)] {
        let error =
            place.keyward().words(&words).run().misuse_with(&["add --yes", &format!("`keyward {words} --yes`")]);
        assert_eq!(error.lines().count(), 1, "{error}");
    }
    assert_eq!(verdict().await, "VALID");
    node.stop();
    let revoked = place.keyward().words("key revoke --yes").words(&key.id).run().success();
    assert!(revoked.err.starts_with("enforced; no "), "{}", revoked.err);
    // A reversible command needs no consent.
    place.keyward().words("account suspend").words(&demo.merchant).run().success();
    place.keyward().words("account close --yes").words(&demo.merchant).run().success();
}

/// The question on a terminal, in one line.
fn question(terminal: &mut Terminal) -> String {
    terminal.until("[y/N] ");
    terminal.seen().replace('\n', "")
}

async fn a_person_is_asked_with_the_numbers_and_may_decline(place: Place) {
    let node = place.sandbox().serve();
    let demo = node.demo();
    let partner = node.client(&demo.partner.app_secret);
    let key = partner.create(&demo.merchant, "Till", &[]).await;
    let dead = partner.create(&demo.merchant, "dead", &[]).await;
    partner.revoke(&dead.id).await.expect(204);
    let second = partner.post("/v1/merchants", &json!({ "name": "Second" })).await.expect(201).member("mid");
    partner.create(&second, "Other till", &[]).await;
    node.stop();

    let on_terminal = |words: &str, of: &str| place.keyward().words(words).words(of).on_terminal();
    let mut refused = on_terminal("key revoke", &key.id);
    let asked = question(&mut refused);
    for words in ["Revoke the secret key", &key.id, "(Till)", &demo.merchant, "That ends 1 key."] {
        assert!(asked.contains(words), "{words:?} is missing in {asked}");
    }
    refused.type_line("n");
    let finished = refused.end();
    assert_eq!(finished.code, Some(1), "{}", finished.out);
    assert!(finished.out.contains("nothing was changed"), "{}", finished.out);

    // The partner with its two merchants; its own pair and the key of each merchant.
    let mut given_up = on_terminal("account close", &demo.partner.mid);
    let asked = question(&mut given_up);
    assert!(asked.contains("That ends 3 accounts (it and all below) and 4 keys."), "{asked}");
    given_up.type_line("");
    assert_eq!(given_up.end().code, Some(1));

    let mut closed = on_terminal("account close", &demo.merchant);
    assert!(question(&mut closed).contains("That ends 1 account (it and all below) and 1 key."));
    closed.type_line("yes");
    let finished = closed.end().success();
    assert!(finished.out.contains("\nSTATUS   closed\n"), "{}", finished.out);
    // A repeated command ends nothing, so it does not ask.
    on_terminal("account close", &demo.merchant).end().success();
    let left = place.keyward().words("account list").run().json();
    let status = |mid: &str| left.as_array().unwrap().iter().find(|it| it["mid"] == mid).unwrap()["status"].clone();
    assert_eq!((status(&demo.merchant), status(&demo.partner.mid)), (json!("closed"), json!("active")));
}

async fn already_ended_keys_and_accounts_are_not_counted(place: Place) {
    let node = place.sandbox().serve();
    let demo = node.demo();
    node.stop();
    let make = |words: &str| {
        let made = place.keyward().words("key create --type public --name k --mid").words(&demo.merchant).words(words);
        made.run().json()["id"].as_str().unwrap().to_owned()
    };
    let (short, long) = (make("--expires-at 1s"), make(""));
    let show = |id: &str| place.keyward().words("key show").words(id).run().json();
    eventually("the key expires", async || show(&short)["state"] == "expired").await;
    let refused = |words: &str, of: &str, expected: &[&str]| {
        let mut terminal = place.keyward().words(words).words(of).on_terminal();
        let asked = question(&mut terminal);
        for words in expected {
            assert!(asked.contains(words), "{words:?} is missing in {asked}");
        }
        terminal.type_line("n");
        assert_eq!(terminal.end().code, Some(1));
    };
    refused("key revoke", &short, &["It expired at ", "that ends 0 valid keys."]);
    place.keyward().words("account close --yes").words(&demo.partner.mid).run().success();
    let why = format!("{} was closed", demo.partner.mid);
    refused("key revoke", &long, &[&why, "that ends 0 valid keys."]);
    let below = format!("It is below {}, which is closed", demo.partner.mid);
    refused("account close", &demo.merchant, &[&below, "0 accounts and 0 keys"]);
}

#[tokio::test]
async fn only_a_line_with_a_yes_is_a_yes() {
    let place = Place::embedded();
    let node = place.sandbox().serve();
    let merchant = node.demo().merchant;
    node.stop();
    let asked = || {
        let mut terminal = place.keyward().words("account close").words(&merchant).on_terminal();
        terminal.until("[y/N] ");
        terminal
    };
    let mut without_an_answer = asked();
    without_an_answer.end_input();
    let finished = without_an_answer.end();
    assert_eq!(finished.code, Some(1), "{}", finished.out);
    assert!(finished.out.ends_with("[y/N] \nkeyward: nothing was changed\n"), "{:?}", finished.out);
    let mut no_text = asked();
    no_text.type_line("\u{fffd}");
    assert_eq!(no_text.end().code, Some(1));
    let mut yes = asked();
    yes.type_line("Y");
    yes.end().success();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoke_names_the_node_that_it_waits_for_and_finally_counts_the_others() {
    let fleet = Fleet::of(3).await;
    let partner: Client = fleet.partner(0);
    let one = partner.create(&fleet.demo.merchant, "one", &[]).await;
    let two = partner.create(&fleet.demo.merchant, "two", &[]).await;
    let revoke = |id: &str| fleet.place.keyward().words("key revoke --yes").words(id).run().success();
    let all = revoke(&one.id);
    assert_eq!(all.err, "enforced on all 3 nodes\n");
    let before = fleet.leases().await;
    fleet.nodes[1].freeze();
    let waited = revoke(&two.id).err;
    let (waits, ends) = waited.trim_end().rsplit_once('\n').unwrap_or_else(|| panic!("no second line: {waited}"));
    assert!(waits.starts_with("waiting for node ") && waits.contains("up to 3 s in all"), "{waited}");
    assert_eq!(before.iter().filter(|node| waits.contains(*node)).count(), 1, "{waited}");
    assert!(ends.starts_with("enforced on all 2 nodes"), "{waited}");
    fleet.nodes[1].thaw();
    fleet.stop();
}
