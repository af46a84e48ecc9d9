//! Files of a server: each is checked before it is opened, none may be accessible to others, and an optional one does
//! not prevent a start.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use crate::harness::{Place, Program, master_key, private, shell};

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn data(place: &Place) {
    fs::create_dir(place.data()).unwrap();
    chmod(&place.data(), 0o700);
}

fn pipe(path: &Path) {
    shell(&format!("mkfifo -m 600 '{}'", path.display()), path.parent().unwrap()).success();
}

fn with_tls(place: &Place) -> Program {
    place.sandbox().env("KEYWARD_TLS__CERTIFICATE", "tls.crt").env("KEYWARD_TLS__KEY", "tls.key")
}

#[test]
fn a_pipe_in_the_place_of_a_file_is_refused_rather_than_waited_for() {
    for name in ["keyward.db", "keyward.db-wal", "keyward.db-shm", "master.key"] {
        let place = Place::embedded();
        data(&place);
        pipe(&place.data().join(name));
        place.keyward().words("serve --listen 127.0.0.1:0").run().refuses_with(&[name, "is not a file"]);
        // Without a database a command needs no key: it first reports that there is no installation.
        if name != "master.key" {
            let command = place.keyward().words("account create --role platform --name x");
            command.run().refuses_with(&[name, "is not a file"]);
        }
    }
    let place = Place::embedded();
    for name in ["tls.crt", "tls.key"] {
        private(&place.folder().join("tls.crt"), "not PEM");
        private(&place.folder().join("tls.key"), "not PEM");
        fs::remove_file(place.folder().join(name)).unwrap();
        pipe(&place.folder().join(name));
        with_tls(&place).run().refuses_with(&[name, "is not a file"]);
        fs::remove_file(place.folder().join(name)).unwrap();
    }
    pipe(&place.folder().join("keyward.toml"));
    place.sandbox().words("--config keyward.toml").run().refuses_with(&["keyward.toml is not a file"]);
}

#[test]
fn no_secret_or_configuration_may_be_accessible_to_others() {
    let place = Place::embedded();
    place.sandbox().serve().stop();
    let (folder, database) = (place.data(), place.data().join("keyward.db"));
    for (path, fine, wrong, remedy) in [
        (&folder, [0o700, 0o750], [0o755, 0o770, 0o701], "chmod 700"),
        (&database, [0o600, 0o640], [0o644, 0o660, 0o602], "chmod 600"),
    ] {
        for mode in wrong {
            chmod(path, mode);
            let words = [&*format!("mode {mode:03o}"), remedy];
            place.sandbox().run().refuses_with(&words);
            place.keyward().words("account list").run().refuses_with(&words);
            let looked = place.keyward().words("doctor").run();
            assert!(looked.code == Some(1) && looked.out.contains(remedy), "{}", looked.output());
        }
        for mode in fine.into_iter().rev() {
            chmod(path, mode);
            place.keyward().words("account list").run().success();
        }
    }
    let file = place.folder().join("keyward.toml");
    private(&file, "listen = \"127.0.0.1:0\"\n");
    chmod(&file, 0o644);
    place
        .keyward()
        .words("serve --config keyward.toml")
        .run()
        .refuses_with(&["keyward.toml has mode 644", "chmod 600"]);
    chmod(&file, 0o640);
    place.keyward().words("serve --config keyward.toml").serve().stop();

    private(&place.folder().join("tls.crt"), "not PEM");
    private(&place.folder().join("tls.key"), "not PEM");
    chmod(&place.folder().join("tls.key"), 0o644);
    with_tls(&place).run().refuses_with(&["tls.key has mode 644", "chmod 600"]);
}

#[tokio::test]
async fn a_demo_that_cannot_be_stored_does_not_prevent_a_start() {
    let place = Place::embedded();
    data(&place);
    // As on a full disk: no new file can be made there.
    fs::create_dir(place.data().join("demo.json.new")).unwrap();
    let node = place.sandbox().serve();
    node.anonymous().get("/readyz").await.expect(200);
    let log = node.stop().err;
    assert!(log.contains("no demo accounts") && log.contains("cannot write the demo credentials"), "{log}");
    // No account was created whose credentials are lost.
    assert_eq!(place.keyward().words("account list").run().json().as_array().map(Vec::len), Some(0));
    fs::remove_dir(place.data().join("demo.json.new")).unwrap();
    place.sandbox().serve().stop();

    fs::remove_file(place.data().join("demo.json")).unwrap();
    pipe(&place.data().join("demo.json"));
    let node = place.sandbox().serve();
    node.anonymous().get("/readyz").await.expect(200);
    let log = node.stop().err;
    assert!(log.contains("demo.json is not a file"), "{log}");
}

#[test]
fn a_given_master_key_that_is_a_pipe_is_refused() {
    let place = Place::embedded();
    let key = place.folder().join("given.key");
    pipe(&key);
    place.sandbox().env("KEYWARD_MASTER_KEY_FILE", &key).run().refuses_with(&["given.key is not a file"]);
    fs::remove_file(&key).unwrap();
    master_key(&key, 1, 0o600);
    place.sandbox().env("KEYWARD_MASTER_KEY_FILE", &key).serve().stop();
}
