//! Runs other programs: finds the workspace and cargo, and reports failures.
//!
//! Never uses a shell, so no argument needs quoting.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

/// The folder that holds the workspace's `Cargo.toml`: of the package that cargo started, or else around the current
/// folder. It is never compiled in, because a copied target folder would keep the path of the original.
///
/// # Panics
/// Outside of a workspace.
#[must_use]
pub fn workspace_root() -> &'static Path {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| {
        let package = variable("CARGO_MANIFEST_DIR").map(PathBuf::from).or_else(|| std::env::current_dir().ok());
        let mut folders = package.iter().flat_map(|package| package.ancestors());
        let root = folders.find(|folder| folder.join("Cargo.lock").exists());
        root.expect("started by cargo or inside the workspace").to_owned()
    })
}

/// A cargo command in the workspace's root, with the cargo that started this program.
#[must_use]
pub fn cargo() -> Command {
    let mut command = Command::new(variable("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(workspace_root());
    command
}

/// Runs a command to its end and shows its output.
///
/// # Errors
/// If it cannot be started or fails; the message contains the command line.
pub fn show(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start `{}`", line(command)))?;
    ensure!(status.success(), "`{}` failed ({status})", line(command));
    Ok(())
}

/// Runs a command to its end and returns its output.
///
/// # Errors
/// If it cannot be started, fails, or prints invalid UTF-8; the message contains its error output.
pub fn capture(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot start `{}`", line(command)))?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        bail!("`{}` failed ({}):\n{}", line(command), output.status, stderr.trim_end());
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{}` printed something that is not UTF-8", line(command)))
}

/// Cargo's target folder, wherever it is configured.
///
/// # Errors
/// If `cargo metadata` fails or does not name a target directory.
pub fn target_directory() -> Result<PathBuf> {
    let metadata = capture(cargo().args(["metadata", "--no-deps", "--format-version", "1"]))?;
    let metadata: Value = serde_json::from_str(&metadata).context("`cargo metadata` printed no JSON")?;
    let path = metadata["target_directory"].as_str().context("`cargo metadata` names no target_directory")?;
    Ok(PathBuf::from(path))
}

/// Reads an environment variable.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the environment configures the automation")]
pub fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

/// The command line as typed in a shell.
fn line(command: &Command) -> String {
    let mut words = vec![Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy()];
    words.extend(command.get_args().map(std::ffi::OsStr::to_string_lossy));
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_contains_the_command_and_its_error_output() {
        let error = capture(Command::new("sh").args(["-c", "echo out of paper >&2; exit 3"])).unwrap_err().to_string();
        assert!(error.contains("sh -c"), "{error}");
        assert!(error.contains("out of paper"), "{error}");
        assert!(error.contains('3'), "{error}");
    }

    #[test]
    fn the_root_is_the_folder_of_the_workspace() {
        let manifest = std::fs::read_to_string(workspace_root().join("Cargo.toml")).unwrap();
        assert!(manifest.contains("[workspace]"));
    }

    #[test]
    fn the_target_directory_is_an_absolute_path() {
        assert!(target_directory().unwrap().is_absolute());
    }
}
