//! `cargo xtask bench`: how fast the service is, as ratios to baselines measured in the same run.
//!
//! Absolute figures of a shared machine mean little; the two sides of a ratio alternate, so that both have the same
//! noise. A whole run at full length also writes the figures into `docs/performance.md`, whose prose is written by
//! hand. It is never part of the tests, and never asserts a figure; CI checks the count of instructions instead, which
//! has no noise ([`instructions`]).

mod document;
mod figures;
pub(crate) mod instructions;
mod machine;
mod node;
mod pgbench;
mod process;
mod programs;
mod request;
mod rows;
mod wrk;

use anyhow::{Result, ensure};

use figures::Report;
use programs::Programs;
use wrk::Wrk;

/// Connections of every load, on every side.
const CONNECTIONS: u32 = 16;

/// Build in release mode, measure the service against bare axum and pgbench, print the figures as Markdown and, after a
/// whole run, write them into docs/performance.md. Needs wrk and valgrind, and installs them on Debian
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// Short rounds on less data, to test the benchmark itself
    #[arg(long)]
    quick: bool,
    /// Ten million keys in the large database instead of one
    #[arg(long, conflicts_with = "quick")]
    big: bool,
    /// Only these rows
    #[arg(long, value_name = "ROW", value_delimiter = ',', value_parser = rows::names())]
    only: Vec<String>,
    /// Rounds of each figure; nothing is written to the page
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rounds: Option<u32>,
}

/// Duration and number of the measurements, and the amount of data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Effort {
    /// Number of values of each figure.
    rounds: u32,
    /// Seconds of load for each side of a ratio.
    seconds: u32,
    /// Seconds of the one long load.
    long: u32,
    /// Divides everything that is counted rather than timed.
    part: u32,
    /// Number of keys in the large database.
    many_keys: u64,
    /// Whether the figures are written to the page.
    is_whole: bool,
}

impl From<&Options> for Effort {
    fn from(options: &Options) -> Self {
        let whole = Self { rounds: 7, seconds: 4, long: 60, part: 1, many_keys: 1_000_000, is_whole: true };
        let effort = match options {
            Options { quick: true, .. } => {
                Self { rounds: 1, seconds: 1, long: 2, part: 20, many_keys: 100_000, is_whole: false }
            }
            Options { big: true, .. } => Self { many_keys: 10_000_000, ..whole },
            Options { .. } => whole,
        };
        // The page states the number of rounds.
        options.rounds.map_or(effort, |rounds| Self { rounds, is_whole: false, ..effort })
    }
}

impl Effort {
    /// This number, or a part of it in a quick run; at least 1.
    fn count(&self, whole: u32) -> u32 {
        (whole / self.part).max(1)
    }
}

/// What every row needs.
struct Bench {
    effort: Effort,
    programs: Programs,
    wrk: Wrk,
}

/// Builds in release mode, measures, prints Markdown, and writes it to the page after a whole run. A figure that was
/// not measured keeps its line there, and a row that cannot be measured does not stop the others.
pub(crate) fn run(options: &Options) -> Result<()> {
    let wrk = wrk::find_or_install()?;
    let bench = Bench { programs: programs::build()?, wrk, effort: Effort::from(options) };
    let mut report = Report::default();
    let mut failed = Vec::new();
    let is_wanted = |name: &str| options.only.is_empty() || options.only.iter().any(|only| only == name);
    for (name, measure) in rows::ALL.iter().filter(|(name, _)| is_wanted(name)) {
        println!("\n== {name}");
        let mut row = Report::default();
        match measure(&bench, &mut row) {
            Ok(()) => report.append(row),
            Err(error) => {
                println!("== {name}: NOT MEASURED: {error:#}");
                failed.push(*name);
            }
        }
    }
    let machine = machine::describe(&bench.effort);
    println!("\n{machine}\n\n{report}");
    if bench.effort.is_whole {
        document::write(&machine, &report)?;
        println!("Written to {}.", document::PATH);
    } else {
        println!("Not a whole run: nothing was written.");
    }
    ensure!(failed.is_empty(), "could not be measured: {}", failed.join(", "));
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    fn effort(words: &[&str]) -> Option<Effort> {
        let line = Line::try_parse_from([&["bench"], words].concat()).ok()?;
        Some(Effort::from(&line.options))
    }

    #[test]
    fn a_quick_run_is_smaller_and_is_not_written() {
        let quick = effort(&["--quick", "--only", "memory,start"]).unwrap();
        assert_eq!((quick.rounds, quick.count(100), quick.count(10), quick.is_whole), (1, 5, 1, false));
        assert!(effort(&["--big"]).unwrap().is_whole && !effort(&["--rounds", "9"]).unwrap().is_whole);
    }

    #[test]
    fn unknown_options_and_rows_are_refused() {
        for words in [&["--fast"][..], &["--rounds", "0"], &["--only"], &["--only", "nothing"]] {
            assert!(effort(words).is_none(), "{words:?}");
        }
    }
}
