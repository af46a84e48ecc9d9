//! A child process whose output is kept, and which never outlives its value.

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

/// Number of the last output lines that a failed test prints.
const LAST: usize = 40;

/// A child with its output. Dropping it kills the child.
#[derive(Debug)]
pub struct Process {
    child: Child,
    // Locked so that several threads can share a process; the lock is never contended.
    ended: Mutex<Receiver<()>>,
    lines: Mutex<Receiver<String>>,
    out: Kept,
    err: Kept,
}

/// One output of a process, kept while it is written.
#[derive(Debug)]
struct Kept {
    text: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

/// The exit status and the output of a process.
#[derive(Debug)]
pub struct Ended {
    /// Its exit status.
    pub status: ExitStatus,
    /// Its standard output.
    pub out: String,
    /// Its standard error.
    pub err: String,
}

impl Process {
    /// Starts a process without input.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn spawn(command: &mut Command) -> Result<Self> {
        Self::spawn_with(command, Stdio::piped(), Stdio::piped())
    }

    /// Starts a process with outputs that may be redirected. Redirected output is not kept.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn spawn_with(command: &mut Command, out: impl Into<Stdio>, err: impl Into<Stdio>) -> Result<Self> {
        let command = command.stdin(Stdio::null()).stdout(out).stderr(err);
        let mut child = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
        let (send_line, lines) = mpsc::channel();
        let out = Kept::read(child.stdout.take(), move |line| {
            // The receiver may be dropped after the last expected line.
            let _ = send_line.send(line.to_owned());
        });
        let err = Kept::read(child.stderr.take(), |_| {});
        let (send_end, ended) = mpsc::channel();
        let pid = Pid::from_child(&child);
        thread::spawn(move || {
            // Its owner reaps it: until then its id is not reused.
            while let Err(Errno::INTR) = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT) {}
            let _ = send_end.send(());
        });
        Ok(Self { child, ended: Mutex::new(ended), lines: Mutex::new(lines), out, err })
    }

    /// Returns the rest of the next line of the standard output that contains `marker`; `None` if the output ends
    /// first.
    ///
    /// # Errors
    /// If neither happens within the limit.
    pub fn line_after(&self, marker: &str, limit: Duration) -> Result<Option<String>> {
        loop {
            match held(&self.lines).recv_timeout(limit) {
                Ok(line) => {
                    if let Some((_, rest)) = line.split_once(marker) {
                        return Ok(Some(rest.to_owned()));
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
                Err(RecvTimeoutError::Timeout) => bail!("its output lacks {marker:?}:\n{}", self.err.so_far()),
            }
        }
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal. Does nothing if the process has ended.
    ///
    /// # Errors
    /// If the signal cannot be sent.
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
    /// If the signal cannot be sent.
    pub fn freeze(&self) -> Result<()> {
        self.signal(Signal::STOP)?;
        let stopped = WaitIdOptions::STOPPED | WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while let Err(Errno::INTR) = waitid(WaitId::Pid(Pid::from_child(&self.child)), stopped) {}
        Ok(())
    }

    /// Whether it has not ended.
    #[must_use]
    pub fn is_running(&self) -> bool {
        matches!(held(&self.ended).try_recv(), Err(mpsc::TryRecvError::Empty))
    }

    /// Both of its outputs so far.
    #[must_use]
    pub fn output_so_far(&self) -> String {
        format!("{}\n{}", self.out.so_far(), self.err.so_far())
    }

    /// Sends SIGKILL, and waits for the end.
    pub fn kill(&mut self) {
        // It may have ended by itself; in either case it has ended afterwards.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// If it does not end within the limit; then it is killed.
    pub fn wait(mut self, limit: Duration) -> Result<Ended> {
        if held(&self.ended).recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
            self.kill();
            bail!("it did not end:\n{}", self.err.so_far());
        }
        let status = self.child.wait().context("cannot wait for a process")?;
        Ok(Ended { status, out: self.out.whole(), err: self.err.whole() })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if thread::panicking() {
            let output = self.err.so_far();
            let lines: Vec<&str> = output.lines().filter(|line| !line.contains("\"INFO\"")).collect();
            let last = lines.len().saturating_sub(LAST);
            eprintln!("last output of process {}:\n{}", self.id(), lines[last..].join("\n"));
        }
    }
}

impl Kept {
    fn read(from: Option<impl Read + Send + 'static>, on_line: impl Fn(&str) + Send + 'static) -> Self {
        let text = Arc::new(Mutex::new(String::new()));
        let Some(from) = from else { return Self { text, reader: None } };
        let kept = Arc::clone(&text);
        let reader = thread::spawn(move || {
            let mut from = BufReader::new(from);
            let mut line = Vec::new();
            while from.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                let text = String::from_utf8_lossy(&line);
                held(&kept).push_str(&text);
                on_line(text.trim_end());
                line.clear();
            }
        });
        Self { text, reader: Some(reader) }
    }

    fn so_far(&self) -> String {
        held(&self.text).clone()
    }

    /// The complete output of a process that has ended.
    fn whole(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            // A panic has been printed; earlier output is kept.
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
    fn outputs_are_kept_and_lines_are_found_as_they_arrive() {
        let process = shell("echo a; echo ready on x; echo why >&2; exit 3");
        assert_eq!(process.line_after("ready on ", LONG).unwrap().as_deref(), Some("x"));
        assert_eq!(process.line_after("ready on ", LONG).unwrap(), None);
        let Ended { status, out, err } = process.wait(LONG).unwrap();
        assert_eq!((status.code(), &*out, &*err), (Some(3), "a\nready on x\n", "why\n"));
    }

    #[test]
    fn a_process_without_output_or_end_is_an_error() {
        // Its output stays open: a closed output would be the end of all lines, which is no error.
        let process = shell("exec tail -f /dev/null");
        assert!(process.line_after("ready on ", Duration::from_millis(1)).is_err() && process.is_running());
        assert!(process.wait(Duration::from_millis(1)).is_err());
    }
}
