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

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

/// Longer than any step takes: the process is then killed and the test fails. No test waits for it.
const LIMIT: Duration = Duration::from_mins(1);

/// Number of its last lines that are shown when a test fails.
const LAST: usize = 40;

/// A child with its output.
pub(super) struct Process {
    child: Child,
    // Receivers are locked so that several threads can use a node; the lock is never contended.
    ended: Mutex<Receiver<()>>,
    lines: Mutex<Receiver<String>>,
    out: Kept,
    err: Kept,
}

/// One output, kept while it is written.
struct Kept {
    text: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Process {
    pub(super) fn spawn(command: &mut Command) -> Self {
        Self::spawn_with(command, Stdio::piped(), Stdio::piped())
    }

    /// With outputs that may be redirected: redirected output is not kept.
    pub(super) fn spawn_with(command: &mut Command, out: Stdio, err: Stdio) -> Self {
        let command = command.stdin(Stdio::null()).stdout(out).stderr(err);
        let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
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
            while let Err(rustix::io::Errno::INTR) =
                waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)
            {}
            let _ = tell_end.send(());
        });
        Self { child, ended: Mutex::new(ended), lines: Mutex::new(lines), out, err }
    }

    /// The rest of the next line of the standard output that contains `marker`. `None` if the output ends before.
    pub(super) fn line_after(&self, marker: &str) -> Option<String> {
        loop {
            match held(&self.lines).recv_timeout(LIMIT) {
                Ok(line) => {
                    if let Some((_, rest)) = line.split_once(marker) {
                        return Some(rest.to_owned());
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => panic!("it never said {marker:?}:\n{}", self.err.so_far()),
            }
        }
    }

    pub(super) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Sends SIGSTOP, and waits until all of its threads have stopped: the signal reaches them one by one, and on a
    /// busy machine the others continue for a tenth of a second.
    pub(super) fn freeze(&self) {
        self.signal(Signal::STOP);
        let stopped = WaitIdOptions::STOPPED | WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while let Err(rustix::io::Errno::INTR) = waitid(WaitId::Pid(Pid::from_child(&self.child)), stopped) {}
    }

    pub(super) fn is_running(&self) -> bool {
        matches!(held(&self.ended).try_recv(), Err(mpsc::TryRecvError::Empty))
    }

    pub(super) fn said_so_far(&self) -> String {
        format!("{}\n{}", self.out.so_far(), self.err.so_far())
    }

    /// Waits for its end. Returns its exit status and its output.
    pub(super) fn wait(mut self) -> (ExitStatus, String, String) {
        if held(&self.ended).recv_timeout(LIMIT) == Err(RecvTimeoutError::Timeout) {
            self.child.kill().unwrap();
            panic!("it never ended:\n{}", self.err.so_far());
        }
        let status = self.child.wait().unwrap();
        (status, self.out.whole(), self.err.whole())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself; in either case it is gone afterwards.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            let said = self.err.so_far();
            let lines: Vec<&str> = said.lines().filter(|line| !line.contains("\"INFO\"")).collect();
            let last = lines.len().saturating_sub(LAST);
            eprintln!("what process {} said last:\n{}", self.child.id(), lines[last..].join("\n"));
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
            reader.join().unwrap();
        }
        self.so_far()
    }
}

fn held<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}
