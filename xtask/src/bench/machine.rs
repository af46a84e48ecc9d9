//! The machine of the figures, in words.

use std::fs;
use std::process::Command;
use std::thread;

use super::{CONNECTIONS, Effort};
use keyward_testkit::run;

/// The machine, the programs and the effort, as a sentence each.
pub(super) fn describe(effort: &Effort) -> String {
    let first = |path: &str, start: &str| {
        let text = fs::read_to_string(path).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix(start))?;
        Some(line.trim_start_matches([' ', '\t', ':', '=']).trim_matches('"').to_owned())
    };
    let printed = |program: &str, argument: &str| {
        let text = run::capture(Command::new(program).arg(argument)).ok()?;
        text.lines().next().map(str::to_owned)
    };
    let unknown = || "unknown".to_owned();
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let processor = first("/proc/cpuinfo", "model name").unwrap_or_else(unknown);
    let system = first("/etc/os-release", "PRETTY_NAME").unwrap_or_else(unknown);
    let kernel = printed("uname", "-sr").unwrap_or_else(unknown);
    let compiler = printed("rustc", "--version").unwrap_or_else(unknown);
    let Effort { rounds, seconds, .. } = effort;
    format!(
        "{cores} cores ({processor}), {system}, {kernel}, {compiler}. Load generator, service and database share the \
         cores.\nEach ratio: {rounds} rounds of {seconds} s a side in turns, {CONNECTIONS} connections."
    )
}
