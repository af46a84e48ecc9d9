//! Asks a person before an irreversible change. Without a terminal `--yes` is required.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _, stdin};

use anyhow::{Result, bail};
use clap::Args;

use super::exit::wrong_usage;

#[derive(Clone, Copy, Debug, Args)]
pub(super) struct Consent {
    /// Do not ask; required without a terminal
    #[arg(long)]
    yes: bool,
}

impl Consent {
    /// Refuses, as wrong usage, without `--yes` and without a terminal to ask on. `words` are the command.
    pub(super) fn demand(self, words: &str) -> Result<()> {
        if self.yes || (stdin().is_terminal() && io::stderr().is_terminal()) {
            return Ok(());
        }
        Err(wrong_usage(format!(
            "this cannot be undone, and there is no terminal to ask on: to confirm, add --yes (`keyward {words} \
             --yes`)"
        )))
    }

    /// Whether consent is still missing.
    pub(super) const fn is_missing(self) -> bool {
        !self.yes
    }
}

/// Asks. Anything except a line with a yes is a no, also the end of the input (^D).
pub(super) fn ask(question: &str) -> Result<()> {
    write!(io::stderr(), "{question} [y/N] ")?;
    let mut answer = Vec::new();
    stdin().lock().read_until(b'\n', &mut answer)?;
    let is_line = answer.ends_with(b"\n");
    if !is_line {
        // The person did not end the line, so the cursor stands behind the question.
        writeln!(io::stderr())?;
    }
    let answer = answer.trim_ascii().to_ascii_lowercase();
    if is_line && matches!(&answer[..], b"y" | b"yes") { Ok(()) } else { bail!("nothing was changed") }
}

/// A count with its noun.
pub(super) fn count(number: u64, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
}
