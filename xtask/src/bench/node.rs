//! The programs under load: nodes of the service, each in its own folder, and the baselines beside them. All listen
//! on loopback and end with their owner.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use serde_json::json;
use tempfile::TempDir;

use super::{
    Bench, pgbench,
    request::{Client, Request},
};
use keyward_testkit::pg::{Cluster, Durability};
use keyward_testkit::process::Process;
use keyward_testkit::program::{Demo, Program, Server, member};

/// Options for starting a node.
#[derive(Clone, Copy, Default)]
pub(super) struct Launch<'a> {
    /// Its Postgres; an embedded database if there is none.
    pub(super) database: Option<&'a str>,
    /// A node of the same service, whose master key and demo accounts it uses; without one, it makes its own.
    pub(super) beside: Option<&'a Node>,
    /// Settings, by the names of their variables.
    pub(super) settings: &'a [(&'a str, &'a str)],
}

/// A node, and its demo accounts.
pub(super) struct Node {
    pub(super) server: Server,
    pub(super) demo: Demo,
    folder: TempDir,
}

/// A key that was made for a measurement.
#[derive(Clone, Debug)]
pub(super) struct Created {
    pub(super) id: String,
    pub(super) value: String,
}

impl Node {
    pub(super) fn start(bench: &Bench, launch: &Launch<'_>) -> Result<Self> {
        let folder = data_folder()?;
        let mut program = program(bench, folder.path()).envs(launch.settings);
        if let Some(url) = launch.database {
            program = program.env("DATABASE_URL", url);
        }
        if let Some(first) = launch.beside {
            program = program.env("KEYWARD_MASTER_KEY_FILE", first.master_key());
        }
        let server = program.serve()?;
        let demo = launch.beside.map_or_else(|| Demo::read(folder.path()), |first| Ok(first.demo.clone()))?;
        Ok(Self { server, demo, folder })
    }

    pub(super) fn url(&self) -> &str {
        &self.server.base_url
    }

    /// Its master key file.
    pub(super) fn master_key(&self) -> PathBuf {
        self.folder.path().join("master.key")
    }

    /// Makes a key for the demo merchant.
    pub(super) fn create_key(&self, client: &Client, name: &str, scopes: &[&str]) -> Result<Created> {
        let body = json!({"mid": self.demo.merchant, "name": name, "type": "secret", "scopes": scopes});
        let request = Request::post(self.url(), "/v1/api-keys", 201, &body.to_string());
        let key = client.ask(&request.bearer(&self.demo.platform.app_secret))?.answer.json();
        Ok(Created { id: member(&key, "id")?, value: member(&key, "value")? })
    }

    /// The request that revokes a key.
    pub(super) fn revocation(&self, key: &Created) -> Request {
        let path = format!("/v1/api-keys/{}", key.id);
        Request::new("DELETE", self.url(), &path, 204).bearer(&self.demo.platform.app_secret)
    }
}

/// An empty database for nodes, on a Postgres that writes to its disk before it answers.
pub(super) struct Postgres {
    pub(super) cluster: Cluster,
    pub(super) url: String,
}

impl Postgres {
    pub(super) fn start() -> Result<Self> {
        let cluster = Cluster::start(Durability::Real)?;
        let url = pgbench::fresh_database(&cluster, "bench")?;
        Ok(Self { cluster, url })
    }

    pub(super) fn launch(&self) -> Launch<'_> {
        Launch { database: Some(&self.url), ..Launch::default() }
    }

    /// Three nodes of one service.
    pub(super) fn three_nodes(&self, bench: &Bench) -> Result<[Node; 3]> {
        let first = Node::start(bench, &self.launch())?;
        let launch = Launch { beside: Some(&first), ..self.launch() };
        let (second, third) = (Node::start(bench, &launch)?, Node::start(bench, &launch)?);
        Ok([first, second, third])
    }
}

/// Starts a program that needs only its arguments.
pub(super) fn baseline(command: &mut Command) -> Result<Server> {
    Server::ready(Process::spawn(command)?)
}

/// A folder for a node: on a disk, because /tmp is memory on some machines, and open to its owner only, because a node
/// refuses any other.
pub(super) fn data_folder() -> Result<TempDir> {
    let only_the_owner = std::fs::Permissions::from_mode(0o700);
    Ok(tempfile::Builder::new().permissions(only_the_owner).tempdir_in("/var/tmp")?)
}

/// The program of a node in this folder, with demo accounts.
pub(super) fn program(bench: &Bench, folder: &Path) -> Program {
    let program = Program::new(&bench.programs.path("keyward"), folder).env("KEYWARD_LOG__FILTER", "warn");
    program.words("serve --listen 127.0.0.1:0 --demo --data-dir").word(folder)
}
