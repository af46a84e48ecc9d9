//! `cargo xtask model`: the searches of the revocation protocol, as far as there is time for.
//!
//! The same tests as in `cargo xtask test`, in the same build, with wider bounds. It judges nothing by itself.

use anyhow::{Result, bail};

use crate::check::timed;
use keyward_testkit::run;

/// Makes the tests go further.
const LONG: &str = "KEYWARD_LONG_SEARCH";

/// What is searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Search {
    /// The states of nodes, database and narrowing call: more than 50 million; and of a database that goes back (R18).
    States,
    /// The schedules of one process's threads: 100,000.
    Schedules,
    /// The numbers of events on a real Postgres, under writers of every kind: 100,000 events.
    Events,
}

impl Search {
    /// Reads the words after `model`: none, `--schedules` or `--events`.
    ///
    /// # Errors
    /// When there is any other word.
    pub fn parse(words: &[&str]) -> Result<Self> {
        match words {
            [] => Ok(Self::States),
            ["--schedules"] => Ok(Self::Schedules),
            ["--events"] => Ok(Self::Events),
            other => bail!("`model` takes only --schedules or --events, not `{}`", other.join(" ")),
        }
    }
}

/// Searches, and prints what was looked at.
///
/// # Errors
/// When a promise is broken, or a rule is not shown to be needed.
pub fn run(search: Search) -> Result<()> {
    let (package, targets, only): (_, &[&str], _) = match search {
        Search::States => ("keyward-verifier", &["model", "restore"], ""),
        Search::Schedules => ("keyward-verifier", &["schedules"], ""),
        Search::Events => ("keyward-storage", &["it"], "pressure"),
    };
    timed(&targets.join(", "), || {
        let mut test = run::cargo();
        test.args(["test", "--package", package, "--all-features", "--locked"]);
        test.args(targets.iter().flat_map(|target| ["--test", target]));
        // One search after the other, each on all cores: the memory of one is enough.
        test.args(["--", "--nocapture", "--test-threads=1", only]).env(LONG, "1");
        run::show(&mut test)
    })
}

#[cfg(test)]
mod tests {
    use super::Search;

    #[test]
    fn only_what_there_is_can_be_asked_for() {
        assert_eq!(Search::parse(&[]).unwrap(), Search::States);
        assert_eq!(Search::parse(&["--schedules"]).unwrap(), Search::Schedules);
        assert_eq!(Search::parse(&["--events"]).unwrap(), Search::Events);
        assert!(Search::parse(&["--states"]).is_err());
    }
}
