//! Programs of others that tests look at the service with: packages of the npm registry, in versions that a lock file
//! names.
//!
//! They lie in the target folder, never in the sources, and no part of the product needs them. Installing says so.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context as _, Result};

use crate::{run, tools};

/// Where the sources of these tests stand.
const SOURCES: &str = "tests/outside";
/// What decides which versions are installed.
const FILES: [&str; 3] = [".npmrc", "package.json", "package-lock.json"];

/// Runs a script of `tests/outside` with these arguments, and returns what it printed.
///
/// # Errors
/// When Node.js or a package cannot be installed, or the script fails; the message holds what it complained about.
pub fn node(script: &str, arguments: &[&str]) -> Result<String> {
    static FOLDER: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| install().map_err(|error| format!("{error:#}")));
    let folder = folder.as_ref().map_err(|error| anyhow::anyhow!("{error}"))?;
    let script = run::workspace_root().join(SOURCES).join(script);
    run::capture(Command::new("node").arg(script).args(arguments).current_dir(folder))
}

/// Installs the packages, unless the very same are there.
fn install() -> Result<PathBuf> {
    tools::find_or_install("node", "nodejs")?;
    let npm = tools::find_or_install("npm", "npm")?;
    let sources = run::workspace_root().join(SOURCES);
    let folder = run::target_directory()?.join("outside");
    let wanted = contents(&sources)?;
    let done = folder.join("installed");
    if fs::read(&done).is_ok_and(|had| had == wanted) {
        return Ok(folder);
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for file in FILES {
        fs::copy(sources.join(file), folder.join(file)).with_context(|| format!("cannot copy {file}"))?;
    }
    tools::say("installing the npm packages that tests/outside names into the target folder");
    run::capture(Command::new(npm).args(["ci", "--ignore-scripts", "--no-progress"]).current_dir(&folder))?;
    fs::write(&done, wanted).with_context(|| format!("cannot write {}", done.display()))?;
    Ok(folder)
}

fn contents(folder: &Path) -> Result<Vec<u8>> {
    let mut all = Vec::new();
    for file in FILES {
        all.extend(fs::read(folder.join(file)).with_context(|| format!("cannot read {SOURCES}/{file}"))?);
    }
    Ok(all)
}
