//! A throwaway Postgres, made of the machine's own binaries: up in about half a second, gone without a trace.
//!
//! It never touches a Postgres that is already there, never listens outside the machine, and never outlives its owner:
//! whether the owner drops it, panics or is killed hard, the server stops and its folder is removed.

mod binaries;
mod config;
mod pooler;
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
pub use snapshot::Snapshot;
pub use standby::{Replication, Standby};
pub use url::with_database;

use server::{Home, Server};
use unprivileged::Account;

/// The superuser of every throwaway cluster.
const USER: &str = "keyward";

/// What a crash of the machine may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Everything: no fsync, in memory where there is room. For tests of behaviour.
    Fast,
    /// Nothing that was committed: fsync on, the defaults, on a disk. For fault tests and for figures worth publishing.
    Real,
}

/// How a cluster is made.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// What a crash may cost.
    pub durability: Durability,
    /// Also listen on 127.0.0.1, on a free port and behind a password of its own: a superuser without one would lend
    /// our account to everyone on the machine. The Unix socket needs none, its folder admits no one else.
    pub tcp: bool,
}

/// A running Postgres of our own. Dropping it stops the server and removes its folder.
///
/// The fault methods take `&self`, so that a test may share the cluster with the tasks that it disturbs.
#[derive(Debug)]
pub struct Cluster {
    // Dropped in this order: the server has ended before the watcher removes its folder.
    server: Server,
    _watcher: Watcher,
    folder: PathBuf,
    bin_dir: PathBuf,
    account: Account,
    /// By which its socket is found, whichever server has it.
    socket_port: u16,
    password: String,
}

impl Cluster {
    /// Starts a cluster that listens on a Unix socket only.
    ///
    /// # Errors
    /// When no Postgres of a sufficient version is at hand, or it does not start; the message says what to do.
    pub fn start(durability: Durability) -> Result<Self> {
        Self::start_with(Options { durability, tcp: false })
    }

    /// Starts a cluster as the options say.
    ///
    /// # Errors
    /// When no Postgres of a sufficient version is at hand, or it does not start; the message says what to do.
    pub fn start_with(options: Options) -> Result<Self> {
        let bin_dir = binaries::find_or_install()?;
        let folder = make_folder(options.durability)?;
        // First of all: from here on nothing is left behind, however we end.
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

    /// The URL over the Unix socket, of the database `postgres`; understood by sqlx, psql and pgbench alike.
    #[must_use]
    pub fn url(&self) -> String {
        url::over_socket(USER, &self.folder, self.socket_port)
    }

    /// The URL over 127.0.0.1, when it was asked for. A fail-over changes its port.
    #[must_use]
    pub fn tcp_url(&self) -> Option<String> {
        self.server.home().tcp.map(|port| url::over_tcp(USER, &self.password, port))
    }

    /// The folder of the socket: what libpq calls the host. The port is 5432 whatever the environment says, or that of
    /// [`tcp_url`](Self::tcp_url).
    #[must_use]
    pub fn socket_dir(&self) -> &Path {
        &self.folder
    }

    /// The superuser's name.
    #[must_use]
    pub fn user(&self) -> &'static str {
        USER
    }

    /// Where `psql`, `pgbench` and the like of this very version are.
    #[must_use]
    pub fn bin_dir(&self) -> &Path {
        &self.bin_dir
    }

    /// What the server has logged so far.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn log(&self) -> Result<String> {
        self.server.log()
    }

    /// The numbers of its processes, that of the server first.
    ///
    /// # Errors
    /// When it does not run, or the processes of this machine cannot be listed.
    pub fn pids(&self) -> Result<Vec<i32>> {
        Ok(self.server.pids()?.into_iter().map(|pid| pid.as_raw_nonzero().get()).collect())
    }

    /// Ends it in order: connections are cut, what was committed is written. The folder stays.
    ///
    /// # Errors
    /// When it does not end in time.
    pub fn stop(&self) -> Result<()> {
        self.server.stop(server::Way::InOrder)
    }

    /// Ends it at once, as an administrator in a hurry would: the next start recovers from the log.
    ///
    /// # Errors
    /// When it does not end in time.
    pub fn stop_immediately(&self) -> Result<()> {
        self.server.stop(server::Way::Immediately)
    }

    /// SIGKILL to the server and each of its processes: what the kernel does when memory runs out. Nothing gets to say
    /// goodbye.
    ///
    /// # Errors
    /// When its processes cannot be found or do not end.
    pub fn kill9(&self) -> Result<()> {
        self.server.kill9()
    }

    /// Starts it again after one of the above, on the same data, socket and port; returns when it accepts connections.
    ///
    /// # Errors
    /// When it runs already or does not start.
    pub fn start_again(&self) -> Result<()> {
        self.server.start_again()
    }

    /// [`stop`](Self::stop), then [`start_again`](Self::start_again).
    ///
    /// # Errors
    /// Those of the two.
    pub fn restart(&self) -> Result<()> {
        self.stop()?;
        self.start_again()
    }
}

/// The Postgres that tests use: `KEYWARD_TEST_DATABASE_URL` if it is set, else one cluster for this process, started on
/// the first call. A test makes a database of its own in it.
///
/// # Errors
/// When the variable is not UTF-8 or the cluster does not start.
pub fn shared_url() -> Result<String> {
    // Never dropped: the watcher removes it when the process is gone.
    static SHARED: OnceLock<Result<Cluster, String>> = OnceLock::new();

    if let Some(url) = run::variable("KEYWARD_TEST_DATABASE_URL").filter(|url| !url.is_empty()) {
        return url
            .into_string()
            .map_err(|_| anyhow!("KEYWARD_TEST_DATABASE_URL is not UTF-8: give it as a plain URL"));
    }
    let cluster = SHARED.get_or_init(|| Cluster::start(Durability::Fast).map_err(|error| format!("{error:#}")));
    cluster.as_ref().map(Cluster::url).map_err(|error| anyhow!("{error}"))
}

/// `cargo xtask pg`: a cluster to play with until Enter is pressed or the input ends.
///
/// # Errors
/// When it does not start.
pub fn hold_until_enter() -> Result<()> {
    let cluster = Cluster::start_with(Options { durability: Durability::Fast, tcp: true })?;
    println!("over the socket:  {}", cluster.url());
    println!("over TCP:         {}", cluster.tcp_url().unwrap_or_default());
    println!("a shell:          {}/psql '{}'", cluster.bin_dir().display(), cluster.url());
    println!("Press Enter to remove it.");
    std::io::stdin().lock().read_line(&mut String::new()).context("cannot read from the terminal")?;
    Ok(())
}

/// A new folder that only we may enter: in memory when the data may be lost and there is room, else on a disk.
fn make_folder(durability: Durability) -> Result<PathBuf> {
    const ROOM: u64 = 1 << 30;
    let memory = Path::new("/dev/shm");
    let in_memory = durability == Durability::Fast
        && rustix::fs::statvfs(memory).is_ok_and(|of| of.f_bavail.saturating_mul(of.f_frsize) >= ROOM);
    let parent = if in_memory {
        memory.to_owned()
    } else if run::variable("TMPDIR").is_none() && Path::new("/var/tmp").is_dir() {
        // By convention it outlives a restart, where /tmp is often memory.
        PathBuf::from("/var/tmp")
    } else {
        std::env::temp_dir()
    };
    let folder = tempfile::Builder::new()
        .prefix("keyward-pg-")
        .permissions(std::fs::Permissions::from_mode(0o700))
        .tempdir_in(&parent)
        .with_context(|| format!("cannot make a folder in {}; set TMPDIR to one that is writable", parent.display()))?;
    // From here on it is the watcher's to remove, not a destructor's: destructors do not run when a process is killed.
    // Without links in its path, since the watcher compares it with what the kernel says.
    folder.keep().canonicalize().context("cannot resolve the folder of the throwaway Postgres")
}

/// `initdb`, without waiting for the disk: a cluster that is cut off while it is being made is thrown away anyway.
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
