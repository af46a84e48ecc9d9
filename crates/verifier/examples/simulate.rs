//! Runs the simulation over any number of seeds; `cargo xtask simulate` builds and runs it.
//!
//! `--seeds N` and `--first-seed S` select the seeds. `--without RULE` turns a rule off and stops at the first seed
//! that detects it. `--show` prints the log of the first seed that breaks a promise. Exits with failure if a seed
//! breaks a promise.

use std::process::ExitCode;

use keyward_verifier::protocol::Rules;

#[path = "../tests/simulation/main.rs"]
mod simulation;

use simulation::sim;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let after = |name: &str| words.iter().position(|word| word == name).and_then(|at| words.get(at + 1));
    let number = |name, other| after(name).and_then(|word| word.parse().ok()).unwrap_or(other);
    let (first, seeds) = (number("--first-seed", 0), number("--seeds", 300));
    let without = after("--without");
    let rules = match without {
        Some(name) => sim::MUTANTS.iter().find(|mutant| mutant.name == name).map(|mutant| mutant.rules),
        None => Some(Rules::ALL),
    };
    let Some(rules) = rules else {
        eprintln!("no such rule; there are: {}", sim::MUTANTS.map(|mutant| mutant.name).join(", "));
        return ExitCode::FAILURE;
    };
    let sum = sim::run_all(first..first + seeds, rules, without.is_some());
    println!("{} seeds from {first}", sum.seeds);
    for (what, times) in &sum.counts {
        println!("{times:>12}  {what}");
    }
    println!("{:>12}  seeds that broke a promise", sum.broken.len());
    for (seed, (plan, breaches)) in &sum.broken {
        println!("seed {seed} ({plan}):");
        for breach in breaches.iter().take(5) {
            println!("    {breach}");
        }
    }
    if let Some(seed) = sum.broken.keys().next().filter(|_| words.iter().any(|word| word == "--show")) {
        for (mark, record) in sim::run(*seed, rules).history.records.iter().enumerate() {
            println!("{mark}: {record:?}");
        }
    }
    match (without, sum.broken.is_empty()) {
        (None, true) | (Some(_), false) => ExitCode::SUCCESS,
        (None, false) | (Some(_), true) => ExitCode::FAILURE,
    }
}
