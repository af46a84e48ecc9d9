//! A server's output may be read late or never, or have no reader: the server still serves, and stops on request.

use std::{
    fs::{File, OpenOptions},
    io::{PipeReader, PipeWriter, Read as _, Write as _},
};

use rustix::pipe::fcntl_getpipe_size;
use tokio::time::Instant;

use crate::harness::{Client, Node, Place, eventually};

/// A pipe with no room left.
fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let room = fcntl_getpipe_size(&writer).unwrap();
    writer.write_all(&vec![b'\n'; room]).unwrap();
    (reader, writer)
}

/// Requests that fill the log.
async fn serves(node: &Node) {
    let demo = node.demo();
    let partner = node.client(&demo.partner.app_secret);
    let key = partner.create(&demo.merchant, "unread", &[]).await;
    assert_eq!(partner.verdict(&key.value).await, "VALID");
    for _ in 0..20 {
        node.anonymous().get("/nowhere").await.expect(404);
    }
    partner.post("/v1/api-keys", &Client::new_key("no-such-mid", "x", &[])).await.expect(404);
    partner.revoke(&key.id).await.expect(204);
}

#[tokio::test]
async fn a_log_that_is_not_read_delays_no_request_and_is_written_once_it_is_read() {
    let place = Place::embedded();
    let (mut reader, writer) = full_pipe();
    let node = place.sandbox().env("KEYWARD_LOG__FILTER", "debug").serve_logging_to(writer);
    serves(&node).await;
    let read = std::thread::spawn(move || {
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        text
    });
    node.stop();
    let text = read.join().unwrap();
    assert!(text.contains("answered 404") && text.contains("stopped"), "{text}");
}

#[tokio::test]
async fn a_closed_reader_of_the_log_and_a_full_disk_end_nothing() {
    let gone = || {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        writer.into()
    };
    let full = || OpenOptions::new().write(true).open("/dev/full").unwrap().into();
    let logs: [&dyn Fn() -> std::process::Stdio; 2] = [&gone, &full];
    for log in logs {
        let place = Place::embedded();
        let program = place.sandbox().words("--metrics-listen 127.0.0.1:0");
        let node = program.serve_logging_to(log());
        serves(&node).await;
        eventually("lost lines are counted", async || node.metric("keyward_log_lines_lost_total").await > 20.0).await;
        node.stop();
    }
}

#[tokio::test]
async fn a_log_that_may_grow_no_further_ends_nothing() {
    let place = Place::postgres().await;
    let log = File::create(place.folder().join("log")).unwrap();
    let program = place.sandbox().words("--metrics-listen 127.0.0.1:0").under("ulimit -f 4");
    let node = program.serve_logging_to(log);
    serves(&node).await;
    eventually("lost lines are counted", async || node.metric("keyward_log_lines_lost_total").await > 10.0).await;
    node.stop();
}

#[tokio::test]
async fn a_database_that_may_not_grow_is_a_reason_not_to_start() {
    let place = Place::embedded();
    place.sandbox().under("ulimit -f 16").run().refuses_with(&["no file of this process", "ulimit -f", "disk I/O"]);
}

#[tokio::test]
async fn neither_output_has_to_be_read_for_a_start_or_a_stop() {
    let place = Place::embedded();
    let (_reader, writer) = full_pipe();
    let node = place.sandbox().serve_without_output(writer.try_clone().unwrap(), writer).await;
    serves(&node).await;
    node.stop();
}

#[tokio::test]
async fn a_server_that_cannot_start_ends_although_its_output_is_not_read() {
    let place = Place::embedded();
    let first = place.sandbox().serve();
    let (_reader, writer) = full_pipe();
    assert_eq!(place.sandbox().run_logging_to(writer).code, Some(1));
    first.stop();
}

/// The number of lines about answers in a log, and the number of withheld ones that it reports.
fn written_and_withheld(log: &str) -> (u32, u32) {
    let written = log.lines().filter(|line| line.contains("answered ")).count();
    let counts = log.lines().filter_map(|line| line.split_once("held back ")?.1.split(' ').next()?.parse::<u32>().ok());
    (u32::try_from(written).unwrap(), counts.sum())
}

#[tokio::test]
async fn unauthenticated_requests_do_not_fill_the_log() {
    let place = Place::embedded();
    let node = place.sandbox().words("--metrics-listen 127.0.0.1:0").serve();
    let withheld = async || node.metric("keyward_log_lines_withheld_total").await;
    let (demo, began) = (node.demo(), Instant::now());
    // None of these is authenticated, including a client with a key that appears in web pages.
    let public_paths = ["/nowhere", "/docs", "/openapi.json", "/.well-known/jwks.json"];
    let more = ["/.well-known/oauth-authorization-server", "/v1/merchants", "/v1/auth?scope=none", "/v1/auth?who"];
    let mut asked = 0;
    for path in public_paths.into_iter().chain(more) {
        let has_key = path.starts_with("/v1/auth");
        let stranger = if has_key { node.client(&demo.partner.app_key) } else { node.anonymous() };
        let before = withheld().await;
        eventually(&format!("lines about {path} are withheld"), async || {
            let ask = async || assert_ne!(stranger.get(path).await.status, 204);
            tokio::join!(ask(), ask(), ask(), ask(), ask(), ask(), ask(), ask());
            asked += 8;
            withheld().await > before + 50.0
        })
        .await;
    }
    // A load balancer's checks leave no line, and count against no other line.
    for path in ["/healthz", "/readyz"] {
        node.anonymous().get(path).await.expect(200);
    }
    // A refusal of an authenticated caller is always logged.
    node.client(&demo.partner.app_secret).get("/v1/merchants/no-such-mid").await.expect(404);
    eventually("a line is written again, and reports how many were withheld", async || {
        let before = withheld().await;
        node.anonymous().get("/nowhere").await.expect(404);
        asked += 1;
        withheld().await <= before
    })
    .await;
    let (lost, seconds) = (withheld().await, u32::try_from(began.elapsed().as_secs()).unwrap());
    let log = node.stop().err;
    let (written, reported) = written_and_withheld(&log);
    assert_eq!((written + reported, f64::from(reported)), (asked + 1, lost), "{log}");
    let most = 20 * (seconds + 2);
    assert!(written <= most + 1, "{written} lines in {seconds} seconds");
    assert!(log.contains("account_not_found"), "{log}");
    assert!(!log.contains("/healthz") && !log.contains("/readyz"), "{log}");
}
