//! The binary under test with arguments and an environment, and the ways in which scenarios start it.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Stdio,
    sync::OnceLock,
};

use keyward_testkit::{process::Process, program};

use super::{Finished, Node, Terminal};

/// How to start it.
#[derive(Clone, Debug)]
pub(crate) struct Program(program::Program);

impl Program {
    /// In this folder, with a single setting: a stop does not wait for a load balancer.
    pub(crate) fn in_folder(folder: &Path) -> Self {
        Self(program::Program::new(binary(), folder))
    }

    /// Started by a shell after this command.
    pub(crate) fn under(self, command: &str) -> Self {
        Self(self.0.under(command))
    }

    /// With these additional words, separated by blanks.
    pub(crate) fn words(self, words: &str) -> Self {
        Self(self.0.words(words))
    }

    /// With one additional word, whatever it contains.
    pub(crate) fn word(self, word: impl Into<OsString>) -> Self {
        Self(self.0.word(word))
    }

    pub(crate) fn env(self, name: &str, value: impl Into<OsString>) -> Self {
        Self(self.0.env(name, value))
    }

    /// With several variables.
    pub(crate) fn envs(self, all: &[(&str, &str)]) -> Self {
        Self(self.0.envs(all))
    }

    /// Runs it to its end.
    pub(crate) fn run(&self) -> Finished {
        self.run_logging_to(Stdio::piped())
    }

    /// The same, with its log redirected.
    pub(crate) fn run_logging_to(&self, log: impl Into<Stdio>) -> Finished {
        Finished::wait_for(self.spawn(Stdio::piped(), log))
    }

    /// Starts it as a server and waits until it is ready.
    pub(crate) fn serve(&self) -> Node {
        self.serve_logging_to(Stdio::piped())
    }

    /// The same, with its log redirected.
    pub(crate) fn serve_logging_to(&self, log: impl Into<Stdio>) -> Node {
        Node::start(self.spawn(Stdio::piped(), log), self.0.folder())
    }

    /// Starts it as a server that cannot print when it is ready: its demo file contains its address.
    pub(crate) async fn serve_without_output(&self, out: impl Into<Stdio>, log: impl Into<Stdio>) -> Node {
        Node::start_without_output(self.spawn(out, log), self.0.folder()).await
    }

    /// Starts it on a terminal of its own, where a person may type.
    pub(crate) fn on_terminal(&self) -> Terminal {
        Terminal::start(self.0.command())
    }

    fn spawn(&self, out: impl Into<Stdio>, err: impl Into<Stdio>) -> Process {
        Process::spawn_with(&mut self.0.command(), out, err).unwrap()
    }
}

/// The binary that `cargo xtask test` names; without it, the one that `cargo build` made.
pub(crate) fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let path = match keyward_testkit::run::variable("KEYWARD_BIN") {
            Some(path) => PathBuf::from(path),
            None => keyward_testkit::run::target_directory().unwrap().join("debug/keyward"),
        };
        assert!(path.is_file(), "there is no {}: run `cargo build` first, or set KEYWARD_BIN", path.display());
        path
    })
}
