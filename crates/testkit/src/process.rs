//! A child process: all its output is kept, and it never outlives its value.

use std::{
    io::{BufRead as _, BufReader, Read},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{self, Receiver, RecvTimeoutError},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

/// Number of its last lines that are shown when a test fails.
const LAST: usize = 40;

/// A child with its output. Dropping it kills the child.
#[derive(Debug)]
pub struct Process {
    child: Child,
    // Receivers are locked so that several threads can use a process; the lock is never contended.
    ended: Mutex<Receiver<()>>,
    lines: Mutex<Receiver<String>>,
    out: Kept,
    err: Kept,
}

/// One output, kept while it is written.
#[derive(Debug)]
struct Kept {
    text: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

/// The remains of a process: how it ended, and what it printed.
#[derive(Debug)]
pub struct Ended {
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output.
    pub out: String,
    /// Its standard error.
    pub err: String,
}

impl Process {
    /// Starts it without an input.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn spawn(command: &mut Command) -> Result<Self> {
        Self::spawn_with(command, Stdio::piped(), Stdio::piped())
    }

    /// With outputs that may be redirected: redirected output is not kept.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn spawn_with(command: &mut Command, out: impl Into<Stdio>, err: impl Into<Stdio>) -> Result<Self> {
        let command = command.stdin(Stdio::null()).stdout(out).stderr(err);
        let mut child = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
        let (tell_line, lines) = mpsc::channel();
        let out = Kept::read(child.stdout.take(), move |line| {
            // The receiver may be gone after the last expected line.
            let _ = tell_line.send(line.to_owned());
        });
        let err = Kept::read(child.stderr.take(), |_| {});
        let (tell_end, ended) = mpsc::channel();
        let pid = Pid::from_child(&child);
        thread::spawn(move || {
            // Leaves it to be reaped by its owner: until then its id is not reused.
            while let Err(Errno::INTR) = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT) {}
            let _ = tell_end.send(());
        });
        Ok(Self { child, ended: Mutex::new(ended), lines: Mutex::new(lines), out, err })
    }

    /// The rest of the next line of the standard output that contains `marker`. `None` if the output ends before.
    ///
    /// # Errors
    /// When neither happens within the limit.
    pub fn line_after(&self, marker: &str, limit: Duration) -> Result<Option<String>> {
        loop {
            match held(&self.lines).recv_timeout(limit) {
                Ok(line) => {
                    if let Some((_, rest)) = line.split_once(marker) {
                        return Ok(Some(rest.to_owned()));
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
                Err(RecvTimeoutError::Timeout) => bail!("it never said {marker:?}:\n{}", self.err.so_far()),
            }
        }
    }

    /// Its number.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal; one that has ended already ignores it.
    ///
    /// # Errors
    /// When the signal cannot be sent.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        match kill_process(Pid::from_child(&self.child), signal) {
            Ok(()) | Err(Errno::SRCH) => Ok(()),
            Err(error) => Err(error).with_context(|| format!("cannot send a signal to process {}", self.id())),
        }
    }

    /// Sends SIGSTOP, and waits until all of its threads have stopped: the signal reaches them one by one, and on a
    /// busy machine the others continue for a tenth of a second.
    ///
    /// # Errors
    /// When the signal cannot be sent.
    pub fn freeze(&self) -> Result<()> {
        self.signal(Signal::STOP)?;
        let stopped = WaitIdOptions::STOPPED | WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while let Err(Errno::INTR) = waitid(WaitId::Pid(Pid::from_child(&self.child)), stopped) {}
        Ok(())
    }

    /// Whether it has not ended yet.
    #[must_use]
    pub fn is_running(&self) -> bool {
        matches!(held(&self.ended).try_recv(), Err(mpsc::TryRecvError::Empty))
    }

    /// Both of its outputs so far.
    #[must_use]
    pub fn said_so_far(&self) -> String {
        format!("{}\n{}", self.out.so_far(), self.err.so_far())
    }

    /// SIGKILL, and waits until it is gone.
    pub fn kill(&mut self) {
        // It may have ended by itself; in either case it is gone afterwards.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When it does not end within the limit; it is killed then.
    pub fn wait(mut self, limit: Duration) -> Result<Ended> {
        if held(&self.ended).recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
            self.kill();
            bail!("it never ended:\n{}", self.err.so_far());
        }
        let status = self.child.wait().context("cannot wait for a process")?;
        Ok(Ended { status, out: self.out.whole(), err: self.err.whole() })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if thread::panicking() {
            let said = self.err.so_far();
            let lines: Vec<&str> = said.lines().filter(|line| !line.contains("\"INFO\"")).collect();
            let last = lines.len().saturating_sub(LAST);
            eprintln!("what process {} said last:\n{}", self.id(), lines[last..].join("\n"));
        }
    }
}

impl Kept {
    fn read(from: Option<impl Read + Send + 'static>, tell: impl Fn(&str) + Send + 'static) -> Self {
        let text = Arc::new(Mutex::new(String::new()));
        let Some(from) = from else { return Self { text, reader: None } };
        let kept = Arc::clone(&text);
        let reader = thread::spawn(move || {
            let mut from = BufReader::new(from);
            let mut line = Vec::new();
            while from.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                let said = String::from_utf8_lossy(&line);
                held(&kept).push_str(&said);
                tell(said.trim_end());
                line.clear();
            }
        });
        Self { text, reader: Some(reader) }
    }

    fn so_far(&self) -> String {
        held(&self.text).clone()
    }

    /// All of it, once the process has ended.
    fn whole(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            // A panic has been printed; what was read before it is here.
            let _ = reader.join();
        }
        self.so_far()
    }
}

fn held<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_mins(1);

    fn shell(script: &str) -> Process {
        Process::spawn(Command::new("sh").args(["-c", script])).unwrap()
    }

    #[test]
    fn outputs_are_kept_and_lines_are_found_as_they_come() {
        let process = shell("echo a; echo ready on x; echo why >&2; exit 3");
        assert_eq!(process.line_after("ready on ", LONG).unwrap().as_deref(), Some("x"));
        assert_eq!(process.line_after("ready on ", LONG).unwrap(), None);
        let Ended { status, out, err } = process.wait(LONG).unwrap();
        assert_eq!((status.code(), &*out, &*err), (Some(3), "a\nready on x\n", "why\n"));
    }

    #[test]
    fn what_says_nothing_and_does_not_end_is_an_error() {
        // Its output stays open: a closed one would be the end of all lines, and no error.
        let process = shell("exec tail -f /dev/null");
        assert!(process.line_after("ready on ", Duration::from_millis(1)).is_err() && process.is_running());
        assert!(process.wait(Duration::from_millis(1)).is_err());
    }
}
