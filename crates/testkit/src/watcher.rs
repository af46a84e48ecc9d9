//! A small shell process that cleans up after its owner has ended.
//!
//! It blocks on a pipe whose other end only the owner has. When the owner ends in any way, the kernel closes that end.
//! Then the watcher runs its script and removes the folder. A destructor would not run on SIGKILL, and a parent-death
//! signal requires unsafe code.

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result};

/// Owns a folder. When this value is dropped or its process ends, the script runs and the folder is removed.
#[derive(Debug)]
pub struct Watcher {
    shell: Child,
}

impl Watcher {
    /// Watches a folder. In the script, `$1` is the folder.
    ///
    /// # Errors
    /// If there is no shell.
    pub fn start(folder: &Path, script: &str) -> Result<Self> {
        let script = format!("trap '' HUP INT TERM\nread -r _\n{script}\nrm -rf \"$1\"");
        let mut command = Command::new("sh");
        command.args(["-c", &script, "keyward-watcher"]).arg(folder).current_dir("/");
        // Its own process group: Ctrl-C at the terminal must not end it before it has cleaned up.
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let shell = command.spawn().with_context(|| format!("cannot start `sh` to watch over {}", folder.display()))?;
        Ok(Self { shell })
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        // A failure here has no remedy, and the machine empties the parent folder by itself.
        let _ = self.shell.wait();
    }
}
