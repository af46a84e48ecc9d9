//! Non-blocking output of lines: a line that cannot be written in time is lost, counted, and reported.
//!
//! One thread writes; other threads only queue lines. A full disk, a closed reader and one that does not read have no
//! effect on the service. Never panics, and never writes except from its own thread.

use std::{
    io::{self, ErrorKind, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
        mpsc::{self, Receiver, SyncSender, TrySendError},
    },
    thread,
    time::Duration,
};

/// Maximum number of queued lines.
const LINES: usize = 8_192;
/// Maximum number of their bytes.
const BYTES: usize = 8 * 1024 * 1024;
/// Time until a stream that was made non-blocking, or the queue, is retried.
const AGAIN: Duration = Duration::from_millis(10);

/// Accepts lines to be written.
pub(crate) struct Outlet {
    queue: SyncSender<Entry>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    lost: AtomicU64,
    bytes: AtomicUsize,
}

enum Entry {
    Line(Vec<u8>),
    /// Everything before this was written, or lost.
    Mark(SyncSender<()>),
}

impl Outlet {
    /// Creates an outlet to `writer`. `notice` makes the line that reports the number of lost ones.
    pub(crate) fn to<W, N>(writer: W, notice: N) -> io::Result<Self>
    where
        W: Write + Send + 'static,
        N: Fn(u64) -> String + Send + 'static,
    {
        let (queue, left) = mpsc::sync_channel(LINES);
        let shared = Arc::<Shared>::default();
        let mut thread = WritingThread { writer, notice, shared: Arc::clone(&shared), reported: 0, is_torn: false };
        thread::Builder::new().name("keyward-log".to_owned()).spawn(move || thread.write_all_of(&left))?;
        Ok(Self { queue, shared })
    }

    /// Queues a line, including its end. Never waits and never fails.
    pub(crate) fn queue(&self, line: &[u8]) {
        let before = self.shared.bytes.fetch_add(line.len(), Ordering::AcqRel);
        let has_room = before.saturating_add(line.len()) <= BYTES;
        if !has_room || self.queue.try_send(Entry::Line(line.to_vec())).is_err() {
            self.shared.bytes.fetch_sub(line.len(), Ordering::AcqRel);
            self.shared.lose();
        }
    }

    /// Waits until the queued lines are written, at most this long. Returns whether they were.
    pub(crate) fn flush(&self, limit: Duration) -> bool {
        let (done, is_done) = mpsc::sync_channel(1);
        let mut left = limit;
        let mut mark = Entry::Mark(done);
        loop {
            match self.queue.try_send(mark) {
                Ok(()) => return is_done.recv_timeout(left).is_ok(),
                Err(TrySendError::Full(kept)) if left > AGAIN => {
                    mark = kept;
                    left -= AGAIN;
                    thread::sleep(AGAIN);
                }
                Err(_) => return false,
            }
        }
    }

    /// Number of lost lines so far.
    #[cfg(test)]
    fn lost(&self) -> u64 {
        self.shared.lost.load(Ordering::Acquire)
    }
}

impl Shared {
    fn lose(&self) {
        self.lost.fetch_add(1, Ordering::AcqRel);
        metrics::counter!("keyward_log_lines_lost_total").increment(1);
    }
}

/// State of the writing thread.
struct WritingThread<W, N> {
    writer: W,
    notice: N,
    shared: Arc<Shared>,
    /// Number of losses that were reported.
    reported: u64,
    /// The last line was not completely written.
    is_torn: bool,
}

impl<W: Write, N: Fn(u64) -> String> WritingThread<W, N> {
    fn write_all_of(&mut self, left: &Receiver<Entry>) {
        for entry in left {
            match entry {
                Entry::Line(line) => {
                    if self.write(&line).is_err() {
                        self.shared.lose();
                    } else {
                        self.report_losses();
                    }
                    self.shared.bytes.fetch_sub(line.len(), Ordering::AcqRel);
                }
                Entry::Mark(done) => {
                    // The caller may have stopped waiting.
                    let _ = done.try_send(());
                }
            }
        }
    }

    fn report_losses(&mut self) {
        let lost = self.shared.lost.load(Ordering::Acquire);
        if lost > self.reported {
            let notice = (self.notice)(lost - self.reported);
            if self.write(notice.as_bytes()).is_ok() {
                self.reported = lost;
            }
        }
    }

    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        if self.is_torn {
            self.write_piece(b"\n")?;
            self.is_torn = false;
        }
        self.write_piece(line)
    }

    fn write_piece(&mut self, mut piece: &[u8]) -> io::Result<()> {
        let whole = piece.len();
        while !piece.is_empty() {
            match self.writer.write(piece) {
                Ok(written @ 1..) => piece = piece.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(AGAIN),
                failed => {
                    self.is_torn |= piece.len() < whole;
                    return Err(failed.err().unwrap_or_else(|| ErrorKind::WriteZero.into()));
                }
            }
        }
        self.writer.flush()
    }
}

#[cfg(test)]
#[path = "outlet/tests.rs"]
mod tests;
