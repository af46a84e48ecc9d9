//! The README's first minute, as pasted: its own lines against a node that just started.

use crate::harness::{Place, on_both, shell};

/// Under which heading the lines stand.
const HEADING: &str = "## First key in a minute";

on_both!(blocking the_first_key_takes_a_paste; waiting);

fn the_first_key_takes_a_paste(place: &Place) {
    let curl = shell("command -v curl", place.folder());
    assert_eq!(
        curl.code,
        Some(0),
        "there is no curl, and the README's lines need it: install it (Debian: apt-get install curl)"
    );
    let node = place.sandbox().serve();
    let script = pasted().replace("http://127.0.0.1:8080", node.base_url());
    // The file is where the README says: the node runs in the same folder.
    let finished = shell(&script, place.folder()).success();
    assert_eq!(finished.err, "", "{}", finished.out);
    let (before, after) = finished.out.split_once("204\n").unwrap_or_else(|| panic!("no 204: {}", finished.out));
    let answers: Vec<serde_json::Value> = before.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [created, listed, verified] = answers.as_slice() else { panic!("not three answers before the 204: {before}") };
    let id = created["id"].as_str().unwrap();
    assert!(created["value"].as_str().is_some_and(|value| value.starts_with("sk_test_")), "{created}");
    assert_eq!(listed["keys"][0]["id"], id);
    assert_eq!((&verified["valid"], &verified["id"]), (&true.into(), &id.into()), "{verified}");
    let revoked: serde_json::Value = serde_json::from_str(after.trim()).unwrap();
    assert_eq!((&revoked["valid"], &revoked["code"]), (&false.into(), &"REVOKED".into()), "{revoked}");
    node.stop();
}

/// The first block of shell under the heading.
fn pasted() -> String {
    let readme = std::fs::read_to_string(xtask::run::workspace_root().join("README.md")).unwrap();
    let section = readme.split_once(HEADING).unwrap_or_else(|| panic!("README.md has no {HEADING:?}")).1;
    let block = section.split_once("```sh\n").and_then(|(_, rest)| rest.split_once("```"));
    let script = block.unwrap_or_else(|| panic!("there is no ```sh block under {HEADING:?}")).0;
    for word in ["http://127.0.0.1:8080", "keyward-data/demo.json", "curl"] {
        assert!(script.contains(word), "the README's lines do not mention {word}");
    }
    script.to_owned()
}
