//! The binary under test with arguments and an environment: nothing of the test's own environment reaches it.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

use super::{Finished, Node, Terminal, process::Process};

/// How to start it.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    folder: PathBuf,
    arguments: Vec<OsString>,
    variables: BTreeMap<String, OsString>,
    before: Option<String>,
}

impl Program {
    /// In this folder, with a single setting: a stop does not wait for a load balancer.
    pub(crate) fn in_folder(folder: &Path) -> Self {
        let program =
            Self { folder: folder.to_owned(), arguments: Vec::new(), variables: BTreeMap::new(), before: None };
        program.env("KEYWARD_LIMITS__DRAIN", "0s")
    }

    /// Started by a shell after this command.
    pub(crate) fn under(mut self, command: &str) -> Self {
        self.before = Some(command.to_owned());
        self
    }

    /// With these additional words, separated by blanks.
    pub(crate) fn say(mut self, words: &str) -> Self {
        self.arguments.extend(words.split_whitespace().map(OsString::from));
        self
    }

    /// With one additional word, whatever it contains.
    pub(crate) fn word(mut self, word: impl Into<OsString>) -> Self {
        self.arguments.push(word.into());
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.variables.insert(name.to_owned(), value.into());
        self
    }

    /// With several variables.
    pub(crate) fn envs(self, all: &[(&str, &str)]) -> Self {
        all.iter().fold(self, |program, (name, value)| program.env(name, *value))
    }

    /// Runs it to its end.
    pub(crate) fn run(&self) -> Finished {
        let (status, out, err) = Process::spawn(&mut self.command()).wait();
        Finished { code: status.code(), out, err }
    }

    /// The same, with its log redirected.
    pub(crate) fn run_logging_to(&self, log: impl Into<Stdio>) -> Finished {
        let (status, out, err) = Process::spawn_with(&mut self.command(), Stdio::piped(), log.into()).wait();
        Finished { code: status.code(), out, err }
    }

    /// Starts it as a server and waits until it is ready.
    pub(crate) fn serve(&self) -> Node {
        Node::start(Process::spawn(&mut self.command()), &self.folder)
    }

    /// The same, with its log redirected.
    pub(crate) fn serve_logging_to(&self, log: impl Into<Stdio>) -> Node {
        Node::start(Process::spawn_with(&mut self.command(), Stdio::piped(), log.into()), &self.folder)
    }

    /// Starts it as a server that cannot print when it is ready: its demo file contains its address.
    pub(crate) async fn serve_unheard(&self, out: impl Into<Stdio>, log: impl Into<Stdio>) -> Node {
        Node::start_unheard(Process::spawn_with(&mut self.command(), out.into(), log.into()), &self.folder).await
    }

    /// Starts it on a terminal of its own, where a person may type.
    pub(crate) fn on_terminal(&self) -> Terminal {
        Terminal::start(self.command())
    }

    fn command(&self) -> Command {
        let mut command = match &self.before {
            None => Command::new(binary()),
            Some(before) => {
                let mut shell = Command::new("/bin/sh");
                shell.args(["-euc", &format!("{before}; exec \"$0\" \"$@\"")]).arg(binary());
                shell
            }
        };
        command.current_dir(&self.folder).args(&self.arguments).env_clear().envs(&self.variables);
        command
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
