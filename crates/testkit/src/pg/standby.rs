//! A streaming standby of a throwaway cluster: a second server that follows the first and can be promoted in its place.
//! Never promotes one while the primary runs: two primaries are no fail-over.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::server::{Home, Server, eventually};
use super::{Cluster, USER, config, psql, url};
use crate::run;

/// Whether the primary's commits wait for the standby.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replication {
    /// They do not: a standby that is cut off lacks later commits.
    Asynchronous,
    /// They do on connections with `synchronous_commit` on: a promoted standby has all of them. While the standby is
    /// cut off or stopped, no such commit returns.
    Synchronous,
}

/// A running standby. Dropping it stops it. The primary continues, and waits forever for a synchronous one.
#[derive(Debug)]
pub struct Standby {
    server: Server,
    bin_dir: PathBuf,
    primary: String,
    name: String,
}

impl Cluster {
    /// Starts a standby from a base backup of this running cluster. Returns when it streams.
    ///
    /// # Errors
    /// If this cluster is not running, or the standby does not start.
    pub fn standby(&self, replication: Replication) -> Result<Standby> {
        let (folder, name) = new_home(&self.folder)?;
        self.account.hand_over(&folder)?;
        let tcp = self.server.home().tcp.map(|_| config::free_port()).transpose()?;
        let home = Home { folder, tcp };
        self.base_backup(&format!("{name}/data"))?;
        config::write_address(&home)?;
        config::write_following(&home, &self.url(), &name)?;
        let signal = home.data().join("standby.signal");
        std::fs::write(&signal, "").context("cannot write standby.signal")?;
        self.account.hand_over(&signal)?;
        let server = Server::start(&self.bin_dir, home, self.account)?;
        let standby = Standby { server, bin_dir: self.bin_dir.clone(), primary: self.url(), name };
        if replication == Replication::Synchronous {
            let names = format!("ALTER SYSTEM SET synchronous_standby_names = '\"{}\"'", standby.name);
            standby.ask(&standby.primary, &names)?;
            standby.ask(&standby.primary, "SELECT pg_reload_conf()")?;
        }
        standby.wait_until_it_streams(replication)?;
        Ok(standby)
    }

    /// Promotes the standby with `pg_ctl promote` in place of this cluster's server, which has ended. Then this value
    /// represents the promoted server: [`url`](Self::url) leads to it, and [`tcp_url`](Self::tcp_url) has another port.
    ///
    /// # Errors
    /// If this cluster is still running, or the standby cannot be promoted.
    pub fn fail_over(&self, standby: Standby) -> Result<()> {
        ensure!(!self.server.is_running(), "the primary runs still: stop it first");
        let Standby { server, .. } = standby;
        let home = server.home();
        let mut promote = Command::new(self.bin_dir.join("pg_ctl"));
        promote.args(["promote", "--wait", "--silent", "-D"]).arg(home.data());
        run::capture(self.account.become_by(&mut promote, &home.folder))?;
        let before = self.server.become_other(&server)?;
        std::fs::remove_dir_all(before.data()).context("cannot remove the data of the primary before")?;
        // A killed server leaves its socket behind.
        let socket = self.folder.join(format!(".s.PGSQL.{}", self.socket_port));
        if socket.symlink_metadata().is_ok() {
            std::fs::remove_file(&socket).context("cannot remove the socket of the primary before")?;
        }
        std::os::unix::fs::symlink(home.socket(), &socket)
            .context("cannot put the promoted server's socket in its place")
    }
}

impl Standby {
    /// Cuts it off from its primary. It has everything that was committed and flushed there before this call, and gets
    /// no later commit. (Pausing its replay would not suffice: a promotion replays everything that it received.)
    ///
    /// # Errors
    /// If the primary is not running, or the standby does not catch up.
    pub fn cut_off(&self) -> Result<()> {
        let flushed = self.ask(&self.primary, "SELECT pg_current_wal_flush_lsn()")?;
        let received = format!("SELECT pg_last_wal_receive_lsn() >= '{flushed}'");
        self.wait_until("has what the primary flushed", &received)?;
        self.ask(&self.url(), "ALTER SYSTEM SET primary_conninfo = ''")?;
        self.ask(&self.url(), "SELECT pg_reload_conf()")?;
        self.wait_until("is cut off", "SELECT NOT EXISTS (SELECT FROM pg_stat_wal_receiver)")
    }

    /// The URL over its own Unix socket. The standby answers queries and refuses changes.
    #[must_use]
    pub fn url(&self) -> String {
        let home = self.server.home();
        url::over_socket(USER, &home.folder, home.port())
    }

    fn wait_until_it_streams(&self, replication: Replication) -> Result<()> {
        let state = match replication {
            Replication::Asynchronous => "async",
            Replication::Synchronous => "sync",
        };
        let sql = format!(
            "SELECT EXISTS (SELECT FROM pg_stat_replication
            WHERE application_name = '{}' AND state = 'streaming' AND sync_state = '{state}')",
            self.name
        );
        let streams = eventually(|| Ok(self.ask(&self.primary, &sql)? == "t"))?;
        ensure!(streams, "the standby did not stream in a minute; its log:\n{}", self.server.log()?.trim_end());
        Ok(())
    }

    /// Waits until this query returns true at the standby.
    fn wait_until(&self, what: &str, sql: &str) -> Result<()> {
        let holds = eventually(|| Ok(self.ask(&self.url(), sql)? == "t"))?;
        ensure!(holds, "the standby never {what}; its log:\n{}", self.server.log()?.trim_end());
        Ok(())
    }

    fn ask(&self, url: &str, statement: &str) -> Result<String> {
        psql::sql(&self.bin_dir, url, statement)
    }
}

/// Creates a folder for a standby in that of its cluster. Returns it with its name, by which the watcher finds it.
fn new_home(cluster: &Path) -> Result<(PathBuf, String)> {
    for number in 1..u32::MAX {
        let name = format!("standby-{number}");
        let folder = cluster.join(&name);
        match std::fs::create_dir(&folder) {
            Ok(()) => return Ok((folder, name)),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error).with_context(|| format!("cannot make {}", folder.display())),
        }
    }
    anyhow::bail!("there are too many standbys in {}", cluster.display())
}
