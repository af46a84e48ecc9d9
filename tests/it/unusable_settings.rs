//! Invalid or missing settings: all of them are reported together before anything is made, and never the value of a
//! secret. Unit tests of the configuration check each setting.

use std::fs;

use crate::harness::{Finished, Place, Program, private};

fn sandbox(place: &Place) -> Program {
    place.keyward().words("serve --listen 127.0.0.1:0")
}

/// Checks a refusal before anything was created.
fn refused(place: &Place, program: &Program, words: &[&str]) {
    program.run().refuses_with(words);
    assert!(!place.data().exists(), "something was made before the settings were checked");
}

#[test]
fn production_reports_all_missing_settings_together() {
    let place = Place::embedded();
    let words =
        ["3 settings", "DATABASE_URL", "master_key_file (KEYWARD_MASTER_KEY_FILE)", "public_url (KEYWARD_PUBLIC_URL)"];
    refused(&place, &sandbox(&place).words("--environment production"), &words);
    let in_variable = sandbox(&place).env("KEYWARD_ENVIRONMENT", "production");
    refused(&place, &in_variable, &words);
}

#[test]
fn an_address_with_a_password_is_never_quoted_even_if_malformed_or_in_the_wrong_setting() {
    let broken = [
        "mysql://keyward:open-sesame@db/keyward",
        "postgres://keyward:open-sesame@db:port/keyward",
        "postgres://keyward:open/sesame@127.0.0.1:1/keyward",
        "postgres://keyward:open#sesame@127.0.0.1:1/keyward",
        "postgres://127.0.0.1:1/keyward?pasword=open-sesame",
        "postgres//keyward:open-sesame@db",
    ];
    let place = Place::embedded();
    for url in broken {
        for name in
            ["DATABASE_URL", "KEYWARD_DATABASE_DIRECT_URL", "KEYWARD_PUBLIC_URL", "KEYWARD_LISTEN", "KEYWARD_CONFIG"]
        {
            let program = sandbox(&place).env("DATABASE_URL", "postgres://127.0.0.1:1/keyward").env(name, url);
            let program = program.env("KEYWARD_DATABASE__CONNECT_WAIT", "1ms");
            let finished = if name == "KEYWARD_LISTEN" { place.keyward().env(name, url).run() } else { program.run() };
            assert!(!finished.output().contains("sesame"), "{name}={url}: {}", finished.output());
            finished.refusal();
        }
    }
    // The same on the command line, in an argument that `serve` does not accept.
    let Finished { code, err, .. } = place.keyward().words("serve").word(broken[0]).run();
    assert!(code == Some(2) && !err.contains("sesame"), "{err}");
    let finished = sandbox(&place).env("DATABASE_URL", broken[0]).run();
    finished.refuses_with(&["DATABASE_URL", "postgres://"]);
}

#[test]
fn half_of_tls_and_invalid_files_are_refused() {
    let place = Place::embedded();
    let half = sandbox(&place).env("KEYWARD_TLS__CERTIFICATE", "tls.crt");
    refused(&place, &half, &["tls.certificate", "tls.key", "go together"]);
    fs::write(place.folder().join("tls.crt"), "not PEM").unwrap();
    private(&place.folder().join("tls.key"), "not PEM");
    refused(&place, &half.env("KEYWARD_TLS__KEY", "tls.key"), &["cannot use tls.certificate (tls.crt)", "PEM"]);
}

#[test]
fn wrong_usage_has_its_own_exit_code() {
    let place = Place::embedded();
    // Errors that no argument parser detects have the code of those that it detects, and one line.
    for (words, message) in [
        ("--demo migrate", "--demo is an option of `keyward serve`"),
        ("account create --role platform --name x --parent y", "omit --parent"),
        ("key create --mid m --name n --type secret --scope a:b --scope a:b --out f", "--scope: must not name"),
        ("key pair --mid m --name n", "--out FILE"),
    ] {
        place.keyward().words(words).run().misuse_with(&[message]);
    }
    assert_eq!(place.keyward().words("--demo migrate").run().err.lines().count(), 1);
    assert!(!place.data().exists() && !place.folder().join("f").exists(), "something was made");
}

#[test]
fn a_wrong_address_on_the_command_line_is_wrong_usage_and_names_the_format() {
    let place = Place::embedded();
    for words in ["health --listen localhost:1", "serve --listen localhost:1", "--metrics-listen localhost:1"] {
        let message =
            place.keyward().words(words).run().misuse_with(&["localhost:1", "must be an IP address and a port"]);
        assert!(message.contains("listen <ADDR>") && !message.contains("KEYWARD_"), "{message}");
    }
    place.keyward().words("health --listen 127.0.0.1:0").run().misuse_with(&["--listen", "port 0"]);
}
