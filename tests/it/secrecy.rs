//! Secrets are shown once and stored nowhere: not in a log of any format or level, and not in a database.

mod needles;
mod visits;

use std::{fs, path::Path};

use keyward_testkit::pg::{Cluster, Durability};
use serde_json::Value;

use crate::harness::{Node, Place, Program, run};
use needles::Needles;
use visits::{TRACE, visit};

/// Logs everything.
fn verbose(program: Program, format: &str) -> Program {
    program.env("KEYWARD_LOG__FILTER", "trace").env("KEYWARD_LOG__FORMAT", format)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_secret_is_in_the_logs_or_the_embedded_database() {
    for format in ["json", "human"] {
        for hash in ["hmac", "argon2id"] {
            let place = Place::embedded();
            let node = verbose(place.sandbox(), format).env("KEYWARD_SECRET_HASH", hash).serve();
            let needles = everything(&node, &place).await;
            let finished = node.stop();
            needles.are_not_in("the standard output", finished.out.as_bytes());
            needles.are_not_in("the log", finished.err.as_bytes());
            needles.are_not_in("the embedded database", &fs::read(place.data().join("keyward.db")).unwrap());
            the_log_is_well_formed(format, &finished.err);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_secret_is_in_the_files_of_a_killed_node() {
    let place = Place::embedded();
    let node = place.sandbox().serve();
    let needles = everything(&node, &place).await;
    node.kill();
    for file in ["keyward.db", "keyward.db-wal"] {
        needles.are_not_in(file, &fs::read(place.data().join(file)).unwrap());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_secret_is_in_the_logs_or_a_dump_of_postgres() {
    let cluster = Cluster::start(Durability::Fast).unwrap();
    for format in ["json", "human"] {
        let place = Place::on(&cluster.url()).await;
        let program = verbose(place.sandbox(), format).env("KEYWARD_DATABASE__ACQUIRE_TIMEOUT", "2s");
        let node = program.env("KEYWARD_VERIFIER__PROFILE", "quick").serve();
        let needles = everything(&node, &place).await;
        cluster.stop().unwrap();
        visits::during_an_outage(&node).await;
        cluster.start_again().unwrap();
        let finished = node.stop();
        needles.are_not_in("the standard output", finished.out.as_bytes());
        needles.are_not_in("the log", finished.err.as_bytes());
        needles.are_not_in("the log of Postgres", cluster.log().unwrap().as_bytes());
        let dump = dump(&cluster, &place);
        assert!(dump.contains("INSERT INTO public.api_key"), "the dump holds no keys");
        needles.are_not_in("the dump", dump.as_bytes());
        the_log_is_well_formed(format, &finished.err);
    }
}

/// All visits, and the secrets that must be found nowhere afterwards.
async fn everything(node: &Node, place: &Place) -> Needles {
    let mut needles = Needles::default();
    needles.add_master_key(&master_key_of(place.folder()));
    visit(node, &mut needles).await;
    // The search finds them in the file that may hold them.
    needles.are_found_in("demo.json", &fs::read(node.demo_path()).unwrap());
    needles
}

fn master_key_of(folder: &Path) -> Vec<u8> {
    fs::read(folder.join("keyward-data/master.key")).unwrap()
}

fn dump(cluster: &Cluster, place: &Place) -> String {
    let url = place.url().unwrap();
    run(&cluster.bin_dir().join("pg_dump"), ["--inserts", url], place.folder()).success().out
}

/// JSON is one object per line and can be searched for a trace; in either format, an answer has a line.
fn the_log_is_well_formed(format: &str, log: &str) {
    let lines: Vec<&str> = log.lines().filter(|line| line.contains(TRACE)).collect();
    assert!(lines.iter().any(|line| line.contains("answered 200")), "no answer of the trace {TRACE} is logged");
    if format == "json" {
        for line in log.lines() {
            let event: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            assert!(event["timestamp"].is_string() && event["level"].is_string(), "{line}");
        }
        let line: Value =
            serde_json::from_str(lines.iter().find(|line| line.contains("answered 200")).unwrap()).unwrap();
        assert_eq!(line["span"]["trace.id"], TRACE, "{line}");
    }
}
