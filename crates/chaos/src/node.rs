//! One node under supervision: restarted after a kill, stopped and continued by signals.
//!
//! Signals only its own child, and only before the child is reaped: until then no other process has its id.

use std::fs::OpenOptions;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, Result};
use rustix::process::Signal;

use super::log::Log;
use keyward_testkit::process::Process;
use keyward_testkit::program::{Program, START, url_when_ready};

/// Pause between an unexpected end and the next start, like that of a supervisor.
const BEFORE_ANOTHER_TRY: Duration = Duration::from_millis(200);

/// A node under supervision. Dropping it kills it.
#[derive(Debug)]
pub(super) struct Node {
    shared: Arc<Shared>,
    supervisor: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    program: Program,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Not yet reaped.
    process: Option<Arc<Process>>,
    log: Option<Log>,
    /// Address of a ready node.
    address: Option<SocketAddr>,
    wanted: bool,
    over: bool,
    /// Whether the run killed this process.
    killed: bool,
    /// Unexpected ends after it was ready.
    crashes: Vec<String>,
    /// Number of failed starts: a node refuses to start without its database.
    refusals: usize,
}

impl Node {
    /// Starts the node without waiting until it is ready.
    ///
    /// # Errors
    /// If no thread can be created.
    pub(super) fn start(program: Program) -> Result<Self> {
        let state = Mutex::new(State { wanted: true, ..State::default() });
        let shared = Arc::new(Shared { program, state, changed: Condvar::new() });
        let supervised = Arc::clone(&shared);
        let supervisor = std::thread::Builder::new().name("supervisor".into()).spawn(move || supervised.supervise())?;
        Ok(Self { shared, supervisor: Some(supervisor) })
    }

    /// Address of the node; `None` while it is not ready.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        self.shared.lock().address
    }

    /// Waits until it is ready.
    ///
    /// # Errors
    /// If it is not ready in time; the message contains the end of its log.
    pub(super) fn await_ready(&self, limit: Duration) -> Result<SocketAddr> {
        let waiting = |state: &mut State| state.address.is_none() && state.wanted;
        let waited = self.shared.changed.wait_timeout_while(self.shared.lock(), limit, waiting);
        let address = waited.unwrap_or_else(PoisonError::into_inner).0.address;
        address.with_context(|| {
            let log = std::fs::read_to_string(self.shared.log()).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            let last = lines[lines.len().saturating_sub(10)..].join("\n");
            format!("the node did not get ready in {limit:?}; its log ends with:\n{last}")
        })
    }

    /// Sends SIGKILL. The node stays dead until [`revive`](Self::revive).
    ///
    /// # Errors
    /// If the signal cannot be sent.
    pub(super) fn kill(&self) -> Result<()> {
        let mut state = self.shared.lock();
        state.wanted = false;
        state.address = None;
        state.killed = state.process.is_some();
        state.signal(Signal::KILL)
    }

    /// Restarts the node after a kill without waiting until it is ready.
    pub(super) fn revive(&self) {
        self.shared.lock().wanted = true;
        self.shared.changed.notify_all();
    }

    /// Sends SIGSTOP, which the process cannot notice.
    ///
    /// # Errors
    /// If the signal cannot be sent.
    pub(super) fn pause(&self) -> Result<()> {
        self.shared.lock().signal(Signal::STOP)
    }

    /// Sends SIGCONT.
    ///
    /// # Errors
    /// If the signal cannot be sent.
    pub(super) fn resume(&self) -> Result<()> {
        self.shared.lock().signal(Signal::CONT)
    }

    /// Stops reading its log, and fills the pipe.
    ///
    /// # Errors
    /// If no thread can be created.
    pub(super) fn block_log(&self) -> Result<()> {
        match &mut self.shared.lock().log {
            Some(log) => log.block().context("cannot fill the log of a node"),
            None => Ok(()),
        }
    }

    /// Reads its log again, or closes it permanently.
    pub(super) fn unblock_log(&self, reads_again: bool) {
        match &self.shared.lock().log {
            Some(log) if reads_again => log.unblock(),
            Some(log) => log.close(),
            None => {}
        }
    }

    /// Returns the unexpected ends after it was ready, and the number of failed starts.
    pub(super) fn bad_ends(&self) -> (Vec<String>, usize) {
        let state = self.shared.lock();
        (state.crashes.clone(), state.refusals)
    }

    /// Path of its log.
    pub(super) fn log(&self) -> PathBuf {
        self.shared.log()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.shared.lock().over = true;
        // It may have ended by itself; in either case it has ended afterwards.
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
        self.process.as_ref().map_or(Ok(()), |process| process.signal(signal))
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
            let process = self.spawn().map(|(process, log)| {
                let process = Arc::new(process);
                state.process = Some(Arc::clone(&process));
                state.log = Some(log);
                process
            });
            drop(state);
            let was_ready = process.is_ok_and(|process| self.follow(&process));
            self.reap(was_ready);
        }
    }

    fn log(&self) -> PathBuf {
        self.program.folder().join("log")
    }

    fn spawn(&self) -> Result<(Process, Log)> {
        let (log, writer) = Log::into_file(OpenOptions::new().create(true).append(true).open(self.log())?)?;
        Ok((Process::spawn_with(&mut self.program.command(), Stdio::piped(), writer)?, log))
    }

    /// Reads its output until its end. Returns whether it was ready.
    fn follow(&self, process: &Process) -> bool {
        let mut was_ready = false;
        while let Ok(Some(line)) = process.line_after("", Duration::MAX) {
            if let Some(address) = ready_at(&line) {
                let mut state = self.lock();
                // The node may have been killed after it printed this.
                state.address = Some(address).filter(|_| !state.killed);
                was_ready = true;
                self.changed.notify_all();
            }
        }
        was_ready
    }

    fn reap(&self, was_ready: bool) {
        let mut state = self.lock();
        let ended = state.process.take().and_then(Arc::into_inner).map(|process| process.wait(START));
        // From here on its last output is in the file.
        state.log = None;
        state.address = None;
        if std::mem::take(&mut state.killed) || state.over {
            return;
        }
        if was_ready {
            let how = ended.and_then(Result::ok).map_or_else(|| "somehow".into(), |ended| ended.status.to_string());
            state.crashes.push(how);
        } else {
            state.refusals += 1;
        }
        let waiting = |state: &mut State| state.wanted && !state.over;
        let waited = self.changed.wait_timeout_while(state, BEFORE_ANOTHER_TRY, waiting);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }
}

/// The address in a line that reports a ready node.
fn ready_at(line: &str) -> Option<SocketAddr> {
    url_when_ready(line)?.split_once("://")?.1.parse().ok()
}
