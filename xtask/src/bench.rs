//! `cargo xtask bench`: how fast the service is, as ratios to yardsticks measured in the same run.
//!
//! Absolute figures of a shared machine mean little; the two sides of a ratio take turns, so that both feel the same
//! noise. A whole run at full length also writes the figures into `docs/performance.md`, whose prose is written by
//! hand. Never part of the tests, and never asserts a figure; what CI holds is the count of instructions, which no
//! noise touches ([`instructions`]).

mod client;
mod costs;
mod document;
mod figures;
pub mod instructions;
mod machine;
mod node;
mod pgbench;
mod process;
mod programs;
mod request;
mod rows;
mod wrk;

use anyhow::{Context as _, Result, bail, ensure};

use figures::Report;
use programs::Programs;
use wrk::Wrk;

/// Connections of every load, on every side.
const CONNECTIONS: u32 = 16;

/// How long and how often each side of a ratio is measured, and on how much.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effort {
    /// How often each figure is taken.
    rounds: u32,
    /// How long each side of a ratio is under load, in seconds.
    seconds: u32,
    /// How long the one long load lasts, in seconds.
    long: u32,
    /// By how much smaller everything is that is counted rather than timed.
    part: u32,
    /// How many keys the large database holds.
    many_keys: u64,
    /// Only these rows; all of them if empty.
    only: Vec<String>,
    /// Whether the figures go onto the page.
    written: bool,
}

impl Effort {
    /// Reads the words after `bench`: `--quick`, `--big`, `--only ROW,ROW`, `--rounds N`.
    ///
    /// # Errors
    /// When there is any other word, no such row, or no such number.
    pub fn parse(words: &[&str]) -> Result<Self> {
        let mut effort =
            Self { rounds: 7, seconds: 4, long: 60, part: 1, many_keys: 1_000_000, only: Vec::new(), written: true };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match *word {
                "--quick" => {
                    effort =
                        Self { rounds: 1, seconds: 1, long: 2, part: 20, many_keys: 100_000, written: false, ..effort };
                }
                "--big" => effort.many_keys = 10_000_000,
                "--only" => {
                    let names = words.next().context("`--only` needs the names of rows, separated by commas")?;
                    effort.only = names.split(',').map(str::to_owned).collect();
                }
                // Fewer rounds than the page says of its figures are not written there.
                "--rounds" => {
                    let number = words.next().and_then(|number| number.parse().ok()).filter(|number| *number > 0);
                    effort.rounds = number.context("`--rounds` needs a number, at least 1")?;
                    effort.written = false;
                }
                other => bail!("`bench` takes --quick, --big, --only and --rounds, not `{other}`"),
            }
        }
        for name in &effort.only {
            let known: Vec<&str> = rows::ALL.iter().map(|(name, _)| *name).collect();
            ensure!(known.contains(&name.as_str()), "no such row: {name}; there are {}", known.join(", "));
        }
        Ok(effort)
    }

    /// This many, or the part of it that a quick run takes; one at the least.
    fn count(&self, whole: u32) -> u32 {
        (whole / self.part).max(1)
    }

    fn wants(&self, row: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == row)
    }
}

/// What every row is handed.
struct Bench {
    effort: Effort,
    programs: Programs,
    wrk: Wrk,
}

/// Builds what it needs in release mode, measures, prints Markdown, and writes it down if it was a whole run. What was
/// not measured keeps its line on the page.
///
/// # Errors
/// When something cannot be built, started or measured, or an answer under load was not the expected one. What could be
/// measured is printed all the same.
pub fn run(effort: &Effort) -> Result<()> {
    let wrk = wrk::find_or_install()?;
    let bench = Bench { programs: programs::build()?, wrk, effort: effort.clone() };
    let mut report = Report::default();
    let mut failed = Vec::new();
    for (name, measure) in rows::ALL.iter().filter(|(name, _)| effort.wants(name)) {
        println!("\n== {name}");
        if let Err(error) = measure(&bench, &mut report).with_context(|| format!("row {name}")) {
            println!("== {name}: NOT MEASURED: {error:#}");
            failed.push(*name);
        }
    }
    let machine = machine::describe(effort);
    println!("\n{machine}\n\n{report}");
    if effort.written {
        document::write(&machine, &report)?;
        println!("Written to {}.", document::PATH);
    } else {
        println!("Not a whole run: nothing was written down.");
    }
    ensure!(failed.is_empty(), "could not be measured: {}", failed.join(", "));
    Ok(())
}

#[cfg(test)]
mod tests {
    //! What may be asked for.
    use super::*;

    #[test]
    fn a_quick_run_is_smaller_whatever_else_is_asked_for() {
        let quick = Effort::parse(&["--big", "--quick", "--only", "memory,start"]).unwrap();
        assert_eq!((quick.rounds, quick.count(100), quick.count(10)), (1, 5, 1));
        assert!(quick.wants("memory") && quick.wants("start") && !quick.wants("http"));
        assert!(Effort::parse(&[]).unwrap().wants("http"));
    }

    #[test]
    fn what_is_not_there_is_refused() {
        for words in [&["--fast"][..], &["--rounds", "0"], &["--only"], &["--only", "nothing"]] {
            assert!(Effort::parse(words).is_err(), "{words:?}");
        }
    }
}
