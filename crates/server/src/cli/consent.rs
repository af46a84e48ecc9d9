//! Asking a person before what cannot be undone. Without a terminal `--yes` is required.

use std::io::{self, IsTerminal as _, Write as _, stdin};

use anyhow::{Result, bail};
use clap::{Args, CommandFactory as _, error::ErrorKind};

use super::Cli;

#[derive(Clone, Copy, Debug, Args)]
pub(super) struct Consent {
    /// Do it without asking; needed where there is no terminal
    #[arg(long)]
    yes: bool,
}

impl Consent {
    /// Ends the process, as wrong usage, if consent is not given and there is no terminal to ask on.
    pub(super) fn demand(self) {
        if self.yes || (stdin().is_terminal() && io::stderr().is_terminal()) {
            return;
        }
        let message = "this cannot be undone, and there is no terminal to ask on: give --yes if it is meant";
        Cli::command().error(ErrorKind::MissingRequiredArgument, message).exit();
    }

    /// Whether a person still has to be asked.
    pub(super) const fn is_missing(self) -> bool {
        !self.yes
    }
}

/// Asks; anything but a yes is a no.
pub(super) fn ask(question: &str) -> Result<()> {
    write!(io::stderr(), "{question} [y/N] ")?;
    let mut answer = String::new();
    stdin().read_line(&mut answer)?;
    match answer.trim().to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => bail!("nothing was changed"),
    }
}

/// A number of these, in words.
pub(super) fn count(number: u64, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
}
