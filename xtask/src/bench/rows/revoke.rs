//! How long a revocation takes until its answer, which is when it is in force everywhere: with three nodes, idle and
//! under load, with one of them dead, and on the embedded database (T25, T26). After each answer the other nodes are
//! asked: a wrong one would make the figure worthless.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};

use super::super::{
    Bench,
    client::Client,
    figures::{Report, Target, Unit, percentile},
    node::{Created, Demo, Launch, Node},
    pgbench,
    request::Request,
};
use keyward_testkit::pg::{Cluster, Durability};

/// How many revocations a round.
const REVOCATIONS: u32 = 200;
/// How often each node is asked about a key while it is under load, a second.
const ASKED: u32 = 1_000;
/// The lease, its guard and what an answer may take beside them, in milliseconds.
const WORST: f64 = 5_000.0 + 1_000.0 + 200.0;
/// How often a node dies.
const DEATHS: u32 = 5;
/// So many revocations in a row faster than this say that the dead node is forgotten.
const QUICK_IN_A_ROW: u32 = 30;
const QUICK: f64 = 500.0;
/// By then it must be: longer than a lease, its guard and the reaper's round.
const FORGOTTEN: Duration = Duration::from_secs(30);

pub(super) fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    let program = bench.programs.keyward();
    {
        println!("measuring on SQLite");
        let node = Node::start(&program, &Launch::default())?;
        let demo = node.demo()?;
        let (p50, p99) = rounds(bench, &node, &demo, &[])?;
        report.add("revoke until the 204, SQLite, p99", Target::AtMost(20.0), Unit::Milliseconds, p99);
        report.note("revoke until the 204, SQLite, p50", Unit::Milliseconds, p50);
    }
    let cluster = Cluster::start(Durability::Real)?;
    let database = pgbench::fresh_database(&cluster, "bench")?;
    let first = Node::start(&program, &Launch { database: Some(&database), ..Launch::default() })?;
    let (demo, master_key) = (first.demo()?, first.master_key());
    let launch = Launch { database: Some(&database), master_key: Some(&master_key), ..Launch::default() };
    let (second, third) = (Node::start(&program, &launch)?, Node::start(&program, &launch)?);
    println!("measuring with three nodes");
    let (p50, p99) = rounds(bench, &first, &demo, &[&second, &third])?;
    report.add("revoke with 3 nodes until the 204, p50", Target::AtMost(10.0), Unit::Milliseconds, p50);
    report.add("revoke with 3 nodes until the 204, p99", Target::AtMost(50.0), Unit::Milliseconds, p99);
    println!("measuring with three nodes under load");
    let ((p50, p99), asked) =
        under_load(&[&first, &second, &third], &demo, || rounds(bench, &first, &demo, &[&second, &third]))?;
    report.add("revoke with 3 nodes under load until the 204, p50", Target::AtMost(10.0), Unit::Milliseconds, p50);
    report.add("revoke with 3 nodes under load until the 204, p99", Target::AtMost(50.0), Unit::Milliseconds, p99);
    report.note("that load: verifications on the three nodes together", Unit::PerSecond, vec![asked]);
    drop(third);
    println!("measuring while nodes die");
    let (mut worst, mut forgotten) = (Vec::new(), Vec::new());
    for _ in 0..bench.effort.rounds.min(DEATHS) {
        let (longest, until_quick) = one_death(bench, &first, &second, &demo, &launch)?;
        worst.push(longest);
        forgotten.push(until_quick);
    }
    let name = "revoke while one of 3 nodes is dead, the longest";
    report.add(name, Target::Always(WORST), Unit::Milliseconds, worst);
    report.note("from a node's death until revocations are quick again", Unit::Milliseconds, forgotten);
    Ok(())
}

/// The middle and the slowest hundredth of each round.
fn rounds(bench: &Bench, node: &Node, demo: &Demo, others: &[&Node]) -> Result<(Vec<f64>, Vec<f64>)> {
    let (mut p50, mut p99) = (Vec::new(), Vec::new());
    for _ in 0..bench.effort.rounds {
        let mut keys = keys(node, demo, bench.effort.count(REVOCATIONS))?;
        let mut here = Client::connect(node.url())?;
        let mut elsewhere = Vec::new();
        for other in others {
            elsewhere.push((other.url(), Client::connect(other.url())?));
        }
        let mut took = Vec::new();
        while let Some(key) = keys.pop() {
            for (url, client) in &mut elsewhere {
                client.ask(&Request::get(url, "/v1/auth", 204).bearer(&key.value))?;
            }
            took.push(here.ask(&revocation(node, demo, &key))?.millis);
            for (url, client) in &mut elsewhere {
                client.ask(&Request::get(url, "/v1/auth", 401).bearer(&key.value))?;
            }
        }
        p50.push(percentile(&took, 50));
        p99.push(percentile(&took, 99));
    }
    Ok((p50, p99))
}

/// Does the work while every node is asked about a key of its own, evenly. Gives the rate of that, on all of them.
#[expect(clippy::disallowed_methods, reason = "measures; nothing of the service is decided by it")]
fn under_load<T>(nodes: &[&Node], demo: &Demo, work: impl FnOnce() -> Result<T>) -> Result<(T, f64)> {
    let (started, over) = (Instant::now(), AtomicBool::new(false));
    let every = Duration::from_secs(1) / ASKED;
    thread::scope(|scope| {
        let askers = nodes.iter().map(|node| {
            let over = &over;
            scope.spawn(move || {
                let mut client = Client::connect(node.url())?;
                let key = node.create_key(&mut client, demo, "asked about all the while")?;
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
        Ok((done?, all / started.elapsed().as_secs_f64()))
    })
}

/// A third node starts and dies; two others revoke all the while. The longest revocation, and how long it took until
/// they were quick again, in milliseconds.
#[expect(clippy::disallowed_methods, reason = "measures; nothing of the service is decided by it")]
fn one_death(bench: &Bench, first: &Node, second: &Node, demo: &Demo, launch: &Launch<'_>) -> Result<(f64, f64)> {
    let mut dying = Node::start(&bench.programs.keyward(), launch)?;
    let stocks = [keys(first, demo, 2_000)?, keys(first, demo, 2_000)?];
    let started = Instant::now();
    dying.running.kill();
    thread::scope(|scope| {
        let revokers = [first, second].into_iter().zip(stocks).map(|(node, keys)| {
            scope.spawn(move || {
                let mut client = Client::connect(node.url())?;
                let (mut longest, mut last_slow, mut quick) = (0.0_f64, 0.0_f64, 0);
                for key in keys {
                    let millis = client.ask(&revocation(node, demo, &key))?.millis;
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

fn keys(node: &Node, demo: &Demo, count: u32) -> Result<Vec<Created>> {
    let mut client = Client::connect(node.url())?;
    let keys = (0..count).map(|n| node.create_key(&mut client, demo, &format!("to revoke {n}")));
    keys.collect::<Result<_>>().context("cannot make keys to revoke")
}

fn revocation(node: &Node, demo: &Demo, key: &Created) -> Request {
    let path = format!("/v1/api-keys/{}", key.id);
    Request::new("DELETE", node.url(), &path, 204).bearer(&demo.platform_secret)
}
