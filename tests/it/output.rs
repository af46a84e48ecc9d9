//! What a server says may be read late or never, or have no reader: it serves all the same, and stops when it is asked
//! to.

use std::{
    fs::OpenOptions,
    io::{PipeReader, PipeWriter, Read as _, Write as _},
};

use rustix::pipe::fcntl_getpipe_size;

use crate::harness::{Client, Node, Place, eventually};

/// A pipe with no room left.
fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let room = fcntl_getpipe_size(&writer).unwrap();
    writer.write_all(&vec![b'\n'; room]).unwrap();
    (reader, writer)
}

/// Work that fills the log.
async fn serves(node: &Node) {
    let demo = node.demo();
    let partner = node.client(&demo.partner.app_secret);
    let key = partner.create(&demo.merchant, "unheard", &[]).await;
    assert_eq!(partner.verdict(&key.value).await, "VALID");
    for _ in 0..20 {
        node.anonymous().get("/nowhere").await.expect(404);
    }
    partner.post("/v1/api-keys", &Client::wish("no-such-mid", "x", &[])).await.expect(404);
    partner.revoke(&key.id).await.expect(204);
}

#[tokio::test]
async fn a_log_that_is_not_read_holds_nobody_up_and_is_written_once_it_is() {
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
async fn a_log_that_is_never_read_does_not_keep_a_server_from_stopping() {
    let place = Place::embedded();
    let (_reader, writer) = full_pipe();
    let node = place.sandbox().env("KEYWARD_LOG__FILTER", "debug").serve_logging_to(writer);
    serves(&node).await;
    node.stop();
}

#[tokio::test]
async fn a_log_whose_reader_is_gone_and_a_full_disk_end_nothing() {
    let gone = || {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        writer.into()
    };
    let full = || OpenOptions::new().write(true).open("/dev/full").unwrap().into();
    let logs: [&dyn Fn() -> std::process::Stdio; 2] = [&gone, &full];
    for log in logs {
        let place = Place::embedded();
        let program = place.sandbox().say("--metrics-listen 127.0.0.1:0");
        let node = program.serve_logging_to(log());
        serves(&node).await;
        eventually("lost lines are counted", async || node.metric("keyward_log_lines_lost_total").await > 20.0).await;
        node.stop();
    }
}

#[tokio::test]
async fn neither_output_has_to_be_read_for_a_start_or_a_stop() {
    let place = Place::embedded();
    let (_reader, writer) = full_pipe();
    let node = place.sandbox().serve_unheard(writer.try_clone().unwrap(), writer).await;
    serves(&node).await;
    node.stop();
}

#[tokio::test]
async fn a_server_that_cannot_start_ends_although_nobody_reads_why() {
    let place = Place::embedded();
    let first = place.sandbox().serve();
    let (_reader, writer) = full_pipe();
    assert_eq!(place.sandbox().run_logging_to(writer).code, Some(1));
    first.stop();
}

#[tokio::test]
async fn strangers_fill_no_log() {
    let place = Place::embedded();
    let node = place.sandbox().say("--metrics-listen 127.0.0.1:0").serve();
    let (stranger, demo) = (node.anonymous(), node.demo());
    let mut asked = 0;
    eventually("lines are held back", async || {
        let ask = async || stranger.get("/nowhere").await.expect(404);
        tokio::join!(ask(), ask(), ask(), ask(), ask(), ask(), ask(), ask());
        asked += 8;
        node.metric("keyward_log_lines_withheld_total").await > 20.0
    })
    .await;
    // A refusal of a caller that the service knows is logged in any case.
    node.client(&demo.partner.app_secret).get("/v1/merchants/no-such-mid").await.expect(404);
    eventually("it says how many", async || {
        stranger.get("/nowhere").await.expect(404);
        asked += 1;
        node.said_so_far().contains("lines about refusals of callers that proved nothing")
    })
    .await;
    let said = node.stop().err;
    let written = said.lines().filter(|line| line.contains("unmatched")).count();
    assert!(written < asked, "all {asked} were written");
    assert!(said.contains("account_not_found"), "{said}");
}
