//! The folder of a run. When the run ends in any way, the nodes in the folder are killed and the folder is removed.
//!
//! Nodes are recognized by their working directory. No process outside the folder is affected.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

const SCRIPT: &str = r#"
for process in /proc/[0-9]*; do
    case "$(readlink "$process/cwd")" in
        "$1"/*) kill -KILL "${process#/proc/}" ;;
    esac
done 2>/dev/null"#;

/// Owns the folder. When this value is dropped or its process ends, all processes in the folder end.
#[derive(Debug)]
pub(super) struct Watcher {
    folder: PathBuf,
    _watcher: keyward_testkit::watcher::Watcher,
}

impl Watcher {
    /// Creates a folder on a disk.
    ///
    /// # Errors
    /// If it cannot be created or watched.
    pub(super) fn start() -> Result<Self> {
        let parent = Path::new("/var/tmp");
        let parent = if parent.is_dir() { parent.to_owned() } else { std::env::temp_dir() };
        let folder = tempfile::Builder::new().prefix("keyward-chaos-").tempdir_in(parent);
        // Without links in its path, which is compared with paths that the kernel reports. From here on the watcher
        // removes it: destructors do not run when a process is killed.
        let folder = folder.context("cannot make a folder for the nodes")?.keep().canonicalize()?;
        let watcher = keyward_testkit::watcher::Watcher::start(&folder, SCRIPT)?;
        Ok(Self { folder, _watcher: watcher })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn only_processes_in_the_folder_end_with_it() {
        let watcher = Watcher::start().unwrap();
        let folder = watcher.folder().to_owned();
        let elsewhere = tempfile::tempdir().unwrap();
        let inside = folder.join("node");
        std::fs::create_dir(&inside).unwrap();
        // Each waits for a line that never arrives.
        let wait = |at: &Path| Command::new("cat").current_dir(at).stdin(Stdio::piped()).spawn().unwrap();
        let (mut ours, mut other) = (wait(&inside), wait(elsewhere.path()));
        drop(watcher);
        assert!(!folder.exists());
        assert_eq!(ours.wait().unwrap().code(), None, "it was killed");
        assert_eq!(other.try_wait().unwrap(), None, "it still runs");
        other.kill().unwrap();
        other.wait().unwrap();
    }
}
