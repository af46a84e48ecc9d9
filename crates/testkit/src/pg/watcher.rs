//! The one that cleans up when nobody else can: a small shell process that waits for its owner to be gone.
//!
//! It blocks on a pipe whose other end only we hold. When we end, in whatever way, the kernel closes that end; the
//! watcher then stops the server and removes the folder. A destructor would not run on SIGKILL, and a parent-death
//! signal is not reachable without unsafe. It never acts on a process that does not live in its own folder.

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result};

/// `$1` is the folder. A server's process id is believed only while that process works in our data folder (where
/// `/proc` can tell): a number from a stale file may by now belong to somebody else.
const SCRIPT: &str = r#"
trap '' HUP INT TERM
read -r _
for data in "$1/data" "$1"/standby-*/data; do
    if read -r pid 2>/dev/null <"$data/postmaster.pid" && { [ ! -e /proc/self ] || [ "$(readlink "/proc/$pid/cwd")" = "$data" ]; }; then
        kill -QUIT "$pid"
        tries=0
        while [ "$tries" -lt 200 ] && [ -e "$data/postmaster.pid" ] && kill -0 "$pid"; do
            sleep 0.05
            tries=$((tries + 1))
        done
        [ ! -e "$data/postmaster.pid" ] || kill -KILL "$pid"
    fi 2>/dev/null
done
rm -rf "$1"
"#;

/// Owns the folder: when this value is dropped, or its process is gone, the folder is removed.
#[derive(Debug)]
pub(super) struct Watcher {
    shell: Child,
}

impl Watcher {
    pub(super) fn start(folder: &Path) -> Result<Self> {
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT, "keyward-pg-watcher"]).arg(folder).current_dir("/");
        // A group of its own: Ctrl-C at the terminal must not end it before it has done its work.
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let shell = command.spawn().context("cannot start `sh` to watch over the throwaway Postgres")?;
        Ok(Self { shell })
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        // Nobody could act on a failure here, and the folder is in a place that the machine empties by itself.
        let _ = self.shell.wait();
    }
}
