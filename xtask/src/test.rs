//! `cargo xtask test`: all tests.
//!
//! It starts one throwaway Postgres for all of them, or uses `KEYWARD_TEST_DATABASE_URL`. It never skips a part because
//! something is missing: it fails and names what is missing. Two checks are exceptions, and report that they were
//! skipped: PgBouncer's refusal without its package, and instruction counts without valgrind or with another compiler.

mod alone;

use anyhow::Result;

use crate::bench::instructions;
use crate::check::timed;
use keyward_testkit::pg::{Cluster, Durability};
use keyward_testkit::run;

use alone::test_domain_alone;

const DATABASE: &str = "KEYWARD_TEST_DATABASE_URL";

/// Runs all tests; with arguments only those that they select for `cargo test`.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    // Held until the end of this function; all test binaries share it.
    let mut cluster = None;
    let given = run::variable(DATABASE).filter(|url| !url.is_empty());
    let database = match given {
        Some(url) => url,
        None => cluster.insert(Cluster::start(Durability::Fast)?).url().into(),
    };
    timed("build", || build(arguments))?;
    let server = run::target_directory()?.join("debug/keyward");
    timed("tests", || {
        let mut test = run::cargo();
        test.arg("test").args(scope(arguments)).args(arguments);
        test.env(DATABASE, &database).env("KEYWARD_BIN", &server);
        // Cargo builds offline queries; tests that make databases of their own must not find a developer's.
        test.env_remove("DATABASE_URL");
        if run::variable("CI").is_some() {
            // A snapshot that differs is a failure there, not a file to review.
            test.env("INSTA_UPDATE", "no");
        }
        run::show(&mut test)
    })?;
    if arguments.is_empty() {
        timed("the domain alone, in another workspace", test_domain_alone)?;
        timed("instruction counts", || instructions::run(&instructions::Options::default()))?;
    }
    Ok(())
}

/// The server and all tests in one go: cargo then chooses the features of every dependency once for both.
fn build(arguments: &[String]) -> Result<()> {
    let mut build = run::cargo();
    build.args(["build", "--workspace", "--all-features", "--locked", "--bin", "keyward"]);
    if arguments.is_empty() {
        build.arg("--tests");
    }
    run::show(&mut build)
}

/// Selects all packages where the arguments select none.
fn scope(arguments: &[String]) -> &'static [&'static str] {
    let chosen = arguments
        .iter()
        .take_while(|word| *word != "--")
        .any(|word| word.starts_with("-p") || word.starts_with("--package"));
    if chosen { &["--all-features", "--locked"] } else { &["--workspace", "--all-features", "--locked"] }
}

#[cfg(test)]
mod tests {
    fn scope(words: &[&str]) -> &'static [&'static str] {
        super::scope(&words.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn a_chosen_package_is_not_widened_to_the_workspace() {
        assert!(scope(&[]).contains(&"--workspace"));
        assert!(scope(&["revocation", "--", "-p"]).contains(&"--workspace"));
        assert!(!scope(&["-p", "keyward-domain"]).contains(&"--workspace"));
        assert!(!scope(&["--package=keyward-domain"]).contains(&"--workspace"));
    }
}
