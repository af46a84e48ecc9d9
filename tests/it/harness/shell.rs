//! Programs of the machine that a scenario needs beside the service. A missing one is an error, never skipped.

use std::{ffi::OsStr, path::Path, process::Command};

use keyward_testkit::process::Process;

use super::Finished;

/// Runs a script as a person would paste it, in this folder.
pub(crate) fn shell(script: &str, folder: &Path) -> Finished {
    run(Path::new("sh"), ["-eu", "-c", script], folder)
}

/// Runs a program to its end.
pub(crate) fn run<A: AsRef<OsStr>>(program: &Path, arguments: impl IntoIterator<Item = A>, folder: &Path) -> Finished {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).env_clear();
    if let Some(path) = keyward_testkit::run::variable("PATH") {
        command.env("PATH", path);
    }
    Finished::wait_for(Process::spawn(&mut command).unwrap())
}
