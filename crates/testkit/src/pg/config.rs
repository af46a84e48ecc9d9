//! The settings of a throwaway cluster.
//!
//! They are written to its `postgresql.conf`, never passed as arguments, so that a restart in a fault test has the same
//! settings.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;

use anyhow::{Context as _, Result};

use super::{Durability, server::Home, url};

/// For both kinds. A killed server would leak POSIX shared memory, but not files. The tests of the workspace open many
/// pools.
const ALWAYS: &str = "\
dynamic_shared_memory_type = mmap
max_connections = 300
timezone = 'UTC'
log_timezone = 'UTC'
";

/// Faster settings; a crash loses all data.
const FAST: &str = "\
fsync = off
synchronous_commit = off
full_page_writes = off
autovacuum = off
";

/// Writes the settings of a new cluster.
pub(super) fn write(home: &Home, durability: Durability) -> Result<()> {
    append(home, &text(&home.folder, durability, home.tcp))
}

/// Sets the address of the data in this folder, which may be a copy from another one.
pub(super) fn write_address(home: &Home) -> Result<()> {
    append(home, &address(&home.folder, home.tcp))
}

/// Makes the data in this folder follow the server at this URL, under the name `name`. Drops settings that `ALTER
/// SYSTEM` made at that server: they would override these, and contain the standbys that it waits for.
pub(super) fn write_following(home: &Home, url: &str, name: &str) -> Result<()> {
    std::fs::write(home.data().join("postgresql.auto.conf"), "").context("cannot empty postgresql.auto.conf")?;
    append(home, &format!("primary_conninfo = '{url}&application_name={name}'\n"))
}

/// Appends settings: the last line for a setting wins.
fn append(home: &Home, lines: &str) -> Result<()> {
    let path = home.data().join("postgresql.conf");
    let mut file =
        OpenOptions::new().append(true).open(&path).with_context(|| format!("cannot open {}", path.display()))?;
    file.write_all(lines.as_bytes()).with_context(|| format!("cannot write {}", path.display()))
}

fn address(folder: &Path, port: Option<u16>) -> String {
    let address = if port.is_some() { "127.0.0.1" } else { "" };
    let port = port.unwrap_or(url::SOCKET_PORT);
    let folder = folder.to_string_lossy().replace('\'', "''");
    format!("listen_addresses = '{address}'\nport = {port}\nunix_socket_directories = '\"{folder}\"'\n")
}

fn text(folder: &Path, durability: Durability, port: Option<u16>) -> String {
    let extra = match durability {
        Durability::Fast => FAST,
        Durability::Real => "",
    };
    format!("{ALWAYS}{extra}{}", address(folder, port))
}

/// A port that was free a moment ago. Another program may take it before Postgres does; then Postgres refuses to start.
pub(super) fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("cannot find a free port on 127.0.0.1")?;
    Ok(listener.local_addr().context("cannot read the free port")?.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_real_cluster_keeps_every_default_that_durability_depends_on() {
        let real = text(Path::new("/x"), Durability::Real, None);
        for setting in ["fsync", "synchronous_commit", "full_page_writes"] {
            assert!(!real.contains(setting), "{setting}");
        }
        assert!(text(Path::new("/x"), Durability::Fast, None).contains("fsync = off"));
    }

    #[test]
    fn it_listens_on_nothing_by_default_and_otherwise_on_loopback_only() {
        assert!(text(Path::new("/x"), Durability::Fast, None).contains("listen_addresses = ''"));
        assert!(
            text(Path::new("/x"), Durability::Fast, Some(7)).contains("listen_addresses = '127.0.0.1'\nport = 7\n")
        );
    }

    #[test]
    fn a_quote_in_the_folder_cannot_end_the_setting() {
        assert!(text(Path::new("/o'b"), Durability::Fast, None).contains("'\"/o''b\"'"));
    }
}
