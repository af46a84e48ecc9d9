//! The yardsticks of the database itself: pgbench's own look-ups, and inserts of one row a commit.

use std::process::Command;

use anyhow::{Context as _, Result};
use tempfile::NamedTempFile;

use crate::{
    pg::{Cluster, with_database},
    run,
};

/// Makes an empty database and gives its URL.
pub(super) fn fresh_database(cluster: &Cluster, name: &str) -> Result<String> {
    psql(cluster, &cluster.url(), &format!("CREATE DATABASE {name}"))?;
    with_database(&cluster.url(), name)
}

fn psql(cluster: &Cluster, url: &str, statement: &str) -> Result<()> {
    let mut command = Command::new(cluster.bin_dir().join("psql"));
    run::capture(command.args(["--no-psqlrc", "--quiet", "--command", statement, url])).map(drop)
}

pub(super) struct Pgbench<'a> {
    cluster: &'a Cluster,
    url: String,
    inserts: NamedTempFile,
}

impl<'a> Pgbench<'a> {
    pub(super) fn prepare(cluster: &'a Cluster) -> Result<Self> {
        let url = fresh_database(cluster, "yardstick")?;
        let pgbench = cluster.bin_dir().join("pgbench");
        run::capture(Command::new(pgbench).args(["--initialize", "--quiet", "--scale", "10", &url]))?;
        // A row about as wide as a key's, with an index, one commit each.
        psql(cluster, &url, "CREATE TABLE row (id bigserial PRIMARY KEY, body text NOT NULL)")?;
        let inserts = NamedTempFile::new()?;
        std::fs::write(inserts.path(), "INSERT INTO row (body) VALUES (repeat('x', 300));\n")?;
        Ok(Self { cluster, url, inserts })
    }

    /// Look-ups by primary key, a second.
    pub(super) fn selects(&self, connections: u32, seconds: u32) -> Result<f64> {
        self.rate(&["--builtin", "select-only"], connections, seconds)
    }

    /// Inserts of one row a commit, a second.
    pub(super) fn inserts(&self, connections: u32, seconds: u32) -> Result<f64> {
        let script = self.inserts.path().to_string_lossy();
        self.rate(&["--file", &script], connections, seconds)
    }

    fn rate(&self, what: &[&str], connections: u32, seconds: u32) -> Result<f64> {
        let mut command = Command::new(self.cluster.bin_dir().join("pgbench"));
        command.args(["--no-vacuum", "--protocol", "prepared", "--jobs", "1"]).args(what);
        command.args(["--client", &connections.to_string(), "--time", &seconds.to_string(), &self.url]);
        let said = run::capture(&mut command)?;
        let rate = said.split_once("tps = ").and_then(|(_, rest)| rest.split_whitespace().next()?.parse().ok());
        rate.with_context(|| format!("pgbench said no rate:\n{said}"))
    }
}
