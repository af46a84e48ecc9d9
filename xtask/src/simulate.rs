//! `cargo xtask simulate`: the seeded simulation of the revocation protocol over many seeds, in release mode.
//!
//! It only builds and starts it; what is simulated stands in `crates/verifier/tests/simulation`.

use anyhow::Result;

use keyward_testkit::run;

/// What CI runs (T5).
const SEEDS: &str = "5000";

/// Runs the simulation with these arguments; without a number of seeds, as many as CI does.
///
/// # Errors
/// When it cannot be built, or a seed breaks a promise.
pub fn run(arguments: &[&str]) -> Result<()> {
    let mut simulate = run::cargo();
    simulate.args(["run", "--release", "--locked", "--package", "keyward-verifier", "--example", "simulate", "--"]);
    simulate.args(arguments);
    if !arguments.contains(&"--seeds") {
        simulate.args(["--seeds", SEEDS]);
    }
    run::show(&mut simulate)
}
