//! `cargo xtask check`: the checks that a change must pass before review.
//!
//! It stops at the first step that fails and names the command to run. It never changes a file, and never needs a tool
//! that takes minutes to build: without cargo-deny it reports what it did not check.

use std::time::Instant;

use anyhow::{Context as _, Result};

use crate::{sqlx, tidy};
use keyward_testkit::{run, tools};

/// A heading, the work, and advice for its failure.
type Step = (&'static str, fn() -> Result<()>, &'static str);

/// The cheap ones first. Queries come before clippy: a stale one fails there too, with a message that points elsewhere.
/// The shipped server has fewer features than tests and proofs turn on everywhere.
const STEPS: &[Step] = &[
    ("formatting", || cargo("fmt --all --check"), "run `cargo fmt --all`"),
    ("tidy", tidy::run, "each line above gives its remedy; `cargo xtask tidy` runs this step alone"),
    (
        "checked queries",
        || sqlx::run(sqlx::Options { check: true }),
        "run `cargo xtask sqlx` and commit crates/*/.sqlx",
    ),
    (
        "clippy",
        || cargo("clippy --workspace --all-targets --all-features --locked -- -D warnings"),
        "follow its advice; where it is wrong, `#[expect(clippy::that_lint, reason = \"…\")]` on the smallest item",
    ),
    (
        "clippy on the shipped server",
        || cargo("clippy --package keyward-server --locked -- -D warnings"),
        "follow its advice: tests and proofs build with more features",
    ),
    (
        "documentation",
        || cargo("doc --workspace --no-deps --all-features --locked"),
        "follow rustdoc's messages above: a warning here is an error",
    ),
];

const POLICY: Step = (
    "bans, licences, sources",
    || cargo("deny --offline --locked check bans licenses sources"),
    "deny.toml gives the reason of each rule, and what to use instead",
);

/// Runs all steps.
pub(crate) fn run() -> Result<()> {
    let policy = tools::find("cargo-deny").map(|_| &POLICY);
    for (heading, work, advice) in STEPS.iter().chain(policy) {
        timed(heading, work).with_context(|| format!("{heading}: {advice}"))?;
    }
    match policy {
        Some(_) => println!("\nAll steps passed."),
        None => {
            println!("\nPassed. NOT CHECKED: {}; cargo-deny is not installed (`cargo install cargo-deny`).", POLICY.0);
        }
    }
    Ok(())
}

fn cargo(words: &str) -> Result<()> {
    run::show(run::cargo().args(words.split(' ')).env("RUSTDOCFLAGS", "-D warnings"))
}

/// Runs a step under its heading and reports how long it took.
#[expect(clippy::disallowed_methods, reason = "progress for people, not a decision")]
pub(crate) fn timed(heading: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
    println!("\n== {heading}");
    let start = Instant::now();
    let outcome = work();
    let verdict = if outcome.is_ok() { "passed" } else { "FAILED" };
    println!("== {heading}: {verdict} after {:.1} s", start.elapsed().as_secs_f32());
    outcome
}
