//! The log of a node: a pipe that a thread reads into a file, unless the run blocks or closes it.
//!
//! Never waits for the node, and interprets no line.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, PipeReader, PipeWriter, Write as _};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;

/// More than a pipe and the buffer of its reader hold.
const MORE_THAN_ROOM: usize = 1 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    On,
    /// Blocked as soon as the reader has finished its line.
    Off,
    /// The reader waits.
    Parked,
    Closed,
}

/// The log of one process. Drop it after the process has ended; then the file is complete.
#[derive(Debug)]
pub(super) struct Log {
    shared: Arc<Shared>,
    /// Our own end, to fill the pipe.
    writer: Option<PipeWriter>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    reading: Mutex<Reading>,
    changed: Condvar,
}

impl Log {
    /// Creates a pipe whose reader writes into this file. Also returns the end for the process.
    ///
    /// # Errors
    /// If no pipe or thread can be created.
    pub(super) fn into_file(file: File) -> io::Result<(Self, PipeWriter)> {
        let (reader, writer) = io::pipe()?;
        let shared = Arc::new(Shared { reading: Mutex::new(Reading::On), changed: Condvar::new() });
        let seen = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("log".into()).spawn(move || seen.read(reader, file))?;
        let for_process = writer.try_clone()?;
        Ok((Self { shared, writer: Some(writer), threads: vec![thread] }, for_process))
    }

    /// Stops reading, and fills the pipe. Returns when the reader has stopped.
    ///
    /// # Errors
    /// If no thread can be created.
    pub(super) fn block(&mut self) -> io::Result<()> {
        let Some(writer) = &self.writer else { return Ok(()) };
        let mut writer = writer.try_clone()?;
        if self.shared.reading() != Reading::On {
            return Ok(());
        }
        self.shared.set(Reading::Off);
        let fill = move || {
            // Ends when the rest is read, or when the pipe has no reader.
            let _ = writer.write_all(&vec![b'\n'; MORE_THAN_ROOM]);
        };
        self.threads.push(std::thread::Builder::new().name("log filler".into()).spawn(fill)?);
        self.shared.wait_while(Reading::Off);
        Ok(())
    }

    /// Continues reading after a block.
    pub(super) fn unblock(&self) {
        if self.shared.reading() != Reading::Closed {
            self.shared.set(Reading::On);
        }
    }

    /// Closes it: later writes of the process fail.
    pub(super) fn close(&self) {
        self.shared.set(Reading::Closed);
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.writer = None;
        self.unblock();
        for thread in self.threads.drain(..) {
            // A panic has been printed; a second one here would hide it.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn reading(&self) -> Reading {
        *self.reading.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, reading: Reading) {
        *self.reading.lock().unwrap_or_else(PoisonError::into_inner) = reading;
        self.changed.notify_all();
    }

    /// Returns the next state.
    fn wait_while(&self, this: Reading) -> Reading {
        let reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let is_this = |reading: &mut Reading| *reading == this;
        *self.changed.wait_while(reading, is_this).unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits while blocked. Returns whether to continue reading.
    fn reads_on(&self) -> bool {
        let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        if *reading == Reading::Off {
            *reading = Reading::Parked;
            self.changed.notify_all();
        }
        drop(reading);
        self.wait_while(Reading::Parked) == Reading::On
    }

    /// The thread.
    fn read(&self, reader: PipeReader, file: File) {
        self.copy(reader, file);
        // Nothing waits for a reader that has ended.
        self.set(Reading::Closed);
    }

    /// Copies lines until the last writer has closed the pipe. Omits bytes that only fill the pipe.
    fn copy(&self, reader: PipeReader, mut file: File) {
        let mut reader = BufReader::new(reader);
        let mut line = Vec::new();
        while self.reads_on() {
            line.clear();
            if !reader.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                return;
            }
            if line != b"\n" && file.write_all(&line).is_err() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A log, the end for the process, and a function that returns the content of the file.
    fn log() -> (Log, PipeWriter, impl Fn() -> String) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let (log, writer) = Log::into_file(File::create_new(&path).unwrap()).unwrap();
        let content = move || {
            let _kept = &folder;
            std::fs::read_to_string(&path).unwrap()
        };
        (log, writer, content)
    }

    #[test]
    fn all_output_is_in_the_file_once_the_log_is_dropped() {
        let (log, mut process, content) = log();
        process.write_all(b"one\ntwo").unwrap();
        drop(process);
        drop(log);
        assert_eq!(content(), "one\ntwo");
    }

    #[test]
    fn a_writer_waits_while_the_log_is_blocked_and_loses_nothing() {
        let (mut log, mut process, content) = log();
        log.block().unwrap();
        let (done, is_done) = std::sync::mpsc::channel();
        let writer = std::thread::spawn(move || {
            // More than fits, whether this thread or the log fills the pipe.
            process.write_all(&b"x\n".repeat(MORE_THAN_ROOM)).unwrap();
            done.send(()).unwrap();
        });
        assert!(is_done.try_recv().is_err());
        log.unblock();
        writer.join().unwrap();
        is_done.recv().unwrap();
        drop(log);
        assert_eq!(content().len(), 2 * MORE_THAN_ROOM);
    }

    #[test]
    fn a_closed_log_accepts_nothing() {
        let (mut log, mut process, _said) = log();
        log.block().unwrap();
        log.close();
        let refused = process.write_all(&b"x\n".repeat(MORE_THAN_ROOM)).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::BrokenPipe);
        drop(log);
    }
}
