//! Copies the data of a cluster and restores them: from the disk of a stopped cluster, or as a base backup of a running
//! one. Neither stops nor starts a cluster.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

use super::{Cluster, config};
use crate::run;

/// A copy of the data. It is in the folder of its cluster, and is removed with it.
#[derive(Debug)]
pub struct Snapshot(PathBuf);

impl Cluster {
    /// Copies the data of the stopped cluster, owners and modes included.
    ///
    /// # Errors
    /// If it cannot be copied.
    pub fn snapshot(&self, name: &str) -> Result<Snapshot> {
        let to = self.folder.join(name);
        let mut copy = Command::new("cp");
        run::capture(copy.arg("-a").arg(self.server.home().data()).arg(&to))?;
        Ok(Snapshot(to))
    }

    /// Copies the data of the running cluster by `pg_basebackup`, under this name in its folder.
    ///
    /// # Errors
    /// If it is not running, or cannot be copied.
    pub fn base_backup(&self, name: &str) -> Result<Snapshot> {
        let to = self.folder.join(name);
        let mut copy = Command::new(self.bin_dir.join("pg_basebackup"));
        // A crash of the machine discards the copy, so nothing waits for the disk.
        copy.args(["--no-sync", "--checkpoint=fast", "--wal-method=stream", "-d", &self.url()]);
        run::capture(self.account.become_by(copy.arg("-D").arg(&to), &self.folder))?;
        Ok(Snapshot(to))
    }

    /// Replaces the data of the stopped cluster by a copy. The copy stays usable.
    ///
    /// # Errors
    /// If it cannot be copied.
    pub fn put_back(&self, snapshot: &Snapshot) -> Result<()> {
        let home = self.server.home();
        std::fs::remove_dir_all(home.data()).context("cannot remove the data of the throwaway Postgres")?;
        let mut copy = Command::new("cp");
        run::capture(copy.arg("-a").arg(&snapshot.0).arg(home.data()))?;
        // After a fail-over the copy may be of the former server.
        config::write_address(&home)
    }
}
