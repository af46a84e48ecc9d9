//! PgBouncer in front of a throwaway cluster. It reassigns connections between transactions, as in many installations,
//! and so splits sessions.
//!
//! It listens on a socket in a private folder, and ends with its owner. If it is missing, Debian's package is installed
//! (as root, with a message, without its service); elsewhere a message reports this.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use super::{Cluster, USER, server, unprivileged::Account, url};
use crate::{run, tools};

/// `$1` is the program, `$2` its configuration. The shell stops PgBouncer when the owner has ended.
const SCRIPT: &str = r#""$1" -q "$2" & read -r _; kill -TERM $!; wait"#;

/// A running PgBouncer. Dropping it stops it. Its folder is in that of the cluster, and is removed with it.
#[derive(Debug)]
pub struct Pooler {
    shell: Child,
    folder: PathBuf,
}

impl Pooler {
    /// Starts one in front of this cluster, with the package's defaults except for the mode. Returns `None`, with a
    /// message, if there is no PgBouncer.
    ///
    /// # Errors
    /// If it cannot be installed or does not start.
    pub fn in_front_of(cluster: &Cluster) -> Result<Option<Self>> {
        Ok(match find_or_install()? {
            Some(program) => Some(Self::start(&program, cluster)?),
            None => None,
        })
    }

    fn start(program: &Path, cluster: &Cluster) -> Result<Self> {
        let folder = cluster.folder.join("pooler");
        fs::create_dir(&folder).context("cannot make a folder for PgBouncer: one in front of a cluster is enough")?;
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).context("cannot close PgBouncer's folder")?;
        let settings = folder.join("pgbouncer.ini");
        let port = cluster.socket_port;
        fs::write(&settings, text(&cluster.folder, port, &folder)).context("cannot write PgBouncer's settings")?;
        let account = Account::for_servers(&folder)?;
        account.hand_over(&settings)?;
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT, "keyward-pooler"]).arg(program).arg(&settings);
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let shell = account.become_by(&mut command, &folder).spawn().context("cannot start PgBouncer")?;
        let pooler = Self { shell, folder };
        let socket = pooler.folder.join(format!(".s.PGSQL.{}", url::SOCKET_PORT));
        ensure!(server::eventually(|| Ok(socket.exists()))?, "PgBouncer did not start; its log:\n{}", pooler.log());
        Ok(pooler)
    }

    /// The URL of the same database through PgBouncer.
    ///
    /// # Errors
    /// If the URL names no database.
    pub fn url_of(&self, direct: &str) -> Result<String> {
        let without_parameters = direct.split('?').next().unwrap_or_default();
        let (_, database) = without_parameters.rsplit_once('/').context("a URL without a database")?;
        url::with_database(&url::over_socket(USER, &self.folder, url::SOCKET_PORT), database)
    }

    /// Its log so far.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        // A failure here has no remedy.
        let _ = self.shell.wait();
    }
}

fn text(cluster: &Path, port: u16, folder: &Path) -> String {
    let (cluster, folder) = (cluster.display(), folder.display());
    format!(
        "[databases]\n* = host={cluster} port={port} user={USER}\n[pgbouncer]\npool_mode = transaction\n\
         auth_type = any\nlisten_addr =\nlisten_port = {}\nunix_socket_dir = {folder}\nlogfile = {folder}/log\n",
        url::SOCKET_PORT
    )
}

fn find_or_install() -> Result<Option<PathBuf>> {
    if let Some(found) = tools::find("pgbouncer") {
        return Ok(Some(found));
    }
    if !Path::new("/etc/debian_version").exists() || !rustix::process::geteuid().is_root() {
        tools::say(
            "there is no PgBouncer on this machine, so nothing is tested behind one (Debian: `sudo apt-get install \
             pgbouncer`)",
        );
        return Ok(None);
    }
    tools::say("no PgBouncer on this machine; installing Debian's package `pgbouncer`, without starting its service");
    install().context("installing PgBouncer failed; run `apt-get install --no-install-recommends pgbouncer`")?;
    let found = tools::find("pgbouncer").context("Debian's package `pgbouncer` brought no pgbouncer")?;
    Ok(Some(found))
}

fn install() -> Result<()> {
    tools::install("pgbouncer")?;
    // The service does not start at the next boot either.
    run::capture(Command::new("update-rc.d").args(["pgbouncer", "disable"]))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reassigns_connections_and_listens_only_on_its_socket() {
        let text = text(Path::new("/c"), 7, Path::new("/c/pooler"));
        for line in [
            "* = host=/c port=7 user=keyward",
            "pool_mode = transaction",
            "listen_addr =",
            "unix_socket_dir = /c/pooler",
        ] {
            assert!(text.lines().any(|it| it == line), "{line}: {text}");
        }
    }
}
