//! A copy of a cluster's data, as a snapshot of its disk would be, and putting it back. For clusters that are stopped: it
//! neither stops nor starts one.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

use super::{Cluster, server};
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
        run::capture(copy.arg("-a").arg(server::data_dir(&self.folder)).arg(&to))?;
        Ok(Snapshot(to))
    }

    /// Puts a snapshot in the place of the stopped cluster's data.
    ///
    /// # Errors
    /// When it cannot be copied.
    pub fn put_back(&self, snapshot: &Snapshot) -> Result<()> {
        let data = server::data_dir(&self.folder);
        std::fs::remove_dir_all(&data).context("cannot remove the data of the throwaway Postgres")?;
        let mut copy = Command::new("cp");
        run::capture(copy.arg("-a").arg(&snapshot.0).arg(&data))?;
        Ok(())
    }
}
