//! A copy of a cluster's data, and putting it back: of the disk of a stopped one, or a base backup of one that runs. It
//! neither stops nor starts a cluster.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

use super::{Cluster, config};
use crate::run;

/// What the disk held at one moment. It lies in the folder of its cluster, and goes with it.
#[derive(Debug)]
pub struct Snapshot(PathBuf);

impl Cluster {
    /// Copies the data of the stopped cluster, owners and modes included.
    ///
    /// # Errors
    /// When it cannot be copied.
    pub fn snapshot(&self, name: &str) -> Result<Snapshot> {
        let to = self.folder.join(name);
        let mut copy = Command::new("cp");
        run::capture(copy.arg("-a").arg(self.server.home().data()).arg(&to))?;
        Ok(Snapshot(to))
    }

    /// Copies the data of the running cluster by `pg_basebackup`, under this name in its folder.
    ///
    /// # Errors
    /// When it does not run, or cannot be copied.
    pub fn base_backup(&self, name: &str) -> Result<Snapshot> {
        let to = self.folder.join(name);
        let mut copy = Command::new(self.bin_dir.join("pg_basebackup"));
        // The copy is thrown away where the machine crashes, so nothing waits for the disk.
        copy.args(["--no-sync", "--checkpoint=fast", "--wal-method=stream", "-d", &self.url()]);
        run::capture(self.account.become_by(copy.arg("-D").arg(&to), &self.folder))?;
        Ok(Snapshot(to))
    }

    /// Puts a copy in the place of the stopped cluster's data. The copy stays, and can be put back again.
    ///
    /// # Errors
    /// When it cannot be copied.
    pub fn put_back(&self, snapshot: &Snapshot) -> Result<()> {
        let home = self.server.home();
        std::fs::remove_dir_all(home.data()).context("cannot remove the data of the throwaway Postgres")?;
        let mut copy = Command::new("cp");
        run::capture(copy.arg("-a").arg(&snapshot.0).arg(home.data()))?;
        // After a fail-over the copy may be of the server before.
        config::write_address(&home)
    }
}
