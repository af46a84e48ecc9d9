//! The time of a start, and the memory of an idle node.

use std::path::Path;
use std::time::Instant;

use anyhow::Result;

use super::{Bench, Report, Target, Unit};
use crate::bench::node::{data_folder, program};
use crate::bench::process::resident_mib;
use keyward_testkit::program::Server;

/// More rounds for a figure of a few milliseconds: a start ends before the noise does.
const MORE_OFTEN: u32 = 3;

pub(super) fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    for _ in 0..bench.effort.rounds * MORE_OFTEN {
        let folder = data_folder()?;
        let (took, _) = start(bench, folder.path())?;
        report.note("start to ready, empty directory", Unit::Milliseconds, took);
        let (took, server) = start(bench, folder.path())?;
        report.add("start to ready, existing SQLite file", Target::AtMost(150.0), Unit::Milliseconds, took);
        let memory = resident_mib(&server.process)?;
        report.add("idle memory (resident), SQLite", Target::AtMost(40.0), Unit::Mebibytes, memory);
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "measures; no decision depends on it")]
fn start(bench: &Bench, folder: &Path) -> Result<(f64, Server)> {
    let before = Instant::now();
    let server = program(bench, folder).serve()?;
    Ok((before.elapsed().as_secs_f64() * 1_000.0, server))
}
