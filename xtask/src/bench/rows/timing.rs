//! Whether the time of a refusal shows its reason (T19): in the process, and [from outside](outside) as a client sees
//! it.

mod outside;

use anyhow::{Context as _, Result};

use super::{Bench, Report, Target, Unit};
use keyward_testkit::pg::{Cluster, Durability};

/// Refusals of each kind.
const TIMES: u32 = 200_000;
/// The greatest difference between two kinds, in nanoseconds.
const MOST: f64 = 1_000.0;

pub(super) fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    in_the_process(bench, report)?;
    outside::measure(bench, report, "SQLite", None)?;
    outside::measure(bench, report, "Postgres", Some(&Cluster::start(Durability::Real)?))
}

fn in_the_process(bench: &Bench, report: &mut Report) -> Result<()> {
    for _ in 0..bench.effort.rounds.min(3) {
        let mut greatest = 0.0_f64;
        for (word, rest) in bench.programs.ask("timing", &[&bench.effort.count(TIMES).to_string()])? {
            println!("{word} {rest}");
            if word == "difference" {
                let nanos = rest.split(' ').next().context("no figure")?;
                greatest = greatest.max(nanos.parse::<f64>()?.abs());
            }
        }
        let name = "unknown, revoked, expired, wrong secret: greatest difference of two means";
        report.add(name, Target::Always(MOST), Unit::Nanoseconds, greatest);
    }
    Ok(())
}
