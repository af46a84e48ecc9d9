//! Third-party programs that test the service: packages of npm and PyPI, in the versions that files of `tests/outside`
//! name.
//!
//! They are installed in the target folder, never in the sources, with a message. No part of the product needs them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context as _, Result};

use crate::run;

mod npm;
mod pypi;

pub use npm::{node, npm_program};
pub use pypi::python_program;

/// Folder of the sources of these tests.
const SOURCES: &str = "tests/outside";

/// A file among those sources.
#[must_use]
pub fn source(name: &str) -> PathBuf {
    run::workspace_root().join(SOURCES).join(name)
}

/// Creates an empty folder for one test beside the packages, so that scripts in it find them.
///
/// # Errors
/// If it cannot be created.
pub fn workshop(name: &str) -> Result<PathBuf> {
    let folder = run::target_directory()?.join("outside").join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}

/// Installs at most once per process, and only if the content of `files` has changed. `install` fills the folder in the
/// target folder.
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
