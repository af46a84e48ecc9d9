//! The server's binary with arguments and an environment. The caller's own environment does not reach it.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::process::{Ended, Process};

/// Longer than any start takes, even of a debug build on a busy machine.
pub const START: Duration = Duration::from_mins(1);

/// A command line with its folder and its environment.
#[derive(Clone, Debug)]
pub struct Program {
    binary: PathBuf,
    folder: PathBuf,
    arguments: Vec<OsString>,
    variables: BTreeMap<String, OsString>,
    before: Option<String>,
}

impl Program {
    /// Runs in this folder, with one setting: a stop does not wait for a load balancer.
    #[must_use]
    pub fn new(binary: &Path, folder: &Path) -> Self {
        let (binary, folder) = (binary.to_owned(), folder.to_owned());
        let program = Self { binary, folder, arguments: Vec::new(), variables: BTreeMap::new(), before: None };
        program.env("KEYWARD_LIMITS__DRAIN", "0s")
    }

    /// Starts it in a shell after this command.
    #[must_use]
    pub fn under(mut self, command: &str) -> Self {
        self.before = Some(command.to_owned());
        self
    }

    /// Adds arguments, separated by blanks.
    #[must_use]
    pub fn words(mut self, words: &str) -> Self {
        self.arguments.extend(words.split_whitespace().map(OsString::from));
        self
    }

    /// Adds one argument, which may contain blanks.
    #[must_use]
    pub fn word(mut self, word: impl Into<OsString>) -> Self {
        self.arguments.push(word.into());
        self
    }

    /// Sets a variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.variables.insert(name.to_owned(), value.into());
        self
    }

    /// Sets several variables.
    #[must_use]
    pub fn envs(self, all: &[(&str, &str)]) -> Self {
        all.iter().fold(self, |program, (name, value)| program.env(name, *value))
    }

    /// Its folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The command, to start it in another way.
    #[must_use]
    pub fn command(&self) -> Command {
        let mut command = match &self.before {
            None => Command::new(&self.binary),
            Some(before) => {
                let mut shell = Command::new("/bin/sh");
                shell.args(["-euc", &format!("{before}; exec \"$0\" \"$@\"")]).arg(&self.binary);
                shell
            }
        };
        command.current_dir(&self.folder).args(&self.arguments).env_clear().envs(&self.variables);
        command
    }

    /// Starts it as a server, and waits until it is ready.
    ///
    /// # Errors
    /// If it ends first, or is not ready in time.
    pub fn serve(&self) -> Result<Server> {
        Server::ready(Process::spawn(&mut self.command())?)
    }
}

/// A server that is ready. Dropping it kills it.
#[derive(Debug)]
pub struct Server {
    /// Its process.
    pub process: Process,
    /// Its address: scheme, host and port.
    pub base_url: String,
    /// Address of its metrics, if they are on.
    pub metrics_url: Option<String>,
}

impl Server {
    /// Waits until the server in this process is ready.
    ///
    /// # Errors
    /// If it ends first, or is not ready in time.
    pub fn ready(process: Process) -> Result<Self> {
        let mut metrics_url = None;
        while let Some(line) = process.line_after("", START)? {
            if let Some(url) = line.split_once("answers metrics on ").and_then(|(_, url)| url.strip_suffix("/metrics"))
            {
                metrics_url = Some(url.to_owned());
            }
            if let Some(base_url) = url_when_ready(&line) {
                let base_url = base_url.to_owned();
                return Ok(Self { process, base_url, metrics_url });
            }
        }
        let Ended { status, out, err } = process.wait(START)?;
        bail!("the server ended before it was ready ({status}):\n{out}\n{err}")
    }
}

/// The address in a line that reports a ready server.
#[must_use]
pub fn url_when_ready(line: &str) -> Option<&str> {
    line.split_once("ready on ")?.1.split_whitespace().next()
}

/// A free address of this machine, for a program that cannot choose one itself. Another program may take it first.
///
/// # Panics
/// If no port is free.
#[must_use]
pub fn free_address() -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("this machine has a free port");
    listener.local_addr().expect("a bound listener has an address").to_string()
}

/// A pair of keys with its account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The account.
    pub mid: String,
    /// The value of its public key.
    pub app_key: String,
    /// The value of its secret key.
    pub app_secret: String,
}

/// The demo accounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demo {
    /// The platform.
    pub platform: Credentials,
    /// A partner below it.
    pub partner: Credentials,
    /// The mid of a merchant below the partner.
    pub merchant: String,
}

impl Demo {
    /// Reads the `demo.json` of a data directory.
    ///
    /// # Errors
    /// If the file is missing or lacks a member.
    pub fn read(data: &Path) -> Result<Self> {
        let file = data.join("demo.json");
        let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let demo: Value = serde_json::from_str(&text)?;
        let (platform, partner) = (Credentials::read(&demo["platform"])?, Credentials::read(&demo["partner"])?);
        Ok(Self { platform, partner, merchant: member(&demo["merchant"], "mid")? })
    }
}

impl Credentials {
    /// Reads them from a pair in an answer of the service.
    ///
    /// # Errors
    /// If a member is absent.
    pub fn read(pair: &Value) -> Result<Self> {
        Ok(Self { mid: member(pair, "mid")?, app_key: member(pair, "appKey")?, app_secret: member(pair, "appSecret")? })
    }
}

/// A text member of a JSON object.
///
/// # Errors
/// If it is absent or not a text.
pub fn member(of: &Value, name: &str) -> Result<String> {
    of[name].as_str().map(str::to_owned).with_context(|| format!("no {name} in {of}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ready_line_contains_the_address() {
        assert_eq!(url_when_ready("keyward is ready on http://127.0.0.1:1 (sandbox)"), Some("http://127.0.0.1:1"));
        assert_eq!(url_when_ready("keyward answers metrics on http://127.0.0.1:2/metrics"), None);
    }

    #[test]
    fn a_server_that_ends_first_is_an_error_with_its_output() {
        let program = Program::new(Path::new("/bin/sh"), Path::new("/")).word("-c").word("echo no >&2; exit 4");
        let error = program.serve().unwrap_err().to_string();
        assert!(error.contains("no") && error.contains('4'), "{error}");
    }
}
