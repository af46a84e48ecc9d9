//! One node as a supervised process: started again after it was killed, stopped and continued by signals.
//!
//! Only our own child is ever signalled, and only while it has not been reaped: until then its number is nobody else's.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, Result};
use rustix::process::{Pid, Signal, kill_process};

use super::log::Log;
use keyward_testkit::run;

/// Between an end that nobody asked for and the next start, as a supervisor would do it.
const BEFORE_ANOTHER_TRY: Duration = Duration::from_millis(200);

/// How to start it.
#[derive(Clone, Debug)]
pub(super) struct Launch {
    pub(super) program: PathBuf,
    /// What it is told to serve with.
    pub(super) serve: &'static [&'static str],
    pub(super) variables: Vec<(&'static str, String)>,
    /// Its working directory; what it complains about is kept in `log` there.
    pub(super) folder: PathBuf,
}

impl Launch {
    /// Runs another command of the program to its end, on the same settings.
    ///
    /// # Errors
    /// When it does not succeed; with what it complained about.
    pub(super) fn run(&self, arguments: &[&str]) -> Result<()> {
        run::capture(&mut self.command(arguments)).map(drop)
    }

    /// A command, with nothing of our own environment.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).current_dir(&self.folder).env_clear().stdin(Stdio::null());
        command.envs(self.variables.iter().map(|(name, value)| (*name, value)));
        command
    }

    fn log(&self) -> PathBuf {
        self.folder.join("log")
    }
}

/// A node under supervision. Dropping it kills it.
#[derive(Debug)]
pub(super) struct Node {
    shared: Arc<Shared>,
    supervisor: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    launch: Launch,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Not yet reaped.
    child: Option<Child>,
    /// What it says.
    log: Option<Log>,
    /// Where it is ready.
    address: Option<SocketAddr>,
    wanted: bool,
    over: bool,
    /// We have ended this child ourselves.
    killed: bool,
    /// Ends after it was ready that nobody had asked for.
    crashes: Vec<String>,
    /// Starts that came to nothing: it refuses to start without its database.
    refusals: usize,
}

impl Node {
    /// Starts it, without waiting until it is ready.
    ///
    /// # Errors
    /// When there are no more threads.
    pub(super) fn start(launch: Launch) -> Result<Self> {
        let state = Mutex::new(State { wanted: true, ..State::default() });
        let shared = Arc::new(Shared { launch, state, changed: Condvar::new() });
        let supervised = Arc::clone(&shared);
        let supervisor = std::thread::Builder::new().name("supervisor".into()).spawn(move || supervised.supervise())?;
        Ok(Self { shared, supervisor: Some(supervisor) })
    }

    /// Where it is ready; nowhere while it is not.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        self.shared.lock().address
    }

    /// Waits until it is ready.
    ///
    /// # Errors
    /// When it is not in time; with what it complained about.
    pub(super) fn await_ready(&self, limit: Duration) -> Result<SocketAddr> {
        let waiting = |state: &mut State| state.address.is_none() && state.wanted;
        let waited = self.shared.changed.wait_timeout_while(self.shared.lock(), limit, waiting);
        let address = waited.unwrap_or_else(PoisonError::into_inner).0.address;
        address.with_context(|| {
            let log = std::fs::read_to_string(self.shared.launch.log()).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            let last = lines[lines.len().saturating_sub(10)..].join("\n");
            format!("the node did not get ready in {limit:?}; it said last:\n{last}")
        })
    }

    /// SIGKILL; it stays dead until it is revived.
    ///
    /// # Errors
    /// When the signal cannot be sent.
    pub(super) fn kill(&self) -> Result<()> {
        let mut state = self.shared.lock();
        state.wanted = false;
        state.address = None;
        state.killed = state.child.is_some();
        state.signal(Signal::KILL)
    }

    /// Starts it again after a kill, without waiting until it is ready.
    pub(super) fn revive(&self) {
        self.shared.lock().wanted = true;
        self.shared.changed.notify_all();
    }

    /// SIGSTOP: it stands still and does not know.
    ///
    /// # Errors
    /// When the signal cannot be sent.
    pub(super) fn pause(&self) -> Result<()> {
        self.shared.lock().signal(Signal::STOP)
    }

    /// SIGCONT.
    ///
    /// # Errors
    /// When the signal cannot be sent.
    pub(super) fn resume(&self) -> Result<()> {
        self.shared.lock().signal(Signal::CONT)
    }

    /// Reads no more of what it says, and leaves no room for more.
    ///
    /// # Errors
    /// When there are no more threads.
    pub(super) fn block_log(&self) -> Result<()> {
        match &mut self.shared.lock().log {
            Some(log) => log.block().context("cannot fill the log of a node"),
            None => Ok(()),
        }
    }

    /// Reads what it says again, or closes its log for the rest of its life.
    pub(super) fn unblock_log(&self, reads_again: bool) {
        match &self.shared.lock().log {
            Some(log) if reads_again => log.unblock(),
            Some(log) => log.close(),
            None => {}
        }
    }

    /// Ends after it was ready that nobody had asked for, and how many starts came to nothing.
    pub(super) fn troubles(&self) -> (Vec<String>, usize) {
        let state = self.shared.lock();
        (state.crashes.clone(), state.refusals)
    }

    /// The file with what it complained about.
    pub(super) fn log(&self) -> PathBuf {
        self.shared.launch.log()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.shared.lock().over = true;
        // It may have ended by itself; either way it is gone afterwards.
        let _ = self.kill();
        self.shared.changed.notify_all();
        if let Some(supervisor) = self.supervisor.take() {
            // A panic has been printed; a second one here would hide it.
            let _ = supervisor.join();
        }
    }
}

impl State {
    fn signal(&self, signal: Signal) -> Result<()> {
        match &self.child {
            Some(child) => match kill_process(Pid::from_child(child), signal) {
                // It was quicker than we.
                Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
                Err(error) => Err(error).context("cannot send a signal to a node"),
            },
            None => Ok(()),
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn supervise(&self) {
        loop {
            let idle = |state: &mut State| !state.wanted && !state.over;
            let mut state = self.changed.wait_while(self.lock(), idle).unwrap_or_else(PoisonError::into_inner);
            if state.over {
                return;
            }
            let out = spawn(&self.launch).map(|(child, out, log)| {
                state.child = Some(child);
                state.log = Some(log);
                out
            });
            drop(state);
            let was_ready = out.is_ok_and(|out| self.read_to_its_end(out));
            self.reap(was_ready);
        }
    }

    /// Reads what it prints until there is no more, which is when it ends. Answers whether it was ready.
    fn read_to_its_end(&self, out: ChildStdout) -> bool {
        let mut was_ready = false;
        for line in BufReader::new(out).lines().map_while(Result::ok) {
            if let Some(address) = ready_at(&line) {
                let mut state = self.lock();
                // It may have been killed between its word and our reading of it.
                state.address = Some(address).filter(|_| !state.killed);
                was_ready = true;
                self.changed.notify_all();
            }
        }
        was_ready
    }

    fn reap(&self, was_ready: bool) {
        let mut state = self.lock();
        let ended = state.child.take().map(|mut child| child.wait());
        // What it said last is in the file from here on.
        state.log = None;
        state.address = None;
        if std::mem::take(&mut state.killed) || state.over {
            return;
        }
        if was_ready {
            let how = ended.and_then(Result::ok).map_or_else(|| "somehow".into(), |status| status.to_string());
            state.crashes.push(how);
        } else {
            state.refusals += 1;
        }
        let waiting = |state: &mut State| state.wanted && !state.over;
        let waited = self.changed.wait_timeout_while(state, BEFORE_ANOTHER_TRY, waiting);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }
}

fn spawn(launch: &Launch) -> Result<(Child, ChildStdout, Log)> {
    let file = std::fs::OpenOptions::new().create(true).append(true).open(launch.log())?;
    let (log, writer) = Log::into_file(file)?;
    let mut child = launch.command(launch.serve).stdout(Stdio::piped()).stderr(writer).spawn()?;
    let out = child.stdout.take().context("no standard output")?;
    Ok((child, out, log))
}

/// Where it is, if this is the line that says that it is ready.
fn ready_at(line: &str) -> Option<SocketAddr> {
    let (_, url) = line.split_once("ready on ")?;
    let (_, address) = url.split_whitespace().next()?.split_once("://")?;
    address.parse().ok()
}
