//! Exit codes that scripts may rely on, with their meanings. `--help` and `docs/commands.md` list them.

use std::{fmt, process::ExitCode};

/// How a process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// The command succeeded.
    Done = 0,
    /// The command failed or was refused.
    Failed = 1,
    /// The command line or standard input is invalid. clap ends the process with this code itself; cases that clap
    /// cannot detect are a [`WrongUsage`].
    Usage = 2,
    /// The question was answered, and the answer is no.
    NotGood = 3,
}

impl Exit {
    /// All exit codes.
    const ALL: [Self; 4] = [Self::Done, Self::Failed, Self::Usage, Self::NotGood];

    const fn meaning(self) -> &'static str {
        match self {
            Self::Done => "done; `health`: the server answers; `key verify`: the key is valid",
            Self::Failed => "refused or failed: standard error reports why, and what to do",
            Self::Usage => "invalid usage: nothing was done",
            Self::NotGood => "`key verify`: the key is invalid",
        }
    }

    /// The exit code for this error.
    pub(crate) fn of(error: &anyhow::Error) -> Self {
        if error.is::<WrongUsage>() { Self::Usage } else { Self::Failed }
    }

    /// Code and meaning of each.
    pub(super) fn table() -> impl Iterator<Item = (u8, &'static str)> {
        Self::ALL.into_iter().map(|exit| (exit as u8, exit.meaning()))
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command line is invalid. Nothing was tried.
#[derive(Debug)]
struct WrongUsage(String);

impl fmt::Display for WrongUsage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for WrongUsage {}

/// An error that ends the process with [`Exit::Usage`].
pub(super) fn wrong_usage(why: impl Into<String>) -> anyhow::Error {
    WrongUsage(why.into()).into()
}

/// The end of a help text: these examples, and the table of exit codes.
pub(super) fn with_table(examples: &str) -> String {
    let lines: Vec<String> = Exit::table().map(|(code, meaning)| format!("  {code}  {meaning}")).collect();
    format!("{examples}\n\nExit codes:\n{}", lines.join("\n"))
}
