//! The counts that were accepted: a small file under version control, a line a step.

use std::fmt::Write as _;
use std::fs;

use anyhow::{Context as _, Result};

use keyward_testkit::run;

/// Where it is, from the root of the workspace.
pub(super) const PATH: &str = "benches/instructions.txt";

const HEAD: &str = "\
# Instructions of one turn of each step of a cached verification, without what cryptography itself takes.
# `cargo xtask test` fails where a count grew by more than 5 %.
# `cargo xtask instructions --accept` writes this file anew.
";

/// What was counted, and with which compiler.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Accepted {
    pub(super) compiler: String,
    pub(super) counts: Vec<(String, u64)>,
}

pub(super) fn read() -> Result<Accepted> {
    let text = fs::read_to_string(run::workspace_root().join(PATH)).with_context(|| format!("cannot read {PATH}"))?;
    parse(&text)
        .with_context(|| format!("{PATH} cannot be understood: `cargo xtask instructions --accept` writes it anew"))
}

pub(super) fn write(accepted: &Accepted) -> Result<()> {
    fs::write(run::workspace_root().join(PATH), print(accepted)).with_context(|| format!("cannot write {PATH}"))
}

/// Whether a count exceeds the accepted one by more than this percentage.
pub(super) const fn has_grown(accepted: u64, counted: u64, percent: u64) -> bool {
    counted * 100 > accepted * (100 + percent)
}

fn print(accepted: &Accepted) -> String {
    let mut text = format!("{HEAD}{}\n", accepted.compiler);
    for (name, count) in &accepted.counts {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name} {count}");
    }
    text
}

fn parse(text: &str) -> Option<Accepted> {
    let mut lines = text.lines().filter(|line| !line.starts_with('#'));
    let compiler = lines.next()?.to_owned();
    let counts = lines.map(|line| {
        let (name, count) = line.split_once(' ')?;
        Some((name.to_owned(), count.parse().ok()?))
    });
    Some(Accepted { compiler, counts: counts.collect::<Option<_>>()? })
}

#[cfg(test)]
mod tests {
    //! What is written is read, and growth is growth beyond the margin.
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let accepted =
            Accepted { compiler: "rustc 1 for x".into(), counts: vec![("parse".into(), 7), ("auth".into(), 8)] };
        assert_eq!(parse(&print(&accepted)), Some(accepted));
        assert_eq!(parse("rustc 1 for x\nparse seven\n"), None);
    }

    #[test]
    fn five_percent_are_let_through_and_more_is_not() {
        assert!(!has_grown(1_000, 1_050, 5) && has_grown(1_000, 1_051, 5));
        assert!(!has_grown(1_000, 10, 5));
    }
}
