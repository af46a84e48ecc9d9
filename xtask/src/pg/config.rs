//! The settings of a throwaway cluster.
//!
//! They are written to its `postgresql.conf`, never given as arguments: a restart in a fault test then has the very
//! same ones.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;

use anyhow::{Context as _, Result};

use super::{Durability, server, url};

/// For both kinds. A server that is killed hard leaks POSIX shared memory, files it does not; a workspace's tests open
/// many pools.
const ALWAYS: &str = "\
dynamic_shared_memory_type = mmap
max_connections = 300
timezone = 'UTC'
log_timezone = 'UTC'
";

/// What makes a crash cost everything, and everything else cheap.
const FAST: &str = "\
fsync = off
synchronous_commit = off
full_page_writes = off
autovacuum = off
";

/// Appends ours to the file that `initdb` wrote: the last line for a setting wins.
pub(super) fn write(folder: &Path, durability: Durability, port: Option<u16>) -> Result<()> {
    let path = server::data_dir(folder).join("postgresql.conf");
    let mut file =
        OpenOptions::new().append(true).open(&path).with_context(|| format!("cannot open {}", path.display()))?;
    file.write_all(text(folder, durability, port).as_bytes())
        .with_context(|| format!("cannot write {}", path.display()))
}

fn text(folder: &Path, durability: Durability, port: Option<u16>) -> String {
    let address = if port.is_some() { "127.0.0.1" } else { "" };
    let port = port.unwrap_or(url::SOCKET_PORT);
    let folder = folder.to_string_lossy().replace('\'', "''");
    let extra = match durability {
        Durability::Fast => FAST,
        Durability::Real => "",
    };
    format!("{ALWAYS}{extra}listen_addresses = '{address}'\nport = {port}\nunix_socket_directories = '\"{folder}\"'\n")
}

/// A port that was free a moment ago. Another program may take it before Postgres does; then Postgres refuses to start
/// and says so.
pub(super) fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("cannot find a free port on 127.0.0.1")?;
    Ok(listener.local_addr().context("cannot read the free port")?.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_real_cluster_keeps_every_default_that_durability_rests_on() {
        let real = text(Path::new("/x"), Durability::Real, None);
        for setting in ["fsync", "synchronous_commit", "full_page_writes"] {
            assert!(!real.contains(setting), "{setting}");
        }
        assert!(text(Path::new("/x"), Durability::Fast, None).contains("fsync = off"));
    }

    #[test]
    fn it_listens_on_nothing_unless_asked_and_then_on_the_loopback_only() {
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
