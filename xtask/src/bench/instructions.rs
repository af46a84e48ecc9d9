//! `cargo xtask instructions`: how many instructions the steps of a cached verification take, counted by valgrind.
//!
//! The same on a busy machine and on an idle one, so it can fail CI: what grew by more than 5 % since the counts were
//! accepted needs a reason, and `--accept` with that reason in the commit. Counts are compared with those of the same
//! compiler and target only; where there is no valgrind, or another compiler, nothing is checked, and that is said.

mod accepted;
mod profile;

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use clap::builder::PossibleValuesParser;

use super::{
    Bench,
    figures::{Report, Unit},
    programs::{self, Programs},
};
use accepted::Accepted;
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
/// How often each is repeated; the count is that of one.
const TIMES: u32 = 500;
/// By how much a count may grow unnoticed, in percent.
const MOST_GROWTH: u64 = 5;
/// The functions that are not counted: a processor has instructions of its own for them, or the library picks another
/// routine on each kind, so the count on valgrind's plain processor means nothing.
const CRYPTOGRAPHY: &[&str] = &["sha2::", "aws_lc_", "Ledwards25519_"];

/// Count the instructions of a cached verification and compare them with benches/instructions.txt; part of `test`
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Options {
    /// Write the counts to that file instead
    #[arg(long)]
    accept: bool,
    /// Print the functions that one step spends its instructions in instead
    #[arg(long, value_name = "CASE", conflicts_with = "accept", value_parser = PossibleValuesParser::new(CASES))]
    profile: Option<String>,
}

/// Counts, compares, and reports what grew.
///
/// # Errors
/// When something grew, or cannot be built or run.
pub fn run(options: &Options) -> Result<()> {
    if let Some(case) = &options.profile {
        let profile = profile(&programs()?, case)?;
        println!("{} instructions for each {case}, of these:", profile.count(TIMES, CRYPTOGRAPHY));
        profile.busiest(TIMES).iter().take(50).for_each(|(count, name)| println!("{count:>8}  {name}"));
        return Ok(());
    }
    if options.accept {
        accepted::write(&Accepted { compiler: compiler()?, counts: count(&programs()?)? })?;
        println!("Written to {}; explain in the commit why what grew had to grow.", accepted::PATH);
        return Ok(());
    }
    check()
}

/// The row of the table.
pub(super) fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    tools::find_or_install("valgrind", "valgrind")?;
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
    let (accepted, compiler) = (accepted::read()?, compiler()?);
    if accepted.compiler != compiler {
        println!(
            "NOT CHECKED: instruction counts; they were accepted with {}, and this is {compiler}",
            accepted.compiler
        );
        return Ok(());
    }
    let counted = count(&programs()?)?;
    let mut grown = Vec::new();
    for (case, count) in &counted {
        let before = accepted.counts.iter().find(|(name, _)| name == case).map(|(_, count)| *count);
        let before =
            before.with_context(|| format!("no count was accepted for {case}: `cargo xtask instructions --accept`"))?;
        println!("{case:>16}: {count:>6} instructions, accepted {before:>6}");
        if accepted::has_grown(before, *count, MOST_GROWTH) {
            grown.push(case.as_str());
        }
    }
    ensure!(
        grown.is_empty(),
        "more than {MOST_GROWTH} % more instructions in {}: `cargo xtask instructions --profile CASE` says where; if there is a reason, \
         `cargo xtask instructions --accept` and say it in the commit",
        grown.join(", ")
    );
    Ok(())
}

fn programs() -> Result<Programs> {
    println!("building in release mode (takes minutes the first time)");
    programs::build_benches(&["--bin", "instructions"])
}

/// The count of each step.
fn count(programs: &Programs) -> Result<Vec<(String, u64)>> {
    let each = CASES.iter().map(|case| Ok(((*case).to_owned(), profile(programs, case)?.count(TIMES, CRYPTOGRAPHY))));
    each.collect()
}

fn profile(programs: &Programs, case: &str) -> Result<Profile> {
    let valgrind = tools::find_or_install("valgrind", "valgrind")?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("profile");
    // Only what happens inside that function is counted.
    let options = ["--tool=callgrind", "--quiet", "--toggle-collect=*counted*", "--compress-strings=no"];
    let mut command = Command::new(valgrind);
    command.args(options).arg(format!("--callgrind-out-file={}", file.display()));
    run::capture(command.arg(programs.path("instructions")).args([case, &TIMES.to_string()]))?;
    read(&file)
}

fn read(file: &Path) -> Result<Profile> {
    Profile::read(&std::fs::read_to_string(file).context("valgrind wrote no profile")?)
}

/// The compiler and the target, in a line.
fn compiler() -> Result<String> {
    let said = run::capture(Command::new("rustc").arg("-vV"))?;
    let field = |name| said.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    Ok(format!("rustc {} for {}", field("release: "), field("host: ")))
}
