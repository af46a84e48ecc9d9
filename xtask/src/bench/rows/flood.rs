//! How long a revocation takes while the key that it stops floods the service with creates (R19). A create that is sent
//! after the answer and works would make the figure worthless: it ends the run.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

use anyhow::{Context as _, Result, anyhow, ensure};
use serde_json::json;

use super::super::{
    Bench,
    client::Client,
    figures::{Report, Target, Unit, percentile},
    node::{Created, Demo, Launch, Node},
    pgbench,
    request::Request,
};
use keyward_testkit::pg::{Cluster, Durability};

/// Creates at once.
const WRITERS: u32 = 16;
/// How many revocations a round.
const REVOCATIONS: u32 = 100;
/// What a revocation may take, in milliseconds.
const MOST: f64 = 200.0;

pub(super) fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    let program = bench.programs.keyward();
    {
        let node = Node::start(&program, &Launch::default())?;
        rounds(bench, report, "SQLite", &[&node], &node.demo()?)?;
    }
    let cluster = Cluster::start(Durability::Real)?;
    let database = pgbench::fresh_database(&cluster, "bench")?;
    let first = Node::start(&program, &Launch { database: Some(&database), ..Launch::default() })?;
    let (demo, master_key) = (first.demo()?, first.master_key());
    let launch = Launch { database: Some(&database), master_key: Some(&master_key), ..Launch::default() };
    let (second, third) = (Node::start(&program, &launch)?, Node::start(&program, &launch)?);
    rounds(bench, report, "3 nodes", &[&first, &second, &third], &demo)
}

fn rounds(bench: &Bench, report: &mut Report, on: &str, nodes: &[&Node], demo: &Demo) -> Result<()> {
    println!("measuring on {on}");
    let (mut p50, mut p99, mut made) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..bench.effort.rounds {
        let (mut took, mut creates) = (Vec::new(), 0);
        for _ in 0..bench.effort.count(REVOCATIONS) {
            let (millis, count) = one_flood(nodes, demo)?;
            took.push(millis);
            creates += count;
        }
        p50.push(percentile(&took, 50));
        p99.push(percentile(&took, 99));
        made.push(f64::from(creates) / f64::from(bench.effort.count(REVOCATIONS)));
    }
    let name = format!("revoke of a key that floods with creates, {on}, p99");
    report.add(&name, Target::AtMost(MOST), Unit::Milliseconds, p99);
    report.note(format!("revoke of a key that floods with creates, {on}, p50"), Unit::Milliseconds, p50);
    report.note(format!("creates of each such flood, {on}"), Unit::Count, made);
    Ok(())
}

/// A key floods all nodes and is revoked at the first. How long that takes in milliseconds, and how many keys the flood
/// made.
fn one_flood(nodes: &[&Node], demo: &Demo) -> Result<(f64, u32)> {
    let mut platform = Client::connect(nodes[0].url())?;
    let body = json!({"mid": demo.merchant, "name": "floods", "type": "secret", "scopes": ["api-keys:write"]});
    let request = Request::post(nodes[0].url(), "/v1/api-keys", 201, &body.to_string());
    let key = platform.ask(&request.bearer(&demo.platform_secret))?.json()?;
    let text = |name: &str| key[name].as_str().map(str::to_owned).context("a key lacks a member");
    let key = Created { id: text("id")?, value: text("value")? };
    let (made, over) = (AtomicU32::new(0), AtomicBool::new(false));
    let millis = thread::scope(|scope| {
        let writers = (0..WRITERS).zip(nodes.iter().cycle()).map(|(_, node)| {
            let (made, over, key) = (&made, &over, &key);
            scope.spawn(move || create_until_refused(node, demo, key, made, over))
        });
        let writers: Vec<_> = writers.collect();
        // The flood is under way.
        while made.load(Ordering::Relaxed) < 2 * WRITERS && writers.iter().any(|writer| !writer.is_finished()) {
            thread::yield_now();
        }
        let path = format!("/v1/api-keys/{}", key.id);
        let revoke = Request::new("DELETE", nodes[0].url(), &path, 204).bearer(&demo.platform_secret);
        let answered = platform.ask(&revoke);
        over.store(true, Ordering::SeqCst);
        for writer in writers {
            writer.join().map_err(|_| anyhow!("a writer panicked"))??;
        }
        anyhow::Ok(answered?.millis)
    })?;
    Ok((millis, made.into_inner()))
}

fn create_until_refused(node: &Node, demo: &Demo, by: &Created, made: &AtomicU32, over: &AtomicBool) -> Result<()> {
    let mut client = Client::connect(node.url())?;
    let body = json!({"mid": demo.merchant, "name": "flood", "type": "secret"}).to_string();
    let create = Request::post(node.url(), "/v1/api-keys", 201, &body).bearer(&by.value);
    loop {
        let after = over.load(Ordering::SeqCst);
        let (status, body) = client.ask_anything(&create)?;
        match status {
            401 => return Ok(()),
            201 => drop(made.fetch_add(1, Ordering::Relaxed)),
            429 => {}
            other => return Err(anyhow!("a create was answered {other}: {}", String::from_utf8_lossy(&body))),
        }
        ensure!(!after, "a create that was sent after the revocation's answer was answered {status}");
    }
}
