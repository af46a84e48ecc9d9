//! `cargo xtask model`: the searches of the revocation protocol with wider bounds.
//!
//! They are the tests of `cargo xtask test`, in the same build. It only starts them.

use anyhow::Result;

use crate::check::timed;
use keyward_testkit::run;

/// Widens the bounds of the tests.
const LONG: &str = "KEYWARD_LONG_SEARCH";

/// Search the revocation protocol further than the tests do, for a quarter of an hour: orders of messages, losses,
/// clocks, and a database that goes back
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Options {
    /// Search the orders of one process's threads instead: 100,000 schedules
    #[arg(long)]
    schedules: bool,
    /// Check the numbers of 100,000 events on a real Postgres instead, under writers of every kind
    #[arg(long, conflicts_with = "schedules")]
    events: bool,
}

/// Searches, and prints the extent of the search.
pub(crate) fn run(options: Options) -> Result<()> {
    let (package, targets, only): (_, &[&str], _) = if options.schedules {
        ("keyward-verifier", &["schedules"], "")
    } else if options.events {
        ("keyward-storage", &["it"], "pressure")
    } else {
        ("keyward-verifier", &["model", "restore"], "")
    };
    timed(&targets.join(", "), || {
        let mut test = run::cargo();
        test.args(["test", "--package", package, "--all-features", "--locked"]);
        test.args(targets.iter().flat_map(|target| ["--test", target]));
        // One search at a time, each on all cores: memory suffices for one.
        test.args(["--", "--nocapture", "--test-threads=1", only]).env(LONG, "1");
        run::show(&mut test)
    })
}
