//! The programs that are measured or that measure, built in release mode.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use serde::de::DeserializeOwned;

use keyward_testkit::run;

/// The time of the first key that is made, in milliseconds since the Unix epoch.
pub(super) const FIRST_MILLIS: u64 = 1_700_000_000_000;

/// The folder that holds them.
pub(super) struct Programs(PathBuf);

/// Builds all of them. Takes minutes the first time.
pub(super) fn build() -> Result<Programs> {
    println!("building in release mode (takes minutes the first time)");
    run::show(run::cargo().args(["build", "--release", "--quiet", "--locked", "--bin", "keyward"]))?;
    build_benches(&[])
}

/// Builds the measuring programs, or only one of them.
pub(super) fn build_benches(only: &[&str]) -> Result<Programs> {
    let build = ["build", "--release", "--quiet", "--locked", "--package", "keyward-benches"];
    run::show(run::cargo().args(build).args(only))?;
    Ok(Programs(run::target_directory()?.join("release")))
}

impl Programs {
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Runs one to its end, and reads the lines of JSON that it prints.
    pub(super) fn ask<T: DeserializeOwned>(&self, name: &str, arguments: &[&str]) -> Result<Vec<T>> {
        let printed = run::capture(Command::new(self.path(name)).args(arguments))?;
        printed.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
    }

    /// Writes keys into a folder, for a node with this master key.
    pub(super) fn make_keys(&self, master_key: &Path, keys: &KeysToMake, folder: &Path) -> Result<()> {
        let KeysToMake { count, merchants, step_millis, seed } = keys;
        let numbers = [*count, *merchants, FIRST_MILLIS, *step_millis, *seed].map(|number| number.to_string());
        let mut command = Command::new(self.path("seed-database"));
        run::capture(command.arg(master_key).args(numbers).arg(folder)).context("cannot make keys").map(drop)
    }
}

/// Keys to be made.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeysToMake {
    pub(super) count: u64,
    /// Number of merchants that have them.
    pub(super) merchants: u64,
    /// Milliseconds from each one to the next.
    pub(super) step_millis: u64,
    /// Other seeds give other keys.
    pub(super) seed: u64,
}
