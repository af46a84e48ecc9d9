//! The command line beside a running server: on the embedded database it may read but not change. On Postgres it may do
//! both, and servers see a change in their next request (`revocation::commands`).

use serde_json::Value;

use crate::harness::{Place, on_both};

on_both!(reading_is_always_allowed, the_doctor_accepts_what_works_and_names_what_does_not);

async fn reading_is_always_allowed(place: Place) {
    let keyward = || place.keyward();
    keyward().words("account list").run().refusal();
    let node = place.sandbox().serve();
    let demo = node.demo();
    let key = node.client(&demo.partner.app_secret).create(&demo.merchant, "Till", &["charges:read"]).await;
    for _ in 0..2 {
        let accounts = keyward().words("account list").run().json();
        assert_eq!(accounts.as_array().map(Vec::len), Some(3), "{accounts}");
        let keys = keyward().words("key list --mid").words(&demo.merchant).run().json();
        assert_eq!(
            (&keys[0]["id"], &keys[0]["last_four"]),
            (&Value::from(key.id.as_str()), &Value::from(&key.value[79..]))
        );
        assert!(keys[0].get("value").is_none(), "{keys}");
    }
    node.stop();
    // The same without a server.
    keyward().words("account list").run().success();
}

async fn the_doctor_accepts_what_works_and_names_what_does_not(place: Place) {
    let node = place.sandbox().serve();
    node.anonymous().get("/readyz").await.expect(200);
    let findings = place.keyward().words("doctor").run().json();
    let level = |about: &str| {
        let found = findings.as_array().unwrap().iter().find(|finding| finding["about"] == about);
        found.unwrap_or_else(|| panic!("no {about} in {findings}"))["level"].clone()
    };
    for about in ["database", "schema", "stamp", "master key", "signing key", "accounts"] {
        assert_eq!(level(about), "ok", "{about}: {findings}");
    }
    node.stop();
    std::fs::remove_file(place.data().join("master.key")).unwrap();
    let finished = place.keyward().words("doctor").run();
    assert_eq!(finished.code, Some(1), "{}", finished.output());
    assert!(finished.out.contains("restore the file with the fingerprint"), "{}", finished.out);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_server_creates_an_installation() {
    for place in [Place::embedded(), Place::postgres().await] {
        for words in [
            "account create --role platform --name Root",
            "account suspend mid_1",
            "key create --mid mid_1 --name k --type secret --out k.json",
            "key pair --mid mid_1 --name k --out k.json",
            "key revoke --yes key_01h2xcejqtf2nbrexx3vqjhp41",
            "signing-key rotate",
            "backup kw.backup",
        ] {
            let refusal = place.keyward().words(words).run().refusal();
            assert!(refusal.contains("no installation") || refusal.contains("docs/backup.md"), "{words}: {refusal}");
            assert_eq!(std::fs::read_dir(place.folder()).unwrap().count(), 0, "{words} left something behind");
        }
        if !place.is_embedded() {
            assert_eq!(place.column("SELECT relname::text FROM pg_class WHERE relname = 'account'").await.len(), 0);
        }
        place.sandbox().serve().stop();
    }
}

#[tokio::test]
async fn the_embedded_database_is_changed_by_one_process_only() {
    let place = Place::embedded();
    let node = place.sandbox().serve();
    let demo = node.demo();
    let key = node.client(&demo.partner.app_secret).create(&demo.merchant, "Till", &[]).await;
    for words in [
        "migrate".to_owned(),
        "account create --role partner --name Second".to_owned(),
        format!("account suspend {}", demo.merchant),
        format!("account close --yes {}", demo.merchant),
        format!("key create --mid {} --name k --type secret --out k.json", demo.merchant),
        format!("key pair --mid {} --name k --out k.json", demo.merchant),
        format!("key revoke --yes {}", key.id),
        "signing-key rotate".to_owned(),
    ] {
        let refused = place.keyward().words(&words).run();
        refused.refuses_with(&["another keyward holds ./keyward-data", "stop that one first"]);
        assert!(!place.folder().join("k.json").exists(), "{words}: an empty file for a secret was left behind");
    }
    assert_eq!(node.client(&demo.partner.app_secret).verdict(&key.value).await, "VALID");
    node.stop();
    place.keyward().words("key revoke --yes").words(&key.id).run().success();
    let node = place.sandbox().serve();
    assert_eq!(node.client(&demo.partner.app_secret).verdict(&key.value).await, "REVOKED");
    node.stop();
}
