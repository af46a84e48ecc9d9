//! Conditions under which a server must not start: each refusal has a nonzero exit code and names a remedy.

use std::fs;

use crate::harness::{Place, master_key, on_both};

on_both!(
    blocking
    the_database_of_the_other_environment_is_refused,
    the_database_of_another_master_key_is_refused,
    a_used_database_without_its_master_key_is_refused,
    an_empty_database_without_automatic_migration_is_refused,
    a_port_that_is_taken_is_refused;
    waiting
    an_older_schema_without_automatic_migration_is_refused,
    a_newer_schema_is_refused,
    the_database_of_another_program_is_refused,
);

fn the_database_of_the_other_environment_is_refused(place: &Place) {
    place.sandbox().serve().stop();
    fs::copy(place.data().join("master.key"), place.folder().join("master.key")).unwrap();
    let production = place.production().words("serve --listen 127.0.0.1:0");
    let words = ["belongs to sandbox", "this is production", "--environment sandbox"];
    production.run().refuses_with(&words);
    place.sandbox().serve().stop();
}

fn the_database_of_another_master_key_is_refused(place: &Place) {
    place.sandbox().serve().stop();
    let (key, aside) = (place.data().join("master.key"), place.folder().join("aside"));
    fs::rename(&key, &aside).unwrap();
    master_key(&key, 9, 0o600);
    place.sandbox().run().refuses_with(&["keyward-data/master.key is not the one", "copy the file", "keyward doctor"]);
    // Neither the database nor the file was changed.
    fs::rename(&aside, &key).unwrap();
    place.sandbox().serve().stop();
}

fn a_used_database_without_its_master_key_is_refused(place: &Place) {
    place.sandbox().serve().stop();
    let (key, aside) = (place.data().join("master.key"), place.folder().join("aside"));
    fs::rename(&key, &aside).unwrap();
    place.sandbox().run().refuses_with(&[
        "keyward-data/master.key is missing",
        "restore the file with the fingerprint",
        "from another node",
    ]);
    assert!(!key.exists(), "a new key was made for an old database");
    fs::rename(&aside, &key).unwrap();
    place.sandbox().serve().stop();
}

fn an_empty_database_without_automatic_migration_is_refused(place: &Place) {
    let careful = place.sandbox().env("KEYWARD_AUTO_MIGRATE", "false");
    careful.run().refuses_with(&["the database is empty", "`keyward migrate`", "KEYWARD_AUTO_MIGRATE"]);
    place.keyward().words("migrate").run().success();
    careful.serve().stop();
}

async fn an_older_schema_without_automatic_migration_is_refused(place: Place) {
    place.sandbox().serve().stop();
    place.execute("DELETE FROM _sqlx_migrations WHERE version > 1").await;
    let careful = place.sandbox().env("KEYWARD_AUTO_MIGRATE", "false");
    let migrations = fs::read_dir(keyward_testkit::run::workspace_root().join("migrations/postgres")).unwrap();
    let names = migrations.map(|file| file.unwrap().file_name().into_string().unwrap());
    let last: Option<u32> = names.map(|name| name[..4].parse().unwrap()).max();
    let needs = format!("needs {}", last.unwrap());
    careful.run().refuses_with(&["at migration 1", &needs, "backup", "`keyward migrate`"]);
}

async fn a_newer_schema_is_refused(place: Place) {
    place.sandbox().serve().stop();
    place
        .execute(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             SELECT 9999, description, success, checksum, execution_time FROM _sqlx_migrations WHERE version = 1",
        )
        .await;
    let words = ["at migration 9999", "newer keyward"];
    place.sandbox().run().refuses_with(&words);
    place.keyward().words("migrate").run().refuses_with(&words);
}

async fn the_database_of_another_program_is_refused(place: Place) {
    place.sandbox().serve().stop();
    // Another program that stores its migrations in the same way.
    place.execute("UPDATE _sqlx_migrations SET version = 20240101 + version").await;
    let words = ["belongs to another program", "a database of its own"];
    place.sandbox().run().refuses_with(&words);
    place.keyward().words("migrate").run().refuses_with(&words);
    let doctor = place.keyward().words("doctor").run();
    assert!(doctor.code == Some(1) && doctor.out.contains(words[0]), "{}", doctor.output());
}

fn a_port_that_is_taken_is_refused(place: &Place) {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let words = ["cannot listen on", address.as_str(), "KEYWARD_LISTEN", "port 0"];
    place.keyward().words("serve --listen").words(&address).run().refuses_with(&words);
    let metrics = place.sandbox().words("--metrics-listen").words(&address);
    metrics.run().refuses_with(&["cannot listen on", address.as_str(), "KEYWARD_METRICS_LISTEN"]);
    assert!(!place.data().exists(), "something was created before the listeners were bound");
}

#[test]
fn an_unreachable_postgres_is_refused() {
    let place = Place::embedded();
    let url = format!("postgres://keyward:open-sesame@localhost/keyward?host={}", place.folder().display());
    let finished = place.sandbox().env("DATABASE_URL", url).env("KEYWARD_DATABASE__CONNECT_WAIT", "300ms").run();
    assert!(!finished.output().contains("sesame"), "{}", finished.output());
    finished.refuses_with(&["cannot use the database of DATABASE_URL"]);
}
