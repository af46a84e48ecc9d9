//! `cargo xtask check`: what a change must pass before anybody looks at it.
//!
//! It stops at the first step that fails and says what to run. It never changes a file, and never needs a tool that
//! takes minutes to build: cargo-deny is used where it is at hand, and said to be missing where not.

use std::time::Instant;

use anyhow::{Context as _, Result};

use crate::{sqlx, tidy};
use keyward_testkit::{run, tools};

/// A heading, the work, and what to do when it fails.
type Step = (&'static str, fn() -> Result<()>, &'static str);

/// The cheap ones first. Queries come before clippy: a stale one fails there too, with a message that points elsewhere.
const STEPS: &[Step] = &[
    ("formatting", formatting, "run `cargo fmt --all`"),
    ("tidy", tidy::run, "each line above says what to do; `cargo xtask tidy` runs this step alone"),
    ("checked queries", || sqlx::run(sqlx::Mode::Check), "run `cargo xtask sqlx` and commit crates/*/.sqlx"),
    (
        "clippy",
        clippy,
        "fix what it says; where it is wrong, `#[expect(clippy::that_lint, reason = \"…\")]` on the smallest item",
    ),
    ("clippy on the shipped server", clippy_as_shipped, "fix what it says: tests and proofs build with more features"),
    ("documentation", documentation, "fix what rustdoc says above: a warning here is an error"),
];

/// Runs all steps.
///
/// # Errors
/// The first step that fails.
pub fn run() -> Result<()> {
    let policy_at_hand = tools::find("cargo-deny").is_some();
    for (heading, work, advice) in STEPS {
        timed(heading, *work).with_context(|| format!("{heading}: {advice}"))?;
    }
    if policy_at_hand {
        timed("bans, licences, sources", policy)
            .context("deny.toml says why each rule is there, and what to use instead")?;
        println!("\nAll of it passed.");
    } else {
        println!(
            "\nPassed. NOT CHECKED: bans, licences and sources; cargo-deny is not installed (`cargo install \
             cargo-deny`)."
        );
    }
    Ok(())
}

/// Runs a step under its heading and says how long it took.
///
/// # Errors
/// Those of the step.
#[expect(clippy::disallowed_methods, reason = "progress for people, not a decision")]
pub fn timed(heading: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
    println!("\n== {heading}");
    let start = Instant::now();
    let outcome = work();
    let verdict = if outcome.is_ok() { "passed" } else { "FAILED" };
    println!("== {heading}: {verdict} after {:.1} s", start.elapsed().as_secs_f32());
    outcome
}

fn formatting() -> Result<()> {
    run::show(run::cargo().args(["fmt", "--all", "--check"]))
}

/// Without the features of tests and proofs, which the other run turns on everywhere.
fn clippy_as_shipped() -> Result<()> {
    run::show(run::cargo().args(["clippy", "--package", "keyward-server", "--locked", "--", "-D", "warnings"]))
}

fn clippy() -> Result<()> {
    run::show(run::cargo().args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--all-features",
        "--locked",
        "--",
        "-D",
        "warnings",
    ]))
}

fn documentation() -> Result<()> {
    let mut doc = run::cargo();
    doc.args(["doc", "--workspace", "--no-deps", "--all-features", "--locked"]);
    run::show(doc.env("RUSTDOCFLAGS", "-D warnings"))
}

fn policy() -> Result<()> {
    run::show(run::cargo().args(["deny", "--offline", "--locked", "check", "bans", "licenses", "sources"]))
}
