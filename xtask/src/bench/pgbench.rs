//! The database under the service, and the baselines of the database itself: pgbench's own look-ups, and inserts of
//! one row a commit.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use tempfile::NamedTempFile;

use super::{CONNECTIONS, wrk::Load};
use keyward_testkit::{
    pg::{Cluster, sql, with_database},
    run,
};

/// Makes an empty database and returns its URL.
pub(super) fn fresh_database(cluster: &Cluster, name: &str) -> Result<String> {
    execute(cluster, &cluster.url(), &format!("CREATE DATABASE {name}"))?;
    with_database(&cluster.url(), name)
}

/// Runs a statement.
pub(super) fn execute(cluster: &Cluster, url: &str, statement: &str) -> Result<()> {
    sql(cluster.bin_dir(), url, statement).map(drop)
}

/// Copies a file of tab-separated rows in.
pub(super) fn copy_in(cluster: &Cluster, url: &str, table: &str, file: &Path) -> Result<()> {
    execute(cluster, url, &format!("\\copy {table} FROM '{}'", file.display()))
}

pub(super) struct Pgbench<'a> {
    cluster: &'a Cluster,
    url: String,
    inserts: NamedTempFile,
}

impl<'a> Pgbench<'a> {
    /// With `scale` times 100,000 rows to look up.
    pub(super) fn prepare(cluster: &'a Cluster, scale: u32) -> Result<Self> {
        let url = fresh_database(cluster, "baseline")?;
        let pgbench = cluster.bin_dir().join("pgbench");
        run::capture(Command::new(pgbench).args(["--initialize", "--quiet", "--scale", &scale.to_string(), &url]))?;
        // A row about as wide as a key's, with an index, one commit each.
        execute(cluster, &url, "CREATE TABLE row (id bigserial PRIMARY KEY, body text NOT NULL)")?;
        let inserts = NamedTempFile::new()?;
        std::fs::write(inserts.path(), "INSERT INTO row (body) VALUES (repeat('x', 300));\n")?;
        Ok(Self { cluster, url, inserts })
    }

    /// The database with its tables.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Look-ups by primary key.
    pub(super) fn selects(&self, seconds: u32) -> Result<Load> {
        self.load(&["--builtin", "select-only"], seconds)
    }

    /// Inserts of one row a commit.
    pub(super) fn inserts(&self, seconds: u32) -> Result<Load> {
        let script = self.inserts.path().to_string_lossy();
        self.load(&["--file", &script], seconds)
    }

    fn load(&self, what: &[&str], seconds: u32) -> Result<Load> {
        let mut command = Command::new(self.cluster.bin_dir().join("pgbench"));
        command.args(["--no-vacuum", "--protocol", "prepared", "--jobs", "1"]).args(what);
        command.args(["--client", &CONNECTIONS.to_string(), "--time", &seconds.to_string(), &self.url]);
        let printed = run::capture(&mut command)?;
        let rate = printed.split_once("tps = ").and_then(|(_, rest)| rest.split_whitespace().next()?.parse().ok());
        let per_second: f64 = rate.with_context(|| format!("pgbench printed no rate:\n{printed}"))?;
        Ok(Load { per_second, requests: per_second * f64::from(seconds), p99: 0.0 })
    }
}
