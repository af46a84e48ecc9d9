//! The two programs under load: a node of the service in a folder of its own, and the bare axum. Both listen on
//! loopback and end with their owner.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{client::Client, process::Running, request::Request};

/// The bare axum.
pub(super) struct Hello {
    url: String,
    pub(super) running: Running,
}

impl Hello {
    pub(super) fn start(program: &Path) -> Result<Self> {
        let (running, url) = Running::start(&mut Command::new(program))?;
        Ok(Self { url, running })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }
}

/// How a node is started.
#[derive(Clone, Debug, Default)]
pub(super) struct Launch<'a> {
    /// Its Postgres; an embedded database if there is none.
    pub(super) database: Option<&'a str>,
    /// The master key file of another node; its own if there is none.
    pub(super) master_key: Option<&'a Path>,
    /// Settings, by the names of their variables.
    pub(super) settings: &'a [(&'a str, &'a str)],
}

/// A node.
pub(super) struct Node {
    url: String,
    pub(super) running: Running,
    folder: TempDir,
}

/// What the demo tree holds.
#[derive(Clone, Debug)]
pub(super) struct Demo {
    pub(super) platform_key: String,
    pub(super) platform_secret: String,
    pub(super) merchant: String,
}

/// A key that was made for a measurement.
#[derive(Clone, Debug)]
pub(super) struct Created {
    pub(super) id: String,
    pub(super) value: String,
}

impl Node {
    pub(super) fn start(program: &Path, launch: &Launch<'_>) -> Result<Self> {
        let folder = data_folder()?;
        let (running, url) = Running::start(&mut command(program, folder.path(), launch))?;
        Ok(Self { url, running, folder })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Its master key file.
    pub(super) fn master_key(&self) -> PathBuf {
        self.folder.path().join("master.key")
    }

    /// The demo tree, where this node planted it.
    pub(super) fn demo(&self) -> Result<Demo> {
        let demo = std::fs::read_to_string(self.folder.path().join("demo.json")).context("there is no demo.json")?;
        let demo: Value = serde_json::from_str(&demo)?;
        let text = |value: &Value| value.as_str().map(str::to_owned).context("demo.json lacks a field");
        Ok(Demo {
            platform_key: text(&demo["platform"]["appKey"])?,
            platform_secret: text(&demo["platform"]["appSecret"])?,
            merchant: text(&demo["merchant"]["mid"])?,
        })
    }

    /// Makes a key for the demo merchant.
    pub(super) fn create_key(&self, client: &mut Client, demo: &Demo, name: &str) -> Result<Created> {
        let body = json!({"mid": demo.merchant, "name": name, "type": "secret", "scopes": ["charges:read"]});
        let request = Request::post(&self.url, "/v1/api-keys", 201, &body.to_string()).bearer(&demo.platform_secret);
        let key = client.ask(&request)?.json()?;
        let text = |name| key[name].as_str().map(str::to_owned).with_context(|| format!("no {name} in the answer"));
        Ok(Created { id: text("id")?, value: text("value")? })
    }
}

/// A folder for a node: on a disk, because /tmp is memory on some machines, and open to its owner alone, because a node
/// refuses any other.
pub(super) fn data_folder() -> Result<TempDir> {
    let only_the_owner = std::fs::Permissions::from_mode(0o700);
    Ok(tempfile::Builder::new().permissions(only_the_owner).tempdir_in("/var/tmp")?)
}

/// The command that starts a node in this folder, with nothing of our own environment.
pub(super) fn command(program: &Path, folder: &Path, launch: &Launch<'_>) -> Command {
    let mut command = Command::new(program);
    command.args(["serve", "--listen", "127.0.0.1:0", "--demo", "--data-dir"]).arg(folder);
    command
        .env_clear()
        .env("KEYWARD_LOG__FILTER", "warn")
        .env("KEYWARD_LIMITS__DRAIN", "0s")
        .envs(launch.settings.iter().copied());
    if let Some(url) = launch.database {
        command.env("DATABASE_URL", url);
    }
    if let Some(file) = launch.master_key {
        command.env("KEYWARD_MASTER_KEY_FILE", file);
    }
    command
}
