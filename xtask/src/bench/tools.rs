//! Programs of the machine: found on the search path, or installed where that is the machine's way.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::run;

/// Where a program is, if it is on the search path.
pub(super) fn find(program: &str) -> Option<PathBuf> {
    let path = run::variable("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|program| program.is_file())
}

/// Where a program is; on Debian, as root, its package of the same name is installed if it is not there.
///
/// # Errors
/// When it is not there and is not installed here; the message says what to run.
pub(super) fn find_or_install(program: &str) -> Result<PathBuf> {
    if let Some(found) = find(program) {
        return Ok(found);
    }
    let root = rustix::process::geteuid().is_root();
    if !(root && Path::new("/etc/debian_version").exists()) {
        bail!(
            "{program} is not on this machine: `sudo apt-get install {program}` on Debian, `brew install {program}` on macOS"
        );
    }
    println!("installing Debian's package {program}");
    let apt = |arguments: &[&str]| {
        run::capture(Command::new("apt-get").args(arguments).env("DEBIAN_FRONTEND", "noninteractive")).map(drop)
    };
    let install = ["install", "-y", "--no-install-recommends", program];
    if apt(&install).is_err() {
        // A machine that is new knows no packages yet.
        apt(&["update", "-q"])?;
        apt(&install)?;
    }
    find(program).with_context(|| format!("{program} was installed and is not on the search path"))
}
