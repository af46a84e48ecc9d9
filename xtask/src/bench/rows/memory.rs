//! The size of a remembered key: for the kernel, and as the memory counts it.

use anyhow::{Context as _, Result};
use serde::Deserialize;

use super::{Bench, Report, Target, Unit};

/// Number of keys in memory.
const KEYS: u32 = 1_000_000;
/// Room for all of them, a quarter of it for accounts, and little more: reserved tables would count.
const ROOM_A_KEY: u64 = 352;
/// Maximum size of a key, in bytes.
const MOST: f64 = 256.0;
/// The memory of a node by default, in bytes.
const DEFAULT_ROOM: u64 = 256 * 1_024 * 1_024;

pub(super) fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    let keys = bench.effort.count(KEYS);
    let roomy = u64::from(keys) * ROOM_A_KEY;
    for (per_account, target) in [("1000", Target::AtMost(MOST)), ("10", Target::None)] {
        let name = |how| format!("a cached key, {how}, {per_account} keys a merchant");
        for _ in 0..bench.effort.rounds.min(3) {
            let filled = fill(bench, keys, per_account, roomy)?;
            report.add(name("memory of the process"), target, Unit::Bytes, filled.resident);
            report.note(name("as the capacity counts it"), Unit::Bytes, filled.counted);
        }
    }
    // More keys than fit: the growth of a node that has a limit.
    let room = DEFAULT_ROOM / u64::from(bench.effort.part);
    let full = fill(bench, keys * 3, "1000", room)?;
    let name = format!("the memory of {} MiB when it is full", room / 1_024 / 1_024);
    report.note(name, Unit::Mebibytes, full.grown / 1_024.0 / 1_024.0);
    Ok(())
}

/// Bytes that a run measured: of the process and as the memory counts them for each key, and by how much it grew.
#[derive(Deserialize)]
struct Filled {
    resident: f64,
    counted: f64,
    grown: f64,
}

fn fill(bench: &Bench, keys: u32, per_account: &str, room: u64) -> Result<Filled> {
    let filled = bench.programs.ask("cached-keys", &[&keys.to_string(), per_account, &room.to_string()])?;
    filled.into_iter().next().context("cached-keys printed nothing")
}
