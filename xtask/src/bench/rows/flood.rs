//! How long a revocation takes while the key that it stops floods the service with creates (R19). A create that is sent
//! after the answer and works would make the figure worthless: it ends the run.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

use anyhow::{Result, anyhow, ensure};
use serde_json::json;

use super::{Bench, Client, Created, Launch, Node, Postgres, Report, Request, Target, Unit, percentile};

/// Creates at once.
const WRITERS: u32 = 16;
/// Revocations a round.
const REVOCATIONS: u32 = 100;
/// What a revocation may take, in milliseconds.
const MOST: f64 = 200.0;

pub(super) fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    rounds(bench, report, "SQLite", &[Node::start(bench, &Launch::default())?])?;
    let postgres = Postgres::start()?;
    rounds(bench, report, "3 nodes", &postgres.three_nodes(bench)?)
}

fn rounds(bench: &Bench, report: &mut Report, on: &str, nodes: &[Node]) -> Result<()> {
    println!("measuring on {on}");
    let revocations = bench.effort.count(REVOCATIONS);
    for _ in 0..bench.effort.rounds {
        let (mut took, mut creates) = (Vec::new(), 0);
        for _ in 0..revocations {
            let (millis, count) = one_flood(nodes)?;
            took.push(millis);
            creates += count;
        }
        let name = format!("revoke of a key that floods with creates, {on}");
        report.add(format!("{name}, p99"), Target::AtMost(MOST), Unit::Milliseconds, percentile(&took, 99));
        report.note(format!("{name}, p50"), Unit::Milliseconds, percentile(&took, 50));
        let each = f64::from(creates) / f64::from(revocations);
        report.note(format!("creates of each such flood, {on}"), Unit::Count, each);
    }
    Ok(())
}

/// A key floods all nodes and is revoked at the first. Returns how long that takes in milliseconds, and how many keys
/// the flood made.
fn one_flood(nodes: &[Node]) -> Result<(f64, u32)> {
    let client = Client::new()?;
    let key = nodes[0].create_key(&client, "floods", &["api-keys:write"])?;
    let (made, over) = (AtomicU32::new(0), AtomicBool::new(false));
    let millis = thread::scope(|scope| {
        let writers = (0..WRITERS).zip(nodes.iter().cycle()).map(|(_, node)| {
            let (made, over, key) = (&made, &over, &key);
            scope.spawn(move || create_until_refused(node, key, made, over))
        });
        let writers: Vec<_> = writers.collect();
        // The flood is under way.
        while made.load(Ordering::Relaxed) < 2 * WRITERS && writers.iter().any(|writer| !writer.is_finished()) {
            thread::yield_now();
        }
        let answered = client.ask(&nodes[0].revocation(&key));
        over.store(true, Ordering::SeqCst);
        for writer in writers {
            writer.join().map_err(|_| anyhow!("a writer panicked"))??;
        }
        anyhow::Ok(answered?.millis)
    })?;
    Ok((millis, made.into_inner()))
}

fn create_until_refused(node: &Node, by: &Created, made: &AtomicU32, over: &AtomicBool) -> Result<()> {
    let client = Client::new()?;
    let body = json!({"mid": node.demo.merchant, "name": "flood", "type": "secret"}).to_string();
    let create = Request::post(node.url(), "/v1/api-keys", 201, &body).bearer(&by.value);
    loop {
        let after = over.load(Ordering::SeqCst);
        let answer = client.ask_anything(&create)?;
        let status = answer.status;
        match status {
            401 => return Ok(()),
            201 => drop(made.fetch_add(1, Ordering::Relaxed)),
            429 => {}
            other => return Err(anyhow!("a create was answered {other}: {}", answer.text)),
        }
        ensure!(!after, "a create that was sent after the revocation's answer was answered {status}");
    }
}
