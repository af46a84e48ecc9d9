//! Whether the time of a refusal shows its reason (T19): in the process, and from outside as a client sees it.

use std::fmt::Write as _;

use anyhow::{Context as _, Result};

use super::super::{
    Bench,
    client::Client,
    figures::{Report, Target, Unit, percentile},
    node::{Launch, Node},
    pgbench,
    request::Request,
};
use crate::pg::{Cluster, Durability};

/// How many refusals of each kind.
const TIMES: u32 = 200_000;
/// The greatest difference between two kinds, in nanoseconds.
const MOST: f64 = 1_000.0;

/// How many refusals of each kind from outside.
const OUTSIDE: u32 = 4_000;
/// What is refused. Each key is asked about once, so none is in memory but those that were asked for before.
const KINDS: [&str; 4] = ["unknown", "unknown as well", "wrong secret", "wrong secret of a revoked key"];

pub(super) fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    in_the_process(bench, report)?;
    // No source is held back for guessing here.
    let settings = [("KEYWARD_FAILED_ATTEMPTS_PER_MINUTE", "1000000")];
    let launch = Launch { settings: &settings, ..Launch::default() };
    from_outside(bench, report, "SQLite", &launch)?;
    let cluster = Cluster::start(Durability::Real)?;
    let database = pgbench::fresh_database(&cluster, "bench")?;
    from_outside(bench, report, "Postgres", &Launch { database: Some(&database), ..launch })
}

/// Asks about keys of each kind in turns. Two kinds are the same, so that their difference is the noise.
fn from_outside(bench: &Bench, report: &mut Report, on: &str, launch: &Launch<'_>) -> Result<()> {
    println!("refusals from outside, {on}");
    let (mut greatest, mut noise) = (Vec::new(), Vec::new());
    for _ in 0..bench.effort.rounds {
        let node = Node::start(&bench.programs.keyward(), launch)?;
        let medians = medians(bench, &node)?;
        println!("{:?}", KINDS.iter().zip(medians).collect::<Vec<_>>());
        let of_unknown = medians[0].midpoint(medians[1]);
        greatest.push(medians[2..].iter().map(|median| (median - of_unknown).abs()).fold(0.0, f64::max));
        noise.push((medians[0] - medians[1]).abs());
    }
    let name = format!("from outside, {on}: greatest difference of an unknown key's median to another refusal's");
    report.note(name, Unit::Microseconds, greatest);
    report.note(
        format!("from outside, {on}: the same between two halves of the unknown keys"),
        Unit::Microseconds,
        noise,
    );
    Ok(())
}

/// The median of each kind, in microseconds.
fn medians(bench: &Bench, node: &Node) -> Result<[f64; 4]> {
    let (demo, mut client) = (node.demo()?, Client::connect(node.url())?);
    let count = bench.effort.count(OUTSIDE);
    let mut values = String::new();
    for n in 0..2 * count {
        let key = node.create_key(&mut client, &demo, &format!("key {n}"))?;
        writeln!(values, "{}", key.value)?;
        // Every other one is revoked.
        if n % 2 == 1 {
            let path = format!("/v1/api-keys/{}", key.id);
            client.ask(&Request::new("DELETE", node.url(), &path, 204).bearer(&demo.platform_secret))?;
        }
    }
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("values");
    std::fs::write(&file, values)?;
    let made = bench.programs.ask("impostors", &[file.to_str().context("the folder is no text")?])?;
    let of = |word: &str| made.iter().filter(|(kind, _)| kind == word).map(|(_, value)| value).collect::<Vec<_>>();
    let (wrong, unknown) = (of("wrong"), of("unknown"));
    let mut taken: [Vec<f64>; 4] = Default::default();
    for (n, (wrong, unknown)) in wrong.chunks_exact(2).zip(unknown.chunks_exact(2)).enumerate() {
        let values = [unknown[0], unknown[1], wrong[0], wrong[1]];
        // Each kind is asked about first as often as last.
        for kind in (0..KINDS.len()).map(|step| (step + n) % KINDS.len()) {
            let answer = client.ask(&Request::get(node.url(), "/v1/auth", 401).bearer(values[kind]))?;
            taken[kind].push(answer.millis * 1_000.0);
        }
    }
    Ok(taken.map(|taken| percentile(&taken, 50)))
}

fn in_the_process(bench: &Bench, report: &mut Report) -> Result<()> {
    let mut greatest = Vec::new();
    for _ in 0..bench.effort.rounds.min(3) {
        let said = bench.programs.ask("timing", &[&bench.effort.count(TIMES).to_string()])?;
        let mut of_this_round = 0.0_f64;
        for (word, rest) in said {
            println!("{word} {rest}");
            if word == "difference" {
                let nanos = rest.split(' ').next().context("no figure")?;
                of_this_round = of_this_round.max(nanos.parse::<f64>()?.abs());
            }
        }
        greatest.push(of_this_round);
    }
    let name = "unknown, revoked, expired, wrong secret: greatest difference of two means";
    report.add(name, Target::Always(MOST), Unit::Nanoseconds, greatest);
    Ok(())
}
