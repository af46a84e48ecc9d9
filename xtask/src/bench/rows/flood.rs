//! The time of a revocation while the revoked key floods the service with creates (R19). A create that succeeds after
//! the answer would make the figure worthless: it ends the run.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

use anyhow::{Result, anyhow, ensure};
use serde_json::json;

use super::{Bench, Client, Created, Launch, Node, Postgres, Report, Request, Target, Unit, beside};

/// Concurrent creates.
const WRITERS: u32 = 16;
/// Revocations a round.
const REVOCATIONS: u32 = 100;
/// Maximum time of a revocation, in milliseconds.
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
        report.add_times(&name, &took, Target::None, Target::AtMost(MOST));
        let each = f64::from(creates) / f64::from(revocations);
        report.note(format!("creates of each such flood, {on}"), Unit::Count, each);
    }
    Ok(())
}

/// A key floods all nodes and is revoked at the first. Returns the time of that in milliseconds, and the number of keys
/// that the flood made.
fn one_flood(nodes: &[Node]) -> Result<(f64, u32)> {
    let client = Client::new()?;
    let key = nodes[0].create_key(&client, "floods", &["api-keys:write"])?;
    let (made, over) = (AtomicU32::new(0), AtomicBool::new(false));
    let writers = (0..WRITERS).zip(nodes.iter().cycle());
    let write = |(_, node)| create_until_refused(node, &key, &made, &over);
    let (_, answered) = beside(writers, write, |writers| {
        // Wait until the flood has begun.
        while made.load(Ordering::Relaxed) < 2 * WRITERS && writers.iter().any(|writer| !writer.is_finished()) {
            thread::yield_now();
        }
        let answered = client.ask(&nodes[0].revocation(&key));
        over.store(true, Ordering::SeqCst);
        answered
    })?;
    Ok((answered?.millis, made.into_inner()))
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
            other => return Err(anyhow!("a create returned {other}: {}", answer.text)),
        }
        ensure!(!after, "a create that was sent after the answer of the revocation returned {status}");
    }
}
