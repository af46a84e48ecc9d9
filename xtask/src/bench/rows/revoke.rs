//! The time of a revocation until its answer, when it is enforced everywhere: with three nodes, idle and under load,
//! with one of them dead, and on the embedded database (T25, T26). After each answer the other nodes must refuse the
//! key: a wrong verdict would make the figure worthless.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::{Bench, Client, Created, Launch, Node, Postgres, Report, Request, Target, Unit, beside};

/// Revocations a round.
const REVOCATIONS: u32 = 200;
/// Verifications a second at each node under load.
const VERIFICATIONS: u32 = 1_000;
/// The lease, its guard and the time of an answer, in milliseconds.
const WORST: f64 = 5_000.0 + 1_000.0 + 200.0;
/// Number of deaths of a node.
const DEATHS: u32 = 5;
/// This many quick revocations in a row, in milliseconds each, show that the dead node is forgotten.
const QUICK_IN_A_ROW: u32 = 30;
const QUICK: f64 = 500.0;
/// The dead node must be forgotten after this time: longer than a lease, its guard and the reaper's round.
const FORGOTTEN: Duration = Duration::from_secs(30);

pub(super) fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    {
        println!("measuring on SQLite");
        let nodes = [Node::start(bench, &Launch::default())?];
        let name = "revoke until the 204, SQLite";
        rounds(bench, report, &nodes, name, [Target::None, Target::AtMost(20.0)])?;
    }
    let targets = [Target::AtMost(10.0), Target::AtMost(50.0)];
    let postgres = Postgres::start()?;
    let nodes = postgres.three_nodes(bench)?;
    println!("measuring with three nodes");
    rounds(bench, report, &nodes, "revoke with 3 nodes until the 204", targets)?;
    println!("measuring with three nodes under load");
    let name = "revoke with 3 nodes under load until the 204";
    let asked = under_load(&nodes, || rounds(bench, report, &nodes, name, targets))?;
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

/// Revokes at the first node, and adds p50 and p99 with these targets.
fn rounds(bench: &Bench, report: &mut Report, nodes: &[Node], name: &str, [p50, p99]: [Target; 2]) -> Result<()> {
    for _ in 0..bench.effort.rounds {
        report.add_times(name, &round(bench, &nodes[0], &nodes[1..])?, p50, p99);
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

/// Does the work while every node verifies its own key at an even rate. Returns that rate, summed over all of them.
#[expect(clippy::disallowed_methods, reason = "measures; no decision depends on it")]
fn under_load(nodes: &[Node], work: impl FnOnce() -> Result<()>) -> Result<f64> {
    let (started, over) = (Instant::now(), AtomicBool::new(false));
    let every = Duration::from_secs(1) / VERIFICATIONS;
    let ask = |node: &Node| {
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
        Ok(asked)
    };
    let (asked, done) = beside(nodes, ask, |_| {
        let done = work();
        over.store(true, Ordering::Relaxed);
        done
    })?;
    done?;
    Ok(asked.iter().sum::<f64>() / started.elapsed().as_secs_f64())
}

/// A third node dies while two others revoke. Returns the longest revocation, and the time until they were quick again,
/// in milliseconds.
#[expect(clippy::disallowed_methods, reason = "measures; no decision depends on it")]
fn one_death(dying: Node, first: &Node, second: &Node) -> Result<(f64, f64)> {
    let all_keys = [keys(first, 2_000)?, keys(second, 2_000)?];
    let started = Instant::now();
    drop(dying);
    let revoke = |(node, keys): (&Node, Vec<Created>)| {
        let client = Client::new()?;
        let (mut longest, mut last_slow, mut quick) = (0.0_f64, 0.0_f64, 0);
        for key in keys {
            let millis = client.ask(&node.revocation(&key))?.millis;
            longest = longest.max(millis);
            quick = if millis < QUICK { quick + 1 } else { 0 };
            if millis >= QUICK {
                last_slow = started.elapsed().as_secs_f64() * 1_000.0;
            }
            let is_over = last_slow > 0.0 && quick >= QUICK_IN_A_ROW;
            if is_over || started.elapsed() > FORGOTTEN {
                break;
            }
        }
        Ok((longest, last_slow))
    };
    let (seen, ()) = beside([first, second].into_iter().zip(all_keys), revoke, |_| {})?;
    Ok(seen.iter().fold((0.0, 0.0), |worst: (f64, f64), it| (worst.0.max(it.0), worst.1.max(it.1))))
}

fn keys(node: &Node, count: u32) -> Result<Vec<Created>> {
    let client = Client::new()?;
    let keys = (0..count).map(|n| node.create_key(&client, &format!("to revoke {n}"), &["charges:read"]));
    keys.collect::<Result<_>>().context("cannot make keys to revoke")
}
