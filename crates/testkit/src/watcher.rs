//! The one that cleans up when nothing else can: a small shell process that waits for its owner to be gone.
//!
//! It blocks on a pipe whose other end only the owner holds. When the owner ends, in whatever way, the kernel closes
//! that end; then the watcher runs its script and removes the folder. A destructor would not run on SIGKILL, and a
//! parent-death signal is not reachable without unsafe.

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result};

/// Owns a folder: when this value is dropped, or its process is gone, the script runs and the folder is removed.
#[derive(Debug)]
pub struct Watcher {
    shell: Child,
}

impl Watcher {
    /// Watches over a folder. In the script, `$1` is the folder.
    ///
    /// # Errors
    /// When there is no shell.
    pub fn start(folder: &Path, script: &str) -> Result<Self> {
        let script = format!("trap '' HUP INT TERM\nread -r _\n{script}\nrm -rf \"$1\"");
        let mut command = Command::new("sh");
        command.args(["-c", &script, "keyward-watcher"]).arg(folder).current_dir("/");
        // A group of its own: Ctrl-C at the terminal must not end it before it has done its work.
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let shell = command.spawn().with_context(|| format!("cannot start `sh` to watch over {}", folder.display()))?;
        Ok(Self { shell })
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        // No one could act on a failure here, and the folder is in a place that the machine empties by itself.
        let _ = self.shell.wait();
    }
}
