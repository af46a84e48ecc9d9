//! Finds the machine's Postgres: on the search path, then in the folders of Debian and Homebrew.
//!
//! Never downloads a server itself, and never skips silently: without a Postgres it installs Debian's package (as root,
//! with a message) or fails with the command to run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::{run, tools};

/// The oldest major version that Keyward supports.
const OLDEST: u32 = 15;

const CREATECLUSTER: &str = "/etc/postgresql-common/createcluster.conf";

/// The folder with `initdb`, `postgres` and `psql` of the first Postgres that is new enough.
pub(super) fn find_or_install() -> Result<PathBuf> {
    let mut too_old = Vec::new();
    if let Some(found) = find(&mut too_old) {
        return Ok(found);
    }
    let seen = if too_old.is_empty() { String::new() } else { format!(" (too old: {})", too_old.join(", ")) };
    let what = format!("no Postgres {OLDEST} or newer on this machine{seen}");
    if cfg!(target_os = "macos") {
        bail!("{what}; run `brew install postgresql@17`");
    }
    if !Path::new("/etc/debian_version").exists() {
        bail!("{what}; install your system's package of the PostgreSQL server, or set KEYWARD_TEST_DATABASE_URL");
    }
    if !rustix::process::geteuid().is_root() {
        bail!("{what}; run `sudo apt-get install --no-install-recommends postgresql`");
    }
    eprintln!("xtask: {what}; installing Debian's package `postgresql`, without its default cluster");
    install().with_context(|| {
        format!("{what}, and installing it failed; run `apt-get install --no-install-recommends postgresql`")
    })?;
    let found = find(&mut too_old);
    found.with_context(|| {
        format!(
            "Debian's package brought no Postgres {OLDEST} or newer; take one from https://apt.postgresql.org \
                 (too old: {})",
            too_old.join(", ")
        )
    })
}

/// The first Postgres that is new enough. Adds older ones to the list, for the message.
fn find(too_old: &mut Vec<String>) -> Option<PathBuf> {
    let path = run::variable("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    folders.extend(newest_first("/usr/lib/postgresql", ""));
    folders.extend(newest_first("/opt/homebrew/opt", "postgresql@"));
    folders.extend(newest_first("/usr/local/opt", "postgresql@"));
    for folder in folders {
        if !(folder.join("initdb").is_file() && folder.join("psql").is_file()) {
            continue;
        }
        // One that exists but does not run (another architecture, a half-removed package) counts as missing.
        let Ok(output) = run::capture(Command::new(folder.join("postgres")).arg("--version")) else { continue };
        match major(&output) {
            Some(version) if version >= OLDEST => return Some(folder),
            _ => too_old.push(format!("{} in {}", output.trim_end(), folder.display())),
        }
    }
    None
}

/// `{parent}/{prefix}{version}/bin` of each existing version, the highest number first.
fn newest_first(parent: &str, prefix: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let mut versions: Vec<(u32, PathBuf)> = entries
        .filter_map(|entry| {
            let number = entry.file_name().to_str()?.strip_prefix(prefix)?.parse().ok()?;
            Some((number, entry.path().join("bin")))
        })
        .collect();
    versions.sort();
    versions.into_iter().rev().map(|(_, bin)| bin).collect()
}

/// The major version in the output of `postgres --version`: `postgres (PostgreSQL) 15.18 (Debian …)`, `… 18beta1`.
fn major(output: &str) -> Option<u32> {
    let after = output.split_once("(PostgreSQL) ")?.1;
    let digits = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
    after[..digits].parse().ok()
}

fn install() -> Result<()> {
    let path = Path::new(CREATECLUSTER);
    let before =
        if path.exists() { fs::read_to_string(path).context("cannot read createcluster.conf")? } else { String::new() };
    if let Some(after) = without_default_cluster(&before) {
        fs::create_dir_all("/etc/postgresql-common").context("cannot make /etc/postgresql-common")?;
        fs::write(path, after).with_context(|| format!("cannot write {CREATECLUSTER}"))?;
    }
    tools::apt_get(&["update"])?;
    // Keep the file that was just written if the package contains its own.
    tools::apt_get(&["install", "-y", "--no-install-recommends", "-o", "Dpkg::Options::=--force-confold", "postgresql"])
}

/// The configuration without a default cluster; `None` if an administrator has already decided.
fn without_default_cluster(config: &str) -> Option<String> {
    if config.lines().any(|line| line.trim_start().starts_with("create_main_cluster")) {
        return None;
    }
    Some(format!(
        "{config}\n# No default cluster: this machine only needs the binaries, for throwaway \
         ones.\ncreate_main_cluster = false\n"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_parsed_from_every_format() {
        assert_eq!(major("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"), Some(15));
        assert_eq!(major("postgres (PostgreSQL) 18beta1"), Some(18));
        assert_eq!(major("postgres (PostgreSQL) 9.6.24"), Some(9));
        assert_eq!(major("postgres (EnterpriseDB) 17.1"), None);
    }

    #[test]
    fn ten_is_newer_than_nine() {
        let parent = tempfile::tempdir().unwrap();
        for name in ["9", "17", "10", "notes"] {
            fs::create_dir(parent.path().join(name)).unwrap();
        }
        let found = newest_first(parent.path().to_str().unwrap(), "");
        let expected: Vec<PathBuf> =
            ["17", "10", "9"].iter().map(|name| parent.path().join(name).join("bin")).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn the_default_cluster_is_turned_off_unless_an_administrator_has_decided() {
        let packaged = "#create_main_cluster = true\n";
        assert!(without_default_cluster(packaged).unwrap().ends_with("\ncreate_main_cluster = false\n"));
        assert_eq!(without_default_cluster("create_main_cluster = true\n"), None);
    }
}
