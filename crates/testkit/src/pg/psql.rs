//! Runs `psql` of an installed Postgres: rows only, with blanks between columns, and no settings of the user.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::run;

/// A `psql` that reads statements from its input, and stops at the first error.
#[must_use]
pub fn psql(bin_dir: &Path, url: &str) -> Command {
    let mut psql = Command::new(bin_dir.join("psql"));
    psql.args(["-X", "-A", "-t", "-q", "-F", " ", "-v", "ON_ERROR_STOP=1", "-d", url]);
    psql
}

/// Runs a statement, and returns its output without the last line break.
///
/// # Errors
/// If it fails.
pub fn sql(bin_dir: &Path, url: &str, statement: &str) -> Result<String> {
    Ok(run::capture(psql(bin_dir, url).args(["-c", statement]))?.trim_end().to_owned())
}
