//! The one that cleans up when nobody else can: a small shell process that waits for the run to be gone.
//!
//! It blocks on a pipe whose other end only we hold. When we end, in whatever way, it kills the nodes, which it knows
//! by their working directory, and removes their folder. It never acts on a process that does not live in that folder.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result};

const SCRIPT: &str = r#"
trap '' HUP INT TERM
read -r _
for process in /proc/[0-9]*; do
    case "$(readlink "$process/cwd")" in
        "$1"/*) kill -KILL "${process#/proc/}" ;;
    esac
done 2>/dev/null
rm -rf "$1"
"#;

/// Owns the folder of a run: when this value is dropped, or its process is gone, all that lives there ends.
#[derive(Debug)]
pub(super) struct Watcher {
    folder: PathBuf,
    shell: Child,
}

impl Watcher {
    /// Makes a folder, on a disk.
    ///
    /// # Errors
    /// When it cannot be made or watched.
    pub(super) fn start() -> Result<Self> {
        let parent = Path::new("/var/tmp");
        let parent = if parent.is_dir() { parent.to_owned() } else { std::env::temp_dir() };
        let folder = tempfile::Builder::new().prefix("keyward-chaos-").tempdir_in(parent);
        // Without links in its path, since it is compared with what the kernel says. From here on it is the watcher's
        // to remove: destructors do not run when a process is killed.
        let folder = folder.context("cannot make a folder for the nodes")?.keep().canonicalize()?;
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT, "keyward-chaos-watcher"]).arg(&folder).current_dir("/");
        // A group of its own: Ctrl-C at the terminal must not end it before it has done its work.
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let shell = command.spawn().context("cannot start `sh` to watch over the nodes")?;
        Ok(Self { folder, shell })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        // Nobody could act on a failure here.
        let _ = self.shell.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lives_in_the_folder_ends_with_it_and_nothing_else() {
        let watcher = Watcher::start().unwrap();
        let folder = watcher.folder().to_owned();
        let elsewhere = tempfile::tempdir().unwrap();
        let inside = folder.join("node");
        std::fs::create_dir(&inside).unwrap();
        // Each waits for a line that never comes.
        let wait = |at: &Path| Command::new("cat").current_dir(at).stdin(Stdio::piped()).spawn().unwrap();
        let (mut ours, mut other) = (wait(&inside), wait(elsewhere.path()));
        drop(watcher);
        assert!(!folder.exists());
        assert_eq!(ours.wait().unwrap().code(), None, "it was killed");
        assert_eq!(other.try_wait().unwrap(), None, "it runs on");
        other.kill().unwrap();
        other.wait().unwrap();
    }
}
