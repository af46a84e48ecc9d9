//! How long a revocation takes until its answer, which is when it is in force everywhere: with three nodes, idle and
//! under load, with one of them dead, and on the embedded database (T25, T26). After each answer the other nodes are
//! asked: a wrong one would make the figure worthless.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};

use super::{Bench, Client, Created, Launch, Node, Postgres, Report, Request, Target, Unit, percentile};

/// Revocations a round.
const REVOCATIONS: u32 = 200;
/// Verifications a second at each node under load.
const ASKED: u32 = 1_000;
/// The lease, its guard and the time of an answer beside them, in milliseconds.
const WORST: f64 = 5_000.0 + 1_000.0 + 200.0;
/// How often a node dies.
const DEATHS: u32 = 5;
/// This many revocations in a row faster than this show that the dead node is forgotten.
const QUICK_IN_A_ROW: u32 = 30;
const QUICK: f64 = 500.0;
/// It must be forgotten by then: longer than a lease, its guard and the reaper's round.
const FORGOTTEN: Duration = Duration::from_secs(30);

pub(super) fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    {
        println!("measuring on SQLite");
        let node = Node::start(bench, &Launch::default())?;
        for _ in 0..bench.effort.rounds {
            let took = round(bench, &node, &[])?;
            let p99 = percentile(&took, 99);
            report.add("revoke until the 204, SQLite, p99", Target::AtMost(20.0), Unit::Milliseconds, p99);
            report.note("revoke until the 204, SQLite, p50", Unit::Milliseconds, percentile(&took, 50));
        }
    }
    let postgres = Postgres::start()?;
    let nodes = postgres.three_nodes(bench)?;
    println!("measuring with three nodes");
    on_three_nodes(bench, report, &nodes, "revoke with 3 nodes until the 204")?;
    println!("measuring with three nodes under load");
    let name = "revoke with 3 nodes under load until the 204";
    let asked = under_load(&nodes, || on_three_nodes(bench, report, &nodes, name))?;
    report.note("that load: verifications on the three nodes together", Unit::PerSecond, asked);
    let [first, second, third] = nodes;
    drop(third);
    println!("measuring while nodes die");
    for _ in 0..bench.effort.rounds.min(DEATHS) {
        let dying = Node::start(bench, &Launch { beside: Some(&first), ..postgres.launch() })?;
        let (longest, until_quick) = one_death(dying, &first, &second)?;
        let name = "revoke while one of 3 nodes is dead, the longest";
        report.add(name, Target::Always(WORST), Unit::Milliseconds, longest);
        report.note("from a node's death until revocations are quick again", Unit::Milliseconds, until_quick);
    }
    Ok(())
}

fn on_three_nodes(bench: &Bench, report: &mut Report, nodes: &[Node; 3], name: &str) -> Result<()> {
    for _ in 0..bench.effort.rounds {
        let took = round(bench, &nodes[0], &nodes[1..])?;
        report.add(format!("{name}, p50"), Target::AtMost(10.0), Unit::Milliseconds, percentile(&took, 50));
        report.add(format!("{name}, p99"), Target::AtMost(50.0), Unit::Milliseconds, percentile(&took, 99));
    }
    Ok(())
}

/// The times of one round, in milliseconds.
fn round(bench: &Bench, node: &Node, others: &[Node]) -> Result<Vec<f64>> {
    let (client, mut took) = (Client::new()?, Vec::new());
    for key in keys(node, bench.effort.count(REVOCATIONS))? {
        let everywhere = |status| -> Result<()> {
            let ask = |other: &Node| client.ask(&Request::get(other.url(), "/v1/auth", status).bearer(&key.value));
            others.iter().try_for_each(|other| ask(other).map(drop))
        };
        everywhere(204)?;
        took.push(client.ask(&node.revocation(&key))?.millis);
        everywhere(401)?;
    }
    Ok(took)
}

/// Does the work while every node is asked about a key of its own, evenly. Returns the rate of that, on all of them.
#[expect(clippy::disallowed_methods, reason = "measures; nothing of the service is decided by it")]
fn under_load(nodes: &[Node], work: impl FnOnce() -> Result<()>) -> Result<f64> {
    let (started, over) = (Instant::now(), AtomicBool::new(false));
    let every = Duration::from_secs(1) / ASKED;
    thread::scope(|scope| {
        let askers = nodes.iter().map(|node| {
            let over = &over;
            scope.spawn(move || {
                let client = Client::new()?;
                let key = node.create_key(&client, "asked about during the load", &["charges:read"])?;
                let request = Request::get(node.url(), "/v1/auth", 204).bearer(&key.value);
                let (mut asked, mut due) = (0.0, Instant::now());
                while !over.load(Ordering::Relaxed) {
                    client.ask(&request)?;
                    asked += 1.0;
                    due += every;
                    thread::sleep(due.saturating_duration_since(Instant::now()));
                }
                anyhow::Ok(asked)
            })
        });
        let askers: Vec<_> = askers.collect();
        let done = work();
        over.store(true, Ordering::Relaxed);
        let mut all = 0.0;
        for asker in askers {
            all += asker.join().map_err(|_| anyhow!("an asker panicked"))??;
        }
        done?;
        Ok(all / started.elapsed().as_secs_f64())
    })
}

/// A third node dies; two others revoke in the meantime. The longest revocation, and how long it took until they were
/// quick again, in milliseconds.
#[expect(clippy::disallowed_methods, reason = "measures; nothing of the service is decided by it")]
fn one_death(dying: Node, first: &Node, second: &Node) -> Result<(f64, f64)> {
    let stocks = [keys(first, 2_000)?, keys(second, 2_000)?];
    let started = Instant::now();
    drop(dying);
    thread::scope(|scope| {
        let revokers = [first, second].into_iter().zip(stocks).map(|(node, keys)| {
            scope.spawn(move || {
                let client = Client::new()?;
                let (mut longest, mut last_slow, mut quick) = (0.0_f64, 0.0_f64, 0);
                for key in keys {
                    let millis = client.ask(&node.revocation(&key))?.millis;
                    longest = longest.max(millis);
                    quick = if millis < QUICK { quick + 1 } else { 0 };
                    if millis >= QUICK {
                        last_slow = started.elapsed().as_secs_f64() * 1_000.0;
                    }
                    let waited = last_slow > 0.0 && quick >= QUICK_IN_A_ROW;
                    if waited || started.elapsed() > FORGOTTEN {
                        return anyhow::Ok((longest, last_slow));
                    }
                }
                Ok((longest, last_slow))
            })
        });
        let revokers: Vec<_> = revokers.collect();
        let mut seen = (0.0_f64, 0.0_f64);
        for revoker in revokers {
            let (longest, last_slow) = revoker.join().map_err(|_| anyhow!("a revoker panicked"))??;
            seen = (seen.0.max(longest), seen.1.max(last_slow));
        }
        Ok(seen)
    })
}

fn keys(node: &Node, count: u32) -> Result<Vec<Created>> {
    let client = Client::new()?;
    let keys = (0..count).map(|n| node.create_key(&client, &format!("to revoke {n}"), &["charges:read"]));
    keys.collect::<Result<_>>().context("cannot make keys to revoke")
}
