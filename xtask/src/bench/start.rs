//! How long a start takes and how much memory an idle node holds.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result};

use super::{Effort, figures::Report, node};

pub(super) fn measure(program: &Path, effort: Effort, report: &mut Report) -> Result<()> {
    println!("measuring starts");
    let (mut empty, mut existing, mut memory) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..effort.rounds.max(3) {
        let folder = tempfile::tempdir_in("/var/tmp")?;
        let (took, running) = start(program, folder.path())?;
        empty.push(took);
        drop(running);
        let (took, running) = start(program, folder.path())?;
        existing.push(took);
        memory.push(resident_mib(running.id())?);
    }
    report.single("start to ready, empty directory", empty, "ms");
    report.single("start to ready, existing SQLite file", existing, "ms");
    report.single("idle memory (resident)", memory, "MiB");
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "measures; nothing is decided by it")]
fn start(program: &Path, folder: &Path) -> Result<(f64, node::Running)> {
    let before = Instant::now();
    let (running, _) = node::start(&mut node::command(program, folder, None))?;
    Ok((before.elapsed().as_secs_f64() * 1_000.0, running))
}

fn resident_mib(process: u32) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kib: f64 = line.split_whitespace().next().context("no figure")?.parse()?;
    Ok(kib / 1_024.0)
}
