//! `keyward health`: one line and an exit code about the server of this machine, without another program.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    thread,
};

use rcgen::{CertifiedKey, generate_simple_self_signed};

use crate::harness::{Place, on_both, private};

on_both!(a_server_that_answers_is_healthy_and_one_that_is_gone_is_not);

async fn a_server_that_answers_is_healthy_and_one_that_is_gone_is_not(place: Place) {
    let node = place.sandbox().serve();
    let address = node.address().to_owned();
    for (words, expected) in
        [("", format!("http://{address}/healthz: ok\n")), ("--ready", format!("http://{address}/readyz: ready\n"))]
    {
        let checked = place.keyward().words("health --listen").words(&address).words(words).run().success();
        assert_eq!((checked.out, checked.err.as_str()), (expected, ""));
    }
    // From the settings too, without what a production server needs.
    let set = place.keyward().env("KEYWARD_LISTEN", &address).env("KEYWARD_ENVIRONMENT", "production");
    set.words("health").run().success();
    node.stop();
    let gone = place.keyward().words("health --listen").words(&address).run();
    assert_eq!(gone.out, "");
    let error = gone.refusal();
    assert!(error.contains(&format!("http://{address}/healthz does not answer")), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
}

#[tokio::test]
async fn a_server_that_listens_on_all_addresses_is_checked_on_this_machine() {
    let place = Place::embedded();
    let node = place.keyward().words("serve --listen 0.0.0.0:0").serve();
    let all_addresses = format!("0.0.0.0:{}", node.address().rsplit_once(':').unwrap().1);
    let checked = place.keyward().words("health --listen").words(&all_addresses).run().success();
    assert!(checked.out.starts_with("http://127.0.0.1:"), "{}", checked.out);
    node.stop();
}

#[tokio::test]
async fn a_server_with_tls_is_checked_by_tls_whatever_name_its_certificate_has() {
    let place = Place::embedded();
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["keys.example.com".to_owned()]).unwrap();
    private(&place.folder().join("tls.crt"), &cert.pem());
    private(&place.folder().join("tls.key"), &signing_key.serialize_pem());
    let files = [("KEYWARD_TLS__CERTIFICATE", "tls.crt"), ("KEYWARD_TLS__KEY", "tls.key")];
    let node = place.sandbox().envs(&files).serve();
    let checked = place.keyward().envs(&files).words("health --ready --listen").words(node.address()).run().success();
    assert_eq!(checked.out, format!("https://{}/readyz: ready\n", node.address()));
    // A missing TLS is no answer, and the error says so.
    let plain = place.keyward().words("health --listen").words(node.address()).run();
    plain.refuses_with(&["http://127.0.0.1:", "does not answer", "the server speaks TLS"]);
    node.stop();
    // The reverse case.
    let node = place.sandbox().serve();
    let by_tls = place.keyward().envs(&files).words("health --listen").words(node.address()).run();
    by_tls.refuses_with(&["https://127.0.0.1:", "does not answer", "the server speaks plain HTTP", "tls.key"]);
    node.stop();
}

#[test]
fn another_program_and_a_silent_one_are_not_healthy() {
    let place = Place::embedded();
    let ask = |at: &TcpListener| place.keyward().words("health --listen").words(&at.local_addr().unwrap().to_string());
    let stranger = TcpListener::bind("127.0.0.1:0").unwrap();
    let checking = ask(&stranger);
    let answers = thread::spawn(move || {
        let (mut stream, _) = stranger.accept().unwrap();
        let read = stream.read(&mut [0; 4096]).unwrap();
        stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno").unwrap();
        read
    });
    checking.run().refuses_with(&["answers 404", "is this a keyward?"]);
    assert!(answers.join().unwrap() > 0);
    // The machine accepts the connection, and no answer arrives.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    ask(&silent).words("--timeout 50ms").run().refuses_with(&["sent no answer within 50ms"]);
}

#[test]
fn instead_of_port_0_the_real_port_has_to_be_named() {
    let place = Place::embedded();
    place.keyward().env("KEYWARD_LISTEN", "127.0.0.1:0").words("health").run().refuses_with(&["port 0", "--listen"]);
}
