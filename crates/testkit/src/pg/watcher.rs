//! What stops the servers of a cluster when its owner is gone.

use std::path::Path;

use anyhow::Result;

use crate::watcher::Watcher;

/// A server's process id is believed only while that process works in our data folder (where `/proc` can tell): a
/// number from a stale file may belong to another process by now.
const SCRIPT: &str = r#"
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
done"#;

/// Watches over a cluster's folder: when the value is dropped, or its process is gone, the folder is removed.
///
/// # Errors
/// When there is no shell.
pub(super) fn start(folder: &Path) -> Result<Watcher> {
    Watcher::start(folder, SCRIPT)
}
