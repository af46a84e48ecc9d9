//! The programs that are measured or that measure, built in release mode.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use keyward_testkit::run;

/// Where they are.
pub(super) struct Programs(PathBuf);

/// Builds them all. Takes minutes the first time.
pub(super) fn build() -> Result<Programs> {
    println!("building in release mode (takes minutes the first time)");
    run::show(run::cargo().args(["build", "--release", "--quiet", "--locked", "--bin", "keyward"]))?;
    build_benches(&[])
}

/// Builds the measuring programs, or only one of them.
pub(super) fn build_benches(only: &[&str]) -> Result<Programs> {
    run::show(
        run::cargo().args(["build", "--release", "--quiet", "--locked", "--package", "keyward-benches"]).args(only),
    )?;
    Ok(Programs(run::target_directory()?.join("release")))
}

impl Programs {
    /// One of them.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Runs one to its end and gives what it printed, as pairs of the first word of a line and the rest.
    pub(super) fn ask(&self, name: &str, arguments: &[&str]) -> Result<Vec<(String, String)>> {
        let said = run::capture(Command::new(self.path(name)).args(arguments))?;
        let pairs = said.lines().filter_map(|line| line.split_once(' '));
        Ok(pairs.map(|(name, rest)| (name.to_owned(), rest.to_owned())).collect())
    }

    /// Makes a stock of keys in a folder, for a node with this master key.
    pub(super) fn stock(&self, master_key: &Path, stock: &Stock, folder: &Path) -> Result<()> {
        let Stock { keys, merchants, first_millis, step_millis, seed } = stock;
        let numbers = [*keys, *merchants, *first_millis, *step_millis, *seed].map(|number| number.to_string());
        let mut command = Command::new(self.path("stock"));
        run::capture(command.arg(master_key).args(numbers).arg(folder)).context("cannot make keys").map(drop)
    }
}

/// Keys to be made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stock {
    /// How many.
    pub(super) keys: u64,
    /// For how many merchants.
    pub(super) merchants: u64,
    /// When the first one was made, in milliseconds since the Unix epoch.
    pub(super) first_millis: u64,
    /// How many milliseconds after it each next one was made.
    pub(super) step_millis: u64,
    /// Other seeds give other keys.
    pub(super) seed: u64,
}
