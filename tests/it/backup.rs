//! Copies of the database: taken while a server runs, restored, and used. And files that are no copies.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use serde_json::Value;

use crate::harness::{Finished, Place, Program, master_key, mode_of, run};

/// Makes a folder with the mode that a server gives it.
fn private_directory(path: &Path) {
    fs::create_dir(path).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o700)).unwrap();
}

/// The databases in a folder, with SQLite's files beside them.
fn databases(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| name.contains(".db")).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_copy_that_may_not_grow_leaves_nothing_behind() {
    let place = Place::embedded();
    let keyward = |words: &str| place.keyward().words(words);
    let node = place.sandbox().serve();
    keyward("backup whole.db").run().success();
    let size = fs::metadata(place.folder().join("whole.db")).unwrap().len();
    // In units of 512 bytes: half of a copy.
    let limit = format!("ulimit -f {}", size / 1024);
    let why = ["no file of this process", "ulimit -f"];
    keyward("backup half.db").under(&limit).run().refuses_with(&why);
    assert_eq!(databases(place.folder()), ["whole.db"]);
    node.stop();
    let before = fs::read(place.data().join("keyward.db")).unwrap();
    keyward("restore whole.db").under(&limit).run().refuses_with(&why);
    assert_eq!(databases(&place.data()), ["keyward.db"]);
    assert!(fs::read(place.data().join("keyward.db")).unwrap() == before, "the old database changed");

    // A file that another process writes or left is not removed.
    fs::write(place.folder().join("half.db.part"), "theirs").unwrap();
    keyward("backup half.db").run().refuses_with(&["another backup is running", "half.db.part already exists"]);
    assert_eq!(fs::read(place.folder().join("half.db.part")).unwrap(), b"theirs");
}

#[tokio::test]
async fn a_copy_of_a_running_server_is_restored_whole_and_leaves_one_database() {
    let place = Place::embedded();
    let keyward = |words: &str| place.keyward().words(words);
    let node = place.sandbox().serve();
    let demo = node.demo();
    let partner = node.client(&demo.partner.app_secret);
    let (kept, dead) = (partner.create(&demo.merchant, "a", &[]).await, partner.create(&demo.merchant, "b", &[]).await);
    partner.revoke(&dead.id).await.expect(204);
    let made = keyward("backup kw.backup").run().json();
    let copy = place.folder().join("kw.backup");
    assert_eq!(mode_of(&copy), 0o600);
    assert_eq!((&made["environment"], &made["last_event"]), (&Value::from("sandbox"), &Value::from(1)), "{made}");
    let fingerprint = made["master_key_fingerprints"][0].as_str().unwrap().to_owned();
    assert_eq!(fingerprint.len(), 32, "{made}");
    keyward("backup kw.backup").run().refuses_with(&["already exists", "not overwritten"]);

    // Changes after the copy.
    let later = partner.create(&demo.merchant, "c", &[]).await;
    partner.revoke(&kept.id).await.expect(204);
    let held = ["another keyward holds", "stop that one first"];
    keyward("restore kw.backup").run().refuses_with(&held);
    assert_eq!(partner.verdict(&kept.value).await, "REVOKED");
    node.stop();

    let restored = keyward("restore kw.backup").run();
    assert!(restored.err.contains("changes 2 to 2 are lost"), "{}", restored.err);
    let restored = restored.json();
    assert_eq!((&restored["last_event"], &restored["replaced_last_event"]), (&1.into(), &2.into()), "{restored}");
    assert_eq!(databases(&place.data()), ["keyward.db"]);
    assert_eq!(mode_of(&place.data().join("keyward.db")), 0o600);
    let doctor = || keyward("doctor").run().out;
    let reported = "the database went back: of the changes up to event 2, those after event 1 are lost";
    assert!(doctor().contains(reported), "{}", doctor());
    let node = place.sandbox().words("--metrics-listen 127.0.0.1:0").serve();
    let log = node.output_so_far();
    let lost = "of the changes up to number 2, those after number 1 are lost";
    assert!(log.contains("ERROR") && log.contains("the database went back") && log.contains(lost), "{log}");
    assert!((node.metric("keyward_history_lost_total").await - 1.0).abs() < f64::EPSILON);
    let partner = node.client(&demo.partner.app_secret);
    for (value, verdict) in [(&kept.value, "VALID"), (&dead.value, "REVOKED"), (&later.value, "NOT_FOUND")] {
        assert_eq!(partner.verdict(value).await, verdict);
    }
    // It continues as a database of its own.
    partner.revoke(&kept.id).await.expect(204);
    assert_eq!(partner.verdict(&kept.value).await, "REVOKED");
    node.stop();
    // The log reports it once; the doctor keeps reporting it.
    let node = place.sandbox().serve();
    assert!(!node.output_so_far().contains(lost), "{}", node.output_so_far());
    assert!(doctor().contains(reported), "{}", doctor());
    node.stop();
    // A copy of everything loses nothing.
    keyward("backup whole").run().success();
    keyward("restore whole").run().success();
    assert_eq!(doctor().matches("the database went back").count(), 1, "{}", doctor());
}

#[tokio::test]
async fn a_copy_is_restored_only_beside_its_own_master_key() {
    let place = Place::embedded();
    let node = place.sandbox().serve();
    let demo = node.demo();
    node.stop();
    place.keyward().words("backup kw.backup").run().success();

    let other = Place::embedded();
    let copy = place.folder().join("kw.backup");
    let restore = || other.keyward().words("restore").word(copy.clone());
    restore().run().refuses_with(&["useless without its master key", "put the file with the fingerprint"]);
    assert!(!other.data().exists(), "something was created before the copy was checked");
    private_directory(&other.data());
    master_key(&other.data().join("master.key"), 9, 0o600);
    restore().run().refuses_with(&["is not the one of this database"]);
    fs::copy(place.data().join("master.key"), other.data().join("master.key")).unwrap();
    restore()
        .env("KEYWARD_ENVIRONMENT", "production")
        .env("KEYWARD_MASTER_KEY_FILE", "keyward-data/master.key")
        .env("KEYWARD_DATA_DIR", "keyward-data")
        .run()
        .refuses_with(&["belongs to sandbox"]);
    assert_eq!(databases(&other.data()), Vec::<String>::new());
    restore().run().success();
    let node = other.sandbox().serve();
    assert!(!other.data().join("demo.json").exists(), "an empty installation was made");
    node.client(&demo.partner.app_secret).get("/v1/merchants").await.expect(200);
    node.stop();
}

#[test]
fn a_file_that_is_no_copy_is_refused_and_leaves_the_database_unchanged() {
    let place = Place::embedded();
    place.sandbox().serve().stop();
    let before = fs::read(place.data().join("keyward.db")).unwrap();
    place.keyward().words("backup good").run().success();
    let mut torn = fs::read(place.folder().join("good")).unwrap();
    let middle = torn.len() / 2;
    let (mut first, mut short) = (torn.clone(), torn.clone());
    torn[4096..middle].fill(0xa5);
    // The bytes that SQLite reads first: invalid ones, and missing ones.
    first[100..4096].fill(0xa5);
    short.truncate(middle);
    for (name, content) in [
        ("text", b"not a database, but long enough for a header".to_vec()),
        ("empty", vec![]),
        ("torn", torn),
        ("first", first),
        ("short", short),
    ] {
        fs::write(place.folder().join(name), content).unwrap();
        let refusal = place.keyward().words("restore").words(name).run().refusal();
        assert!(refusal.contains("no copy") || refusal.contains("cannot be used"), "{name}: {refusal}");
        assert!(!refusal.contains("timed out"), "an unreadable file is no outage: {name}: {refusal}");
    }
    place.keyward().words("restore absent").run().refuses_with(&["absent"]);
    place.keyward().words("restore keyward-data").run().refuses_with(&["it is not a file"]);
    assert_eq!(fs::read(place.data().join("keyward.db")).unwrap(), before);
    assert!(!place.data().join("keyward.db.restoring").exists());
}

#[tokio::test]
async fn the_file_of_a_running_server_alone_never_becomes_an_empty_installation() {
    let place = Place::embedded();
    let node = place.sandbox().serve();
    let demo = node.demo();
    let other = Place::embedded();
    private_directory(&other.data());
    fs::copy(place.data().join("keyward.db"), other.data().join("keyward.db")).unwrap();
    // Without its master key nothing starts on it.
    other.sandbox().run().refuses_with(&["master.key is missing", "restore the file with the fingerprint"]);
    fs::copy(place.data().join("master.key"), other.data().join("master.key")).unwrap();
    let copied = other.sandbox().serve();
    assert!(!other.data().join("demo.json").exists(), "an empty installation was made");
    copied.client(&demo.partner.app_secret).get("/v1/merchants").await.expect(200);
    copied.stop();
    node.stop();

    // A file copied before anything was moved into it holds nothing, and is not a new one either.
    let hollow = Place::embedded();
    private_directory(&hollow.data());
    let mut head = fs::read(place.data().join("keyward.db")).unwrap();
    head.truncate(4096);
    // The first page of a database without tables: its size is one page, and the root of its schema is an empty leaf.
    head[28..32].copy_from_slice(&1_u32.to_be_bytes());
    head[36..40].fill(0);
    head[32..36].fill(0);
    head[100..108].copy_from_slice(&[13, 0, 0, 0, 0, 16, 0, 0]);
    let database = hollow.data().join("keyward.db");
    fs::write(&database, head).unwrap();
    fs::set_permissions(&database, fs::Permissions::from_mode(0o600)).unwrap();
    hollow.sandbox().run().refuses_with(&["holds nothing and is not new", "keyward restore"]);
    assert!(!hollow.data().join("master.key").exists());
}

/// A Postgres is copied and restored with its own tools, as `docs/backup.md` describes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgres_is_restored_from_its_own_dump() {
    let cluster = keyward_testkit::pg::Cluster::start(keyward_testkit::pg::Durability::Fast).unwrap();
    let place = Place::on(&cluster.url()).await;
    let node = place.sandbox().serve();
    let demo = node.demo();
    let partner = node.client(&demo.partner.app_secret);
    let (kept, dead) = (partner.create(&demo.merchant, "a", &[]).await, partner.create(&demo.merchant, "b", &[]).await);
    partner.revoke(&dead.id).await.expect(204);
    for words in ["backup kw.backup", "restore kw.backup"] {
        place.keyward().words(words).run().refuses_with(&["docs/backup.md"]);
    }
    tool(&cluster, "pg_dump", &["--format=custom", "--file=kw.dump", place.url().unwrap()], place.folder());
    partner.revoke(&kept.id).await.expect(204);
    node.stop();

    let copy = Place::on(&cluster.url()).await;
    let into = format!("--dbname={}", copy.url().unwrap());
    tool(&cluster, "pg_restore", &["--exit-on-error", &into, "kw.dump"], place.folder());
    let program: Program = copy.keyward().words("serve --listen 127.0.0.1:0");
    let node = program.env("KEYWARD_MASTER_KEY_FILE", place.data().join("master.key")).serve();
    let partner = node.client(&demo.partner.app_secret);
    for (value, verdict) in [(&kept.value, "VALID"), (&dead.value, "REVOKED")] {
        assert_eq!(partner.verdict(value).await, verdict);
    }
    partner.revoke(&kept.id).await.expect(204);
    assert_eq!(partner.verdict(&kept.value).await, "REVOKED");
    node.stop();
}

fn tool(cluster: &keyward_testkit::pg::Cluster, name: &str, arguments: &[&str], folder: &Path) -> Finished {
    run(&cluster.bin_dir().join(name), arguments, folder).success()
}
