//! Programs of others that tests look at the service with: packages of npm and PyPI, in versions that files of
//! `tests/outside` name.
//!
//! They lie in the target folder, never in the sources, and no part of the product needs them. Installing says so.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context as _, Result};

use crate::run;

mod npm;
mod pypi;

pub use npm::{node, npm_program};
pub use pypi::python_program;

/// Where the sources of these tests stand.
const SOURCES: &str = "tests/outside";

/// A file among those sources.
#[must_use]
pub fn source(name: &str) -> PathBuf {
    run::workspace_root().join(SOURCES).join(name)
}

/// A folder of one test's own among the packages, empty at first: what lies in it finds them.
///
/// # Errors
/// When it cannot be made.
pub fn workshop(name: &str) -> Result<PathBuf> {
    let folder = run::target_directory()?.join("outside").join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}

/// Installs once a process, and not at all where the very same is there: `files` decide what that is, `install` fills
/// the folder below the target folder.
fn installed(
    once: &'static OnceLock<Result<PathBuf, String>>,
    name: &str,
    files: &[&str],
    install: impl FnOnce(&Path) -> Result<()>,
) -> Result<PathBuf> {
    let folder = once.get_or_init(|| make(name, files, install).map_err(|error| format!("{error:#}")));
    folder.clone().map_err(anyhow::Error::msg)
}

fn make(name: &str, files: &[&str], install: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let folder = run::target_directory()?.join("outside").join(name);
    let mut wanted = Vec::new();
    for file in files {
        wanted.extend(fs::read(source(file)).with_context(|| format!("cannot read {SOURCES}/{file}"))?);
    }
    let done = folder.join("installed");
    if !fs::read(&done).is_ok_and(|had| had == wanted) {
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        install(&folder)?;
        fs::write(&done, wanted).with_context(|| format!("cannot write {}", done.display()))?;
    }
    Ok(folder)
}
