//! Packages of npm, for Node.js.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context as _, Result};

use super::{installed, source};
use crate::{run, tools};

/// Files that determine the installed versions.
const FILES: [&str; 3] = [".npmrc", "package.json", "package-lock.json"];

/// Runs a script of `tests/outside` with these arguments, and returns what it printed.
///
/// # Errors
/// If Node.js or a package cannot be installed, or the script fails; the message contains its error output.
pub fn node(script: &str, arguments: &[&str]) -> Result<String> {
    let folder = packages()?;
    run::capture(Command::new("node").arg(source(script)).args(arguments).current_dir(folder))
}

/// The command of a program in one of the packages.
///
/// # Errors
/// If Node.js or a package cannot be installed.
pub fn npm_program(name: &str) -> Result<Command> {
    let program = packages()?.join("node_modules/.bin").join(name);
    let mut command = Command::new(program);
    // Disables update checks and telemetry.
    command.env("REDOCLY_TELEMETRY", "off").env("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true");
    Ok(command)
}

/// Installs the packages unless they are current. They are in the folder above those of the tests, so that every script
/// finds them.
fn packages() -> Result<PathBuf> {
    static FOLDER: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    installed(&FOLDER, "", &FILES, |folder| {
        tools::find_or_install("node", "nodejs")?;
        let npm = tools::find_or_install("npm", "npm")?;
        for file in FILES {
            fs::copy(source(file), folder.join(file)).with_context(|| format!("cannot copy {file}"))?;
        }
        tools::say("installing the npm packages that tests/outside names into the target folder");
        run::capture(Command::new(npm).args(["ci", "--ignore-scripts", "--no-progress"]).current_dir(folder))?;
        Ok(())
    })
}
