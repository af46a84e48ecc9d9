//! `cargo xtask simulate`: the seeded simulation of the revocation protocol over many seeds, in release mode.
//!
//! It only builds and starts it; the simulation is in `crates/verifier/tests/simulation`.

use anyhow::Result;

use keyward_testkit::run;

/// Run the revocation protocol in a seeded simulation, in release mode; without one of its rules, it has to find a seed
/// that breaks the promise
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// Number of seeds
    #[arg(long, value_name = "N", default_value_t = 5_000)]
    seeds: u64,
    /// The first of them
    #[arg(long, value_name = "S", default_value_t = 0)]
    first_seed: u64,
    /// Turn this rule off, and stop at the first seed that detects it
    #[arg(long, value_name = "RULE")]
    without: Option<String>,
    /// Print the log of the first seed that breaks a promise
    #[arg(long)]
    show: bool,
}

/// Runs the simulation.
pub(crate) fn run(options: &Options) -> Result<()> {
    let mut simulate = run::cargo();
    simulate.args(["run", "--release", "--locked", "--package", "keyward-verifier", "--example", "simulate", "--"]);
    simulate.args(["--seeds", &options.seeds.to_string(), "--first-seed", &options.first_seed.to_string()]);
    simulate.args(options.without.iter().flat_map(|rule| ["--without", rule]));
    simulate.args(options.show.then_some("--show"));
    run::show(&mut simulate)
}
