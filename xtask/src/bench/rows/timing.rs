//! Whether the time of a refusal reveals its reason (T19): in the process, and [from outside](outside) for a client.

mod outside;

use anyhow::Result;
use serde_json::Value;

use super::{Bench, Report, Target, Unit};
use keyward_testkit::pg::{Cluster, Durability};

/// Refusals of each kind.
const TIMES: u32 = 200_000;
/// Maximum difference between two kinds, in nanoseconds.
const MOST: f64 = 1_000.0;

pub(super) fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    in_the_process(bench, report)?;
    outside::measure(bench, report, "SQLite", None)?;
    outside::measure(bench, report, "Postgres", Some(&Cluster::start(Durability::Real)?))
}

fn in_the_process(bench: &Bench, report: &mut Report) -> Result<()> {
    for _ in 0..bench.effort.rounds.min(3) {
        let mut greatest = 0.0_f64;
        for line in bench.programs.ask::<Value>("timing", &[&bench.effort.count(TIMES).to_string()])? {
            println!("{line}");
            greatest = greatest.max(line["difference"].as_f64().unwrap_or_default().abs());
        }
        let name = "unknown, revoked, expired, wrong secret: greatest difference of two means";
        report.add(name, Target::Always(MOST), Unit::Nanoseconds, greatest);
    }
    Ok(())
}
