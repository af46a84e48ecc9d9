//! The server process of a cluster: starts it, waits until it is ready, and ends it in the three ways that fault tests
//! need.
//!
//! It is a child process, not a daemon. It is reaped here, so its end is certain before a restart.

use std::fs::{self, OpenOptions};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

use super::unprivileged::Account;

/// How to stop it in order.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    /// Postgres calls it "fast": ends connections, writes everything.
    InOrder,
    /// Postgres calls it "immediate": writes nothing, recovers at the next start.
    Immediately,
}

/// Folder of the data of a cluster. The cluster's folder itself contains the socket and the log.
pub(super) fn data_dir(folder: &Path) -> PathBuf {
    folder.join("data")
}

#[derive(Debug)]
pub(super) struct Server {
    postgres: PathBuf,
    account: Account,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    home: Home,
    running: Option<Child>,
}

/// Folder and port of a server.
#[derive(Clone, Debug)]
pub(super) struct Home {
    pub(super) folder: PathBuf,
    /// The port on 127.0.0.1, if it listens there.
    pub(super) tcp: Option<u16>,
}

impl Home {
    /// Folder of the data.
    pub(super) fn data(&self) -> PathBuf {
        data_dir(&self.folder)
    }

    /// Path of the socket, whose name contains the port.
    pub(super) fn socket(&self) -> PathBuf {
        self.folder.join(format!(".s.PGSQL.{}", self.port()))
    }

    pub(super) fn port(&self) -> u16 {
        self.tcp.unwrap_or(super::url::SOCKET_PORT)
    }

    fn log_path(&self) -> PathBuf {
        self.folder.join("log")
    }

    fn log(&self) -> Result<String> {
        fs::read_to_string(self.log_path()).context("cannot read the log of the throwaway Postgres")
    }

    /// Postgres writes its state into the last line of this file; `pg_ctl` reads nothing else.
    fn is_ready(&self) -> bool {
        let state = fs::read_to_string(self.data().join("postmaster.pid")).unwrap_or_default();
        state.lines().nth(7).is_some_and(|line| line.trim_end() == "ready")
    }
}

impl Server {
    pub(super) fn start(bin_dir: &Path, home: Home, account: Account) -> Result<Self> {
        let state = Mutex::new(State { home, running: None });
        let server = Self { postgres: bin_dir.join("postgres"), account, state };
        server.start_again()?;
        Ok(server)
    }

    pub(super) fn start_again(&self) -> Result<()> {
        let State { home, running } = &mut *self.state();
        ensure!(running.is_none(), "this Postgres is running already: stop it first");
        let log = OpenOptions::new().create(true).append(true).open(home.log_path());
        let log = log.context("cannot open the log of the throwaway Postgres")?;
        let mut command = Command::new(&self.postgres);
        command.arg("-D").arg(home.data()).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        // Its own process group: Ctrl-C at the terminal ends the tests, and the server ends after them.
        command.process_group(0);
        let child = self.account.become_by(&mut command, &home.folder).spawn();
        let child = running.insert(child.with_context(|| format!("cannot start {}", self.postgres.display()))?);
        let mut ended = None;
        let came_up = eventually(|| {
            ended = child.try_wait()?;
            Ok(ended.is_some() || home.is_ready())
        })?;
        if let Some(status) = ended {
            *running = None;
            bail!("the throwaway Postgres ended at once ({status}); its log:\n{}", home.log()?.trim_end());
        }
        ensure!(came_up, "the throwaway Postgres did not get ready in a minute; its log:\n{}", home.log()?.trim_end());
        Ok(())
    }

    pub(super) fn stop(&self, way: Way) -> Result<()> {
        let State { home, running } = &mut *self.state();
        let mut child = running.take().context("this Postgres is not running")?;
        let signal = match way {
            Way::InOrder => Signal::INT,
            Way::Immediately => Signal::QUIT,
        };
        send(pid_of(&child)?, signal)?;
        let gone = eventually(|| Ok(child.try_wait()?.is_some()))?;
        if !gone {
            *running = Some(child);
            bail!("the throwaway Postgres did not end in a minute; its log:\n{}", home.log()?.trim_end());
        }
        Ok(())
    }

    pub(super) fn kill9(&self) -> Result<()> {
        let State { home, running } = &mut *self.state();
        let mut child = running.take().context("this Postgres is not running")?;
        let parent = pid_of(&child)?;
        // The parent first, so that it starts no more processes. The others would otherwise finish their work.
        send(parent, Signal::KILL)?;
        let offspring: Vec<Pid> = processes()?.into_iter().filter(|it| it.parent == parent).map(|it| it.pid).collect();
        for pid in &offspring {
            send(*pid, Signal::KILL)?;
        }
        child.wait().context("cannot wait for the killed Postgres")?;
        let gone = eventually(|| Ok(!processes()?.iter().any(|it| offspring.contains(&it.pid))))?;
        ensure!(gone, "processes of the killed Postgres are still there after a minute");
        // Another process may have its id now, so the file must not name it.
        fs::remove_file(home.data().join("postmaster.pid")).context("cannot remove postmaster.pid after the kill")
    }

    /// Takes over the process of another server after this one's has ended. Returns the former home of this one.
    pub(super) fn become_other(&self, other: &Self) -> Result<Home> {
        let mut state = self.state();
        ensure!(state.running.is_none(), "this Postgres runs still: stop it first");
        let mut theirs = other.state();
        state.running = theirs.running.take();
        Ok(std::mem::replace(&mut state.home, theirs.home.clone()))
    }

    /// The server first, then its processes.
    pub(super) fn pids(&self) -> Result<Vec<Pid>> {
        let parent = pid_of(self.state().running.as_ref().context("this Postgres is not running")?)?;
        let offspring = processes()?.into_iter().filter(|it| it.parent == parent).map(|it| it.pid);
        Ok([parent].into_iter().chain(offspring).collect())
    }

    pub(super) fn log(&self) -> Result<String> {
        self.home().log()
    }

    pub(super) fn home(&self) -> Home {
        self.state().home.clone()
    }

    pub(super) fn is_running(&self) -> bool {
        self.state().running.is_some()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere does not affect the process.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.is_running() {
            // If it fails, the watcher retries and removes the folder; then Postgres ends by itself.
            let _ = self.stop(Way::Immediately);
        }
    }
}

/// An entry of the process table.
pub(super) struct Process {
    pub(super) pid: Pid,
    parent: Pid,
}

/// All living processes, without those that have ended and wait to be reaped.
pub(super) fn processes() -> Result<Vec<Process>> {
    if !Path::new("/proc/self/stat").exists() {
        let table = crate::run::capture(Command::new("ps").args(["-A", "-o", "pid=", "-o", "ppid=", "-o", "stat="]))?;
        return Ok(table.lines().filter_map(|line| living(line.split_whitespace())).collect());
    }
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").context("cannot list /proc")? {
        // Processes start and end meanwhile.
        let Ok(stat) = fs::read_to_string(entry?.path().join("stat")) else { continue };
        // `pid (name) state parent …`, where the name may hold blanks and parentheses.
        let Some((head, tail)) = stat.rsplit_once(')') else { continue };
        let pid = head.split_whitespace().next();
        let mut rest = tail.split_whitespace();
        let (state, parent) = (rest.next(), rest.next());
        found.extend(living([pid, parent, state].into_iter().flatten()));
    }
    Ok(found)
}

/// Parses a process from its id, its parent's id and its state. Returns `None` if it has ended.
fn living<'a>(mut words: impl Iterator<Item = &'a str>) -> Option<Process> {
    let mut number = || Pid::from_raw(words.next()?.parse().ok()?);
    let (pid, parent) = (number()?, number()?);
    let ended = words.next()?.starts_with('Z');
    (!ended).then_some(Process { pid, parent })
}

fn pid_of(child: &Child) -> Result<Pid> {
    let number = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    number.ok_or_else(|| anyhow!("{} is no process id", child.id()))
}

fn send(pid: Pid, signal: Signal) -> Result<()> {
    match kill_process(pid, signal) {
        // It has just ended.
        Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
        Err(error) => {
            Err(error).with_context(|| format!("cannot send a signal to Postgres (process {})", pid.as_raw_nonzero()))
        }
    }
}

/// Repeats the check every 10 ms for at most a minute. Returns whether it succeeded.
pub(super) fn eventually(mut is_so: impl FnMut() -> Result<bool>) -> Result<bool> {
    for _ in 0..6000 {
        if is_so()? {
            return Ok(true);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(false)
}
