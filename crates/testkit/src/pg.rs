//! A throwaway Postgres from the machine's own binaries. It starts in about half a second and leaves no files.
//!
//! It never touches an existing Postgres, never listens outside the machine, and never outlives its owner: if the owner
//! drops it, panics or is killed, the server stops and its folder is removed.

mod binaries;
mod config;
mod pooler;
mod psql;
mod server;
mod snapshot;
mod standby;
#[cfg(test)]
mod tests;
mod unprivileged;
mod url;
mod watcher;

use std::io::BufRead as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context as _, Result, anyhow};

use crate::run;
use crate::watcher::Watcher;
pub use pooler::Pooler;
pub use psql::{psql, sql};
pub use snapshot::Snapshot;
pub use standby::{Replication, Standby};
pub use url::with_database;

use server::{Home, Server};
use unprivileged::Account;

/// The superuser of every throwaway cluster.
const USER: &str = "keyward";

/// Which data a crash of the machine may lose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// All data: no fsync, in memory if there is room. For tests of behaviour.
    Fast,
    /// No committed data: fsync and the defaults, on a disk. For fault tests and for published figures.
    Real,
}

/// Options of a new cluster.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Which data a crash may lose.
    pub durability: Durability,
    /// Whether to listen on a free port of 127.0.0.1, too. That port requires a password: otherwise every user of the
    /// machine could use our account through the superuser. The Unix socket needs none: its folder is private.
    pub tcp: bool,
}

/// A running throwaway Postgres. Dropping it stops the server and removes its folder.
///
/// The methods for faults take `&self`, so that a test can share the cluster with the disturbed tasks.
#[derive(Debug)]
pub struct Cluster {
    // Dropped in this order: the server must end before the watcher removes its folder.
    server: Server,
    _watcher: Watcher,
    folder: PathBuf,
    bin_dir: PathBuf,
    account: Account,
    /// The port in the name of the socket. It stays the same after a fail-over.
    socket_port: u16,
    password: String,
}

impl Cluster {
    /// Starts a cluster that listens on a Unix socket only.
    ///
    /// # Errors
    /// If no Postgres of a sufficient version is installed, or it does not start; the message says what to do.
    pub fn start(durability: Durability) -> Result<Self> {
        Self::start_with(Options { durability, tcp: false })
    }

    /// Starts a cluster with these options.
    ///
    /// # Errors
    /// If no Postgres of a sufficient version is installed, or it does not start; the message says what to do.
    pub fn start_with(options: Options) -> Result<Self> {
        let bin_dir = binaries::find_or_install()?;
        let folder = make_folder(options.durability)?;
        // First of all: from here on the watcher removes the folder in any case.
        let watcher = watcher::start(&folder)?;
        let account = Account::for_servers(&folder)?;
        let password = url::random_password()?;
        let tcp = options.tcp.then(config::free_port).transpose()?;
        let home = Home { folder: folder.clone(), tcp };
        initialise(&bin_dir, &folder, account, &password)?;
        config::write(&home, options.durability)?;
        let socket_port = home.port();
        let server = Server::start(&bin_dir, home, account)?;
        Ok(Self { server, _watcher: watcher, folder, bin_dir, account, socket_port, password })
    }

    /// The URL of the database `postgres` over the Unix socket. sqlx, psql and pgbench accept it.
    #[must_use]
    pub fn url(&self) -> String {
        url::over_socket(USER, &self.folder, self.socket_port)
    }

    /// The URL over 127.0.0.1, if the options enabled it. A fail-over changes its port.
    #[must_use]
    pub fn tcp_url(&self) -> Option<String> {
        self.server.home().tcp.map(|port| url::over_tcp(USER, &self.password, port))
    }

    /// The folder of the socket, which is the host for libpq. The port is that of [`tcp_url`](Self::tcp_url), or else
    /// 5432, regardless of the environment.
    #[must_use]
    pub fn socket_dir(&self) -> &Path {
        &self.folder
    }

    /// The superuser's name.
    #[must_use]
    pub fn user(&self) -> &'static str {
        USER
    }

    /// Folder of `psql`, `pgbench` and other programs of the same version.
    #[must_use]
    pub fn bin_dir(&self) -> &Path {
        &self.bin_dir
    }

    /// The server's log so far.
    ///
    /// # Errors
    /// If the log cannot be read.
    pub fn log(&self) -> Result<String> {
        self.server.log()
    }

    /// The ids of its processes, that of the server first.
    ///
    /// # Errors
    /// If it is not running, or the processes of this machine cannot be listed.
    pub fn pids(&self) -> Result<Vec<i32>> {
        Ok(self.server.pids()?.into_iter().map(|pid| pid.as_raw_nonzero().get()).collect())
    }

    /// Stops the server in order: it ends connections and writes committed data. The folder stays.
    ///
    /// # Errors
    /// If it does not end in time.
    pub fn stop(&self) -> Result<()> {
        self.server.stop(server::Way::InOrder)
    }

    /// Stops the server immediately: the next start recovers from the log.
    ///
    /// # Errors
    /// If it does not end in time.
    pub fn stop_immediately(&self) -> Result<()> {
        self.server.stop(server::Way::Immediately)
    }

    /// Sends SIGKILL to the server and each of its processes, like a kernel that is out of memory.
    ///
    /// # Errors
    /// If its processes cannot be found or do not end.
    pub fn kill9(&self) -> Result<()> {
        self.server.kill9()
    }

    /// Restarts a stopped server on the same data, socket and port. Returns when it accepts connections.
    ///
    /// # Errors
    /// If it is already running or does not start.
    pub fn start_again(&self) -> Result<()> {
        self.server.start_again()
    }

    /// [`stop`](Self::stop), then [`start_again`](Self::start_again).
    ///
    /// # Errors
    /// As those two.
    pub fn restart(&self) -> Result<()> {
        self.stop()?;
        self.start_again()
    }
}

/// URL of the Postgres for tests: `KEYWARD_TEST_DATABASE_URL` if it is set, else a cluster for this process, started on
/// the first call. Each test creates its own database in it.
///
/// # Errors
/// If the variable is not UTF-8 or the cluster does not start.
pub fn shared_url() -> Result<String> {
    // Never dropped: the watcher removes it when the process has ended.
    static SHARED: OnceLock<Result<Cluster, String>> = OnceLock::new();

    if let Some(url) = run::variable("KEYWARD_TEST_DATABASE_URL").filter(|url| !url.is_empty()) {
        return url
            .into_string()
            .map_err(|_| anyhow!("KEYWARD_TEST_DATABASE_URL is not UTF-8: give it as a plain URL"));
    }
    let cluster = SHARED.get_or_init(|| Cluster::start(Durability::Fast).map_err(|error| format!("{error:#}")));
    cluster.as_ref().map(Cluster::url).map_err(|error| anyhow!("{error}"))
}

/// `cargo xtask pg`: runs a cluster for experiments until Enter is pressed or the input ends.
///
/// # Errors
/// If it does not start.
pub fn hold_until_enter() -> Result<()> {
    let cluster = Cluster::start_with(Options { durability: Durability::Fast, tcp: true })?;
    println!("over the socket:  {}", cluster.url());
    println!("over TCP:         {}", cluster.tcp_url().unwrap_or_default());
    println!("a shell:          {}/psql '{}'", cluster.bin_dir().display(), cluster.url());
    println!("Press Enter to remove it.");
    std::io::stdin().lock().read_line(&mut String::new()).context("cannot read from the terminal")?;
    Ok(())
}

/// Creates a private folder: in memory if the data may be lost and there is room, else on a disk.
fn make_folder(durability: Durability) -> Result<PathBuf> {
    const ROOM: u64 = 1 << 30;
    let memory = Path::new("/dev/shm");
    let in_memory = durability == Durability::Fast
        && rustix::fs::statvfs(memory).is_ok_and(|of| of.f_bavail.saturating_mul(of.f_frsize) >= ROOM);
    let parent = if in_memory {
        memory.to_owned()
    } else if run::variable("TMPDIR").is_none() && Path::new("/var/tmp").is_dir() {
        // By convention it is on a disk, whereas /tmp is often in memory.
        PathBuf::from("/var/tmp")
    } else {
        std::env::temp_dir()
    };
    let folder = tempfile::Builder::new()
        .prefix("keyward-pg-")
        .permissions(std::fs::Permissions::from_mode(0o700))
        .tempdir_in(&parent)
        .with_context(|| format!("cannot make a folder in {}; set TMPDIR to one that is writable", parent.display()))?;
    // From here on the watcher removes it: destructors do not run when a process is killed. Without links in its path,
    // which the watcher compares with paths that the kernel reports.
    folder.keep().canonicalize().context("cannot resolve the folder of the throwaway Postgres")
}

/// Runs `initdb` without waiting for the disk: an incomplete cluster is discarded anyway.
fn initialise(bin_dir: &Path, folder: &Path, account: Account, password: &str) -> Result<()> {
    let password_file = folder.join("password");
    std::fs::write(&password_file, password).context("cannot write the password file of the throwaway Postgres")?;
    let mut initdb = Command::new(bin_dir.join("initdb"));
    initdb
        .args(["--no-sync", "--locale=C", "--encoding=UTF8", "--auth-local=trust", "--auth-host=scram-sha-256"])
        .arg(format!("--username={USER}"))
        .arg(format!("--pwfile={}", password_file.display()))
        .arg(format!("--pgdata={}", server::data_dir(folder).display()));
    account.hand_over(&password_file)?;
    run::capture(account.become_by(&mut initdb, folder))?;
    std::fs::remove_file(&password_file).context("cannot remove the password file of the throwaway Postgres")?;
    Ok(())
}
