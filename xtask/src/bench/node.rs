//! The two programs under load: a node of the service in a folder of its own, and the bare axum. Both listen on loopback
//! and end with their owner.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result};
use serde_json::Value;
use tempfile::TempDir;

use crate::run;

/// A process that is ended with its owner.
pub(super) struct Running(Child);

impl Running {
    pub(super) fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself; either way it is gone afterwards.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a program and waits for the line that says where it is ready.
pub(super) fn start(command: &mut Command) -> Result<(Running, String)> {
    let mut child = Running(command.stdout(Stdio::piped()).stderr(Stdio::null()).stdin(Stdio::null()).spawn()?);
    let out = child.0.stdout.take().context("no standard output")?;
    let mut lines = BufReader::new(out).lines();
    let ready = lines.by_ref().map_while(Result::ok).find_map(|line| {
        let (_, url) = line.split_once("ready on ")?;
        url.split_whitespace().next().map(str::to_owned)
    });
    // Whatever else it says is read, so that it never waits for us.
    std::thread::spawn(move || lines.for_each(drop));
    Ok((child, ready.context("the program ended before it was ready")?))
}

/// The bare axum.
pub(super) struct Hello {
    url: String,
    _running: Running,
}

impl Hello {
    pub(super) fn start(program: &Path) -> Result<Self> {
        let (running, url) = start(&mut Command::new(program))?;
        Ok(Self { url, _running: running })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }
}

/// What the demo tree holds.
pub(super) struct Demo {
    pub(super) platform_key: String,
    pub(super) platform_secret: String,
    pub(super) merchant: String,
}

/// A key that was made for a measurement.
pub(super) struct Created {
    pub(super) id: String,
    pub(super) value: String,
}

/// A node with the demo tree.
pub(super) struct Node {
    url: String,
    demo: Demo,
    _running: Running,
    _folder: TempDir,
}

impl Node {
    pub(super) fn start(program: &Path, database: Option<&str>) -> Result<Self> {
        let folder = tempfile::tempdir_in("/var/tmp")?;
        let (running, url) = start(&mut command(program, folder.path(), database))?;
        let demo = std::fs::read_to_string(folder.path().join("demo.json")).context("there is no demo.json")?;
        let demo: Value = serde_json::from_str(&demo)?;
        let text = |value: &Value| value.as_str().map(str::to_owned).context("demo.json lacks a field");
        let demo = Demo {
            platform_key: text(&demo["platform"]["appKey"])?,
            platform_secret: text(&demo["platform"]["appSecret"])?,
            merchant: text(&demo["merchant"]["mid"])?,
        };
        Ok(Self { url, demo, _running: running, _folder: folder })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn demo(&self) -> &Demo {
        &self.demo
    }

    /// Makes a key for the demo merchant.
    pub(super) fn create_key(&self, name: &str, key_type: &str) -> Result<Created> {
        let scopes = r#"["charges:read"]"#;
        let body =
            format!(r#"{{"mid":"{}","name":"{name}","type":"{key_type}","scopes":{scopes}}}"#, self.demo.merchant);
        // The credential goes in by a file: arguments show in the list of processes.
        let config = tempfile::NamedTempFile::new()?;
        std::fs::write(
            config.path(),
            format!(
                "header = \"Authorization: Bearer {}\"\nheader = \"Content-Type: application/json\"\n",
                self.demo.platform_secret
            ),
        )?;
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--fail", "--config"]).arg(config.path());
        curl.args(["--data", &body]).arg(format!("{}/v1/api-keys", self.url));
        let key: Value = serde_json::from_str(&run::capture(&mut curl)?)?;
        let text =
            |name: &str| key[name].as_str().map(str::to_owned).with_context(|| format!("no {name} in the answer"));
        Ok(Created { id: text("id")?, value: text("value")? })
    }
}

/// A node in this folder: embedded, or on the database of this URL.
pub(super) fn command(program: &Path, folder: &Path, database: Option<&str>) -> Command {
    let mut command = Command::new(program);
    command.args(["serve", "--listen", "127.0.0.1:0", "--demo", "--data-dir"]).arg(folder);
    command.env_clear().env("KEYWARD_LOG__FILTER", "warn");
    if let Some(url) = database {
        command.env("DATABASE_URL", url);
    }
    command
}
