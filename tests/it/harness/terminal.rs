//! A terminal with a program on it, as a person sees it.
//!
//! It is 80 columns wide. The program has it as input, output and log.

use std::{
    fs::File,
    io::{ErrorKind, Read as _, Write as _},
    os::fd::OwnedFd,
    process::{Child, Command, ExitStatus},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::Duration,
};

use rustix::{
    fs::{Mode, OFlags},
    process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize},
};

use super::Finished;

/// Longer than any step takes: the program is then killed and the test fails. No test waits for it.
const LIMIT: Duration = Duration::from_mins(1);

/// A program on a terminal. Dropping it kills the program.
pub(crate) struct Terminal {
    child: Child,
    keyboard: File,
    screen: Receiver<Vec<u8>>,
    seen: String,
}

impl Terminal {
    pub(super) fn start(mut command: Command) -> Self {
        let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&person).unwrap();
        unlockpt(&person).unwrap();
        let size = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&person, size).unwrap();
        let name = ptsname(&person, Vec::new()).unwrap();
        let end: OwnedFd = rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
        let handle = || end.try_clone().unwrap();
        let child = command.stdin(handle()).stdout(handle()).stderr(handle()).spawn().unwrap();
        // From here on only the program holds its end of the terminal: so reading ends with the program.
        drop((command, end));
        let mut screen = File::from(person);
        let keyboard = screen.try_clone().unwrap();
        let (show, shown) = mpsc::channel();
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            loop {
                match screen.read(&mut bytes) {
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Ok(0) | Err(_) => break,
                    Ok(read) => {
                        // The receiver may be gone.
                        let _ = show.send(bytes[..read].to_vec());
                    }
                }
            }
        });
        Self { child, keyboard, screen: shown, seen: String::new() }
    }

    /// Waits until this text is on the screen.
    #[track_caller]
    pub(crate) fn until(&mut self, words: &str) {
        while !self.seen.contains(words) {
            assert!(self.look(), "it ended without {words:?}:\n{}", self.seen);
        }
    }

    /// Types a line.
    pub(crate) fn type_line(&mut self, text: &str) {
        self.keyboard.write_all(format!("{text}\n").as_bytes()).unwrap();
    }

    /// Everything on the screen so far.
    pub(crate) fn seen(&self) -> &str {
        &self.seen
    }

    /// Types ^D, which ends the input or submits a partial line.
    pub(crate) fn end_input(&mut self) {
        self.keyboard.write_all(b"\x04").unwrap();
    }

    /// Whether input is echoed. Asks the terminal, not the program.
    pub(crate) fn shows_what_is_typed(&self) -> bool {
        tcgetattr(&self.keyboard).unwrap().local_modes.contains(LocalModes::ECHO)
    }

    /// Sends SIGTERM to the program.
    pub(crate) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits until the program is stopped.
    pub(crate) fn until_stopped(&self) {
        let stopped = WaitIdOptions::STOPPED | WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while let Err(rustix::io::Errno::INTR) = waitid(WaitId::Pid(Pid::from_child(&self.child)), stopped) {}
    }

    /// Waits for its end, and leaves the terminal open.
    #[track_caller]
    pub(crate) fn until_end(&mut self) -> ExitStatus {
        while self.look() {}
        self.child.wait().unwrap()
    }

    /// Waits for its end. Its output is everything that was on the screen.
    #[track_caller]
    pub(crate) fn end(mut self) -> Finished {
        let code = self.until_end().code();
        Finished { code, out: std::mem::take(&mut self.seen), err: String::new() }
    }

    /// Waits for more output. Returns whether the program still has the terminal.
    #[track_caller]
    fn look(&mut self) -> bool {
        match self.screen.recv_timeout(LIMIT) {
            Ok(bytes) => {
                // A terminal also ends lines with a carriage return.
                self.seen.push_str(&String::from_utf8_lossy(&bytes).replace('\r', ""));
                true
            }
            Err(RecvTimeoutError::Disconnected) => false,
            Err(RecvTimeoutError::Timeout) => panic!("no more output:\n{}", self.seen),
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended by itself; in either case it is gone afterwards.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
