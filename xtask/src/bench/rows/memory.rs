//! What a remembered key takes: as the kernel sees it, and as the memory counts it.

use anyhow::{Context as _, Result};

use super::super::{
    Bench,
    figures::{Report, Target, Unit},
};

/// How many keys are remembered.
const KEYS: u32 = 1_000_000;
/// The most that a key may take, in bytes.
const MOST: f64 = 256.0;

pub(super) fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    let keys = bench.effort.count(KEYS).to_string();
    for (per_account, target) in [("1000", Target::AtMost(MOST)), ("10", Target::None)] {
        let (mut resident, mut counted) = (Vec::new(), Vec::new());
        for _ in 0..bench.effort.rounds.min(3) {
            let said = bench.programs.ask("cached-keys", &[&keys, per_account])?;
            let bytes = |name: &str| -> Result<f64> {
                let found = said.iter().find(|(word, _)| word == name).with_context(|| format!("no {name}"))?;
                Ok(found.1.parse()?)
            };
            resident.push(bytes("resident")?);
            counted.push(bytes("counted")?);
        }
        let name = |how| format!("a cached key, {how}, {per_account} keys a merchant");
        report.add(name("memory of the process"), target, Unit::Bytes, resident);
        report.note(name("as the capacity counts it"), Unit::Bytes, counted);
    }
    Ok(())
}
