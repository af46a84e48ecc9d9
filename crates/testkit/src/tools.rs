//! Programs of the machine: found on the search path, or installed from the distribution where that is usual.
//!
//! An installation prints a message and starts no service. A missing program that cannot be installed is an error with
//! the command to run, never skipped silently.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

use crate::run;

/// The program that Debian's packages run before they start a service.
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// Path of a program on the search path, or in Debian's folder for servers.
#[must_use]
pub fn find(program: &str) -> Option<PathBuf> {
    let path = run::variable("PATH").unwrap_or_default();
    // Not in every user's search path.
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
    folders.map(|folder| folder.join(program)).find(|program| program.is_file())
}

/// Path of a program. On Debian, root installs the package if the program is missing.
///
/// # Errors
/// If it is missing and is not installed; the message says what to run.
pub fn find_or_install(program: &str, package: &str) -> Result<PathBuf> {
    if let Some(found) = find(program) {
        return Ok(found);
    }
    install_where_usual(program, package)?;
    find(program).with_context(|| format!("Debian's package `{package}` was installed and brought no {program}"))
}

/// Like [`find_or_install`], for something that is not a program.
///
/// # Errors
/// If it is missing and is not installed; the message says what to run.
pub fn have_or_install(what: &str, package: &str, is_there: impl Fn() -> bool) -> Result<()> {
    if is_there() {
        return Ok(());
    }
    install_where_usual(what, package)?;
    ensure!(is_there(), "Debian's package `{package}` was installed and brought no {what}");
    Ok(())
}

fn install_where_usual(what: &str, package: &str) -> Result<()> {
    let root = rustix::process::geteuid().is_root();
    if !(root && Path::new("/etc/debian_version").exists()) {
        bail!(
            "{what} is not on this machine: `sudo apt-get install {package}` on Debian, `brew install {package}` on \
             macOS"
        );
    }
    say(&format!("no {what} on this machine; installing Debian's package `{package}`, without starting a service"));
    install(package)
}

/// Installs a package of Debian without starting its services.
///
/// # Errors
/// If it cannot be installed; the message says what to run.
pub(crate) fn install(package: &str) -> Result<()> {
    let policy = Path::new(POLICY);
    // An administrator's own policy stays.
    let is_ours = !policy.exists();
    if is_ours {
        fs::write(policy, "#!/bin/sh\nexit 101\n").with_context(|| format!("cannot write {POLICY}"))?;
        fs::set_permissions(policy, fs::Permissions::from_mode(0o755))?;
    }
    let arguments = ["install", "-y", "--no-install-recommends", package];
    // A new machine may have no package lists.
    let installed = apt_get(&arguments).or_else(|_| apt_get(&["update"]).and_then(|()| apt_get(&arguments)));
    if is_ours {
        fs::remove_file(policy).with_context(|| format!("cannot remove {POLICY}"))?;
    }
    installed.with_context(|| format!("run `apt-get install --no-install-recommends {package}`"))
}

/// Runs `apt-get`.
///
/// # Errors
/// If it fails.
pub(crate) fn apt_get(arguments: &[&str]) -> Result<()> {
    let mut command = Command::new("apt-get");
    // Two test binaries may install concurrently: the second waits for the lock of the first.
    command.args(["-q", "-o", "DPkg::Lock::Timeout=300"]).args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
    // A test's own output goes to standard output, without progress messages.
    let status = command.stdout(std::io::stderr()).status().context("cannot start apt-get")?;
    ensure!(status.success(), "`apt-get {}` failed ({status})", arguments.join(" "));
    Ok(())
}

/// Prints a message even if the test harness captures output.
pub(crate) fn say(what: &str) {
    use std::io::Write as _;
    // A closed output is ignored.
    let _ = writeln!(std::io::stderr(), "xtask: {what}");
}
