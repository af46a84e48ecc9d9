//! The binary under test with arguments and an environment: nothing of the test's own environment reaches it.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use super::{Finished, Node, process::Process};

/// How to start it.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    folder: PathBuf,
    arguments: Vec<OsString>,
    variables: BTreeMap<String, OsString>,
}

impl Program {
    /// In this folder, with nothing said.
    pub(crate) fn in_folder(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), arguments: Vec::new(), variables: BTreeMap::new() }
    }

    /// With these words more, parted by blanks.
    pub(crate) fn say(mut self, words: &str) -> Self {
        self.arguments.extend(words.split_whitespace().map(OsString::from));
        self
    }

    /// With one word more, whatever is in it.
    pub(crate) fn word(mut self, word: impl Into<OsString>) -> Self {
        self.arguments.push(word.into());
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.variables.insert(name.to_owned(), value.into());
        self
    }

    /// Runs it to its end.
    pub(crate) fn run(&self) -> Finished {
        let (status, out, err) = Process::spawn(&mut self.command()).wait();
        Finished { code: status.code(), out, err }
    }

    /// Starts it as a server and waits until it is ready.
    pub(crate) fn serve(&self) -> Node {
        Node::start(Process::spawn(&mut self.command()), &self.folder)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(binary());
        command.current_dir(&self.folder).args(&self.arguments).env_clear().envs(&self.variables);
        command
    }
}

/// What `cargo xtask test` has built and names; by hand, what `cargo build` left.
pub(crate) fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let path = match xtask::run::variable("KEYWARD_BIN") {
            Some(path) => PathBuf::from(path),
            None => xtask::run::target_directory().unwrap().join("debug/keyward"),
        };
        assert!(path.is_file(), "there is no {}: run `cargo build` first, or set KEYWARD_BIN", path.display());
        path
    })
}
