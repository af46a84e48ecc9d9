//! `cargo xtask instructions`: the instructions of each step of a cached verification, counted by valgrind.
//!
//! A count is the same on a busy machine and on an idle one, so it can fail CI: growth by more than 5 % over the
//! accepted count needs a reason, and `--accept` with that reason in the commit. Only counts of the same compiler and
//! target are compared; without valgrind, or with another compiler, it reports that nothing was checked.

mod profile;

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use clap::builder::PossibleValuesParser;
use serde::{Deserialize, Serialize};

use super::figures::{Report, Unit};
use super::{Bench, programs, programs::Programs};
use keyward_testkit::{run, tools};
use profile::Profile;

/// The steps, as `benches/src/bin/instructions.rs` knows them.
const CASES: &[&str] = &[
    "parse",
    "prove",
    "judge",
    "check",
    "look-up",
    "auth",
    "auth-refused",
    "verify",
    "verify-refused",
    "verify-by-token",
    "bare",
];
/// Repetitions of each step; the count is that of one.
const TIMES: u32 = 500;
/// Growth of a count that is accepted, in percent.
const MOST_GROWTH: u64 = 5;
/// Functions that are not counted: a processor has special instructions for them, or the library selects a routine by
/// processor, so the count on valgrind's plain processor means nothing.
const CRYPTOGRAPHY: &[&str] = &["sha2::", "aws_lc_", "Ledwards25519_"];

/// The path of the accepted counts in the workspace.
const ACCEPTED: &str = "benches/instructions.json";

/// Count the instructions of a cached verification and compare them with benches/instructions.json; part of `test`
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Options {
    /// Write the counts to that file instead
    #[arg(long)]
    accept: bool,
    /// Print the functions that one step spends its instructions in instead
    #[arg(long, value_name = "CASE", conflicts_with = "accept", value_parser = PossibleValuesParser::new(CASES))]
    profile: Option<String>,
}

/// The accepted counts, and their compiler.
#[derive(Deserialize, Serialize)]
struct Accepted {
    compiler: String,
    counts: BTreeMap<String, u64>,
}

/// Counts, compares, and reports what grew.
pub(crate) fn run(options: &Options) -> Result<()> {
    if let Some(case) = &options.profile {
        let profile = profile(&programs()?, case)?;
        println!("{} instructions for each {case}, of these:", profile.count(TIMES, CRYPTOGRAPHY));
        profile.busiest(TIMES).iter().take(50).for_each(|(count, name)| println!("{count:>8}  {name}"));
        return Ok(());
    }
    if options.accept {
        let counts = count(&programs()?)?.into_iter().map(|(case, count)| (case.to_owned(), count)).collect();
        let text = serde_json::to_string_pretty(&Accepted { compiler: compiler()?, counts })? + "\n";
        fs::write(run::workspace_root().join(ACCEPTED), text).with_context(|| format!("cannot write {ACCEPTED}"))?;
        println!("Written to {ACCEPTED}; give the reason for any growth in the commit.");
        return Ok(());
    }
    check()
}

/// The row of the table.
pub(super) fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
    for (case, count) in count(&bench.programs)? {
        report.note(format!("instructions: {case}"), Unit::Count, count as f64);
    }
    Ok(())
}

fn check() -> Result<()> {
    if let Err(error) = tools::find_or_install("valgrind", "valgrind") {
        println!("NOT CHECKED: instruction counts; {error:#}");
        return Ok(());
    }
    let text = fs::read_to_string(run::workspace_root().join(ACCEPTED));
    let text = text.with_context(|| format!("cannot read {ACCEPTED}"))?;
    let accepted: Accepted = serde_json::from_str(&text)
        .with_context(|| format!("{ACCEPTED} is not valid: `cargo xtask instructions --accept` writes it again"))?;
    let compiler = compiler()?;
    if accepted.compiler != compiler {
        let Accepted { compiler: other, .. } = accepted;
        println!("NOT CHECKED: instruction counts; they were accepted with {other}, and this is {compiler}");
        return Ok(());
    }
    let mut grown = Vec::new();
    for (case, count) in count(&programs()?)? {
        let before = accepted.counts.get(case);
        let before = *before
            .with_context(|| format!("no count was accepted for {case}: `cargo xtask instructions --accept`"))?;
        println!("{case:>16}: {count:>6} instructions, accepted {before:>6}");
        if has_grown(before, count) {
            grown.push(case);
        }
    }
    ensure!(
        grown.is_empty(),
        "more than {MOST_GROWTH} % more instructions in {}: `cargo xtask instructions --profile CASE` shows where; if \
         there is a reason, `cargo xtask instructions --accept`, and give the reason in the commit",
        grown.join(", ")
    );
    Ok(())
}

/// Whether a count exceeds the accepted one by more than the margin.
const fn has_grown(accepted: u64, counted: u64) -> bool {
    counted * 100 > accepted * (100 + MOST_GROWTH)
}

fn programs() -> Result<Programs> {
    println!("building in release mode (takes minutes the first time)");
    programs::build_benches(&["--bin", "instructions"])
}

/// The count of each step.
fn count(programs: &Programs) -> Result<Vec<(&'static str, u64)>> {
    CASES.iter().map(|case| Ok((*case, profile(programs, case)?.count(TIMES, CRYPTOGRAPHY)))).collect()
}

fn profile(programs: &Programs, case: &str) -> Result<Profile> {
    let valgrind = tools::find_or_install("valgrind", "valgrind")?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("profile");
    // Only instructions inside that function are counted.
    let options = ["--tool=callgrind", "--quiet", "--toggle-collect=*counted*", "--compress-strings=no"];
    let mut command = Command::new(valgrind);
    command.args(options).arg(format!("--callgrind-out-file={}", file.display()));
    run::capture(command.arg(programs.path("instructions")).args([case, &TIMES.to_string()]))?;
    Profile::read(&fs::read_to_string(file).context("valgrind wrote no profile")?)
}

/// The compiler and the target, in a line.
fn compiler() -> Result<String> {
    let version = run::capture(Command::new("rustc").arg("-vV"))?;
    let field = |name| version.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    Ok(format!("rustc {} for {}", field("release: "), field("host: ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_by_five_percent_is_accepted_and_more_is_not() {
        assert!(!has_grown(1_000, 1_050) && has_grown(1_000, 1_051) && !has_grown(1_000, 10));
    }
}
