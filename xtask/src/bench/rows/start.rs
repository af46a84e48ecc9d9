//! How long a start takes and how much memory an idle node holds.

use std::path::Path;
use std::time::Instant;

use anyhow::Result;

use super::super::{
    Bench,
    figures::{Report, Target, Unit},
    node::{Launch, command, data_folder},
    process::Running,
};

/// A figure of so few milliseconds is taken often: a start is over before the noise is.
const MORE_OFTEN: u32 = 3;

pub(super) fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    let program = bench.programs.keyward();
    let (mut empty, mut existing, mut memory) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..bench.effort.rounds * MORE_OFTEN {
        let folder = data_folder()?;
        let (took, running) = start(&program, folder.path())?;
        empty.push(took);
        drop(running);
        let (took, running) = start(&program, folder.path())?;
        existing.push(took);
        memory.push(running.resident_mib()?);
    }
    report.add("start to ready, existing SQLite file", Target::AtMost(150.0), Unit::Milliseconds, existing);
    report.add("idle memory (resident), SQLite", Target::AtMost(40.0), Unit::Mebibytes, memory);
    report.note("start to ready, empty directory", Unit::Milliseconds, empty);
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "measures; nothing is decided by it")]
fn start(program: &Path, folder: &Path) -> Result<(f64, Running)> {
    let before = Instant::now();
    let (running, _) = Running::start(&mut command(program, folder, &Launch::default()))?;
    Ok((before.elapsed().as_secs_f64() * 1_000.0, running))
}
