//! Stops the servers of a cluster when its owner has ended.

use std::path::Path;

use anyhow::Result;

use crate::watcher::Watcher;

/// The process id in a file counts only if that process works in our data folder (where `/proc` exists): the file may
/// be stale, and the id may belong to another process.
const SCRIPT: &str = r#"
for data in "$1/data" "$1"/standby-*/data; do
    if read -r pid 2>/dev/null <"$data/postmaster.pid" &&
        { [ ! -e /proc/self ] || [ "$(readlink "/proc/$pid/cwd")" = "$data" ]; }; then
        kill -QUIT "$pid"
        tries=0
        while [ "$tries" -lt 200 ] && [ -e "$data/postmaster.pid" ] && kill -0 "$pid"; do
            sleep 0.05
            tries=$((tries + 1))
        done
        [ ! -e "$data/postmaster.pid" ] || kill -KILL "$pid"
    fi 2>/dev/null
done"#;

/// Watches the folder of a cluster. When the value is dropped or its process ends, the folder is removed.
///
/// # Errors
/// If there is no shell.
pub(super) fn start(folder: &Path) -> Result<Watcher> {
    Watcher::start(folder, SCRIPT)
}
