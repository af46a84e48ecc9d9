//! What ends something for good asks a person, with what it would end, and needs `--yes` where there is none. While it
//! waits for a node that does not acknowledge it says so, and in the end where it is in force.

use serde_json::json;

use crate::harness::{Client, Fleet, Place, Terminal, on_both};

on_both!(without_a_terminal_only_yes_ends_anything, a_person_is_asked_with_the_numbers_and_may_say_no);

async fn without_a_terminal_only_yes_ends_anything(place: Place) {
    let node = place.sandbox().serve();
    let demo = node.demo();
    let partner = node.client(&demo.partner.app_secret);
    let key = partner.create(&demo.merchant, "Till", &[]).await;
    let verdict = async || partner.verdict(&key.value).await;
    for words in [format!("key revoke {}", key.id), format!("account close {}", demo.merchant)] {
        let refused = place.keyward().say(&words).run();
        assert_eq!(refused.code, Some(2), "{words}: {}", refused.said());
        assert!(refused.err.contains("--yes") && refused.out.is_empty(), "{}", refused.said());
    }
    assert_eq!(verdict().await, "VALID");
    node.stop();
    let revoked = place.keyward().say("key revoke --yes").say(&key.id).run().success();
    assert!(revoked.err.starts_with("in force; no "), "{}", revoked.err);
    // What can be taken back needs no consent.
    place.keyward().say("account suspend").say(&demo.merchant).run().success();
    place.keyward().say("account close --yes").say(&demo.merchant).run().success();
}

/// The question that a terminal shows, in one line.
fn question(terminal: &mut Terminal) -> String {
    terminal.until("[y/N] ");
    terminal.seen().replace('\n', "")
}

async fn a_person_is_asked_with_the_numbers_and_may_say_no(place: Place) {
    let node = place.sandbox().serve();
    let demo = node.demo();
    let partner = node.client(&demo.partner.app_secret);
    let key = partner.create(&demo.merchant, "Till", &[]).await;
    let dead = partner.create(&demo.merchant, "dead", &[]).await;
    partner.revoke(&dead.id).await.expect(204);
    let second = partner.post("/v1/merchants", &json!({ "name": "Second" })).await.expect(201).member("mid");
    partner.create(&second, "Other till", &[]).await;
    node.stop();

    let on_terminal = |words: &str, of: &str| place.keyward().say(words).say(of).on_terminal();
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
    assert!(finished.out.contains("\"status\": \"closed\""), "{}", finished.out);
    // To repeat it ends nothing, so it does not ask.
    on_terminal("account close", &demo.merchant).end().success();
    let left = place.keyward().say("account list").run().json();
    let status = |mid: &str| left.as_array().unwrap().iter().find(|it| it["mid"] == mid).unwrap()["status"].clone();
    assert_eq!((status(&demo.merchant), status(&demo.partner.mid)), (json!("closed"), json!("active")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoke_names_the_node_that_it_waits_for_and_counts_the_others_in_the_end() {
    let fleet = Fleet::of(3).await;
    let partner: Client = fleet.partner(0);
    let one = partner.create(&fleet.demo.merchant, "one", &[]).await;
    let two = partner.create(&fleet.demo.merchant, "two", &[]).await;
    let revoke = |id: &str| fleet.place.keyward().say("key revoke --yes").say(id).run().success();
    let all = revoke(&one.id);
    assert_eq!(all.err, "in force on all 3 nodes\n");
    let before = fleet.leases().await;
    fleet.nodes[1].freeze();
    let waited = revoke(&two.id).err;
    let (waits, ends) = waited.trim_end().rsplit_once('\n').unwrap_or_else(|| panic!("it says nothing: {waited}"));
    assert!(waits.starts_with("waiting for node ") && waits.contains("up to 3 s in all"), "{waited}");
    assert_eq!(before.iter().filter(|node| waits.contains(*node)).count(), 1, "{waited}");
    assert!(ends.starts_with("in force on all 2 nodes"), "{waited}");
    fleet.nodes[1].thaw();
    fleet.stop();
}
