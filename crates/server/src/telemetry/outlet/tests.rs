//! A writer that blocks, one that fails and one that recovers, each driven step by step.

use std::sync::{Mutex, PoisonError, mpsc::Sender};

use super::*;

/// Longer than any step takes; no test waits for it.
const LIMIT: Duration = Duration::from_mins(1);

fn notice(lost: u64) -> String {
    format!("{lost} lost\n")
}

/// A writer that writes what the test allows, piece by piece, and reports its calls.
struct ControlledWriter {
    asked: Sender<()>,
    answers: Receiver<io::Result<usize>>,
    written: Arc<Mutex<String>>,
}

struct Control {
    asked: Receiver<()>,
    answer: Sender<io::Result<usize>>,
    written: Arc<Mutex<String>>,
}

impl Write for ControlledWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = self.asked.send(());
        // Without a control everything is written.
        let most = self.answers.recv().unwrap_or(Ok(usize::MAX))?;
        let taken = &bytes[..bytes.len().min(most)];
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        written.push_str(&String::from_utf8_lossy(taken));
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn controlled_writer() -> (ControlledWriter, Control) {
    let ((asked, is_asked), (answer, answers)) = (mpsc::channel(), mpsc::channel());
    let written = Arc::<Mutex<String>>::default();
    let control = Control { asked: is_asked, answer, written: Arc::clone(&written) };
    (ControlledWriter { asked, answers, written }, control)
}

impl Control {
    fn written(&self) -> String {
        self.written.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[test]
fn a_writer_that_blocks_delays_no_caller_and_lost_lines_are_counted_and_reported() {
    let (writer, control) = controlled_writer();
    let outlet = Outlet::to(writer, notice).unwrap();
    outlet.queue(b"first\n");
    control.asked.recv_timeout(LIMIT).unwrap();
    // It is being written, and never completes. `LINES` more are queued, and not one beyond.
    for _ in 0..LINES + 3 {
        outlet.queue(b"line\n");
    }
    assert_eq!(outlet.lost(), 3);
    assert!(!outlet.flush(AGAIN * 2), "nothing was written, and it is reported as written");

    let Control { answer, written, .. } = control;
    drop(answer);
    assert!(outlet.flush(LIMIT));
    let written = written.lock().unwrap().clone();
    assert!(written.starts_with("first\n3 lost\nline\n"), "{written:.40}");
    assert_eq!(written.lines().count(), 2 + LINES);
}

#[test]
fn long_lines_are_bounded_by_their_bytes() {
    let (writer, control) = controlled_writer();
    let outlet = Outlet::to(writer, notice).unwrap();
    let long = vec![b'x'; BYTES / 2];
    for _ in 0..3 {
        outlet.queue(&long);
    }
    assert_eq!(outlet.lost(), 1);
    drop(control);
    assert!(outlet.flush(LIMIT));
    // Written lines make room again.
    outlet.queue(&long);
    assert_eq!(outlet.lost(), 1);
}

#[test]
fn a_writer_that_fails_loses_only_its_line_and_a_partial_line_is_ended() {
    let (writer, control) = controlled_writer();
    let outlet = Outlet::to(writer, notice).unwrap();
    outlet.queue(b"lost\n");
    outlet.queue(b"torn\n");
    outlet.queue(b"whole\n");
    let full = || Err(io::Error::from(ErrorKind::StorageFull));
    for answer in [full(), Ok(2), full(), Err(ErrorKind::Interrupted.into()), Err(ErrorKind::WouldBlock.into())] {
        control.answer.send(answer).unwrap();
    }
    for _ in 0..8 {
        control.answer.send(Ok(usize::MAX)).unwrap();
    }
    assert!(outlet.flush(LIMIT));
    assert_eq!(control.written(), "to\nwhole\n2 lost\n");
    assert_eq!(outlet.lost(), 2);
}

#[test]
fn a_writer_whose_thread_has_ended_stops_no_caller() {
    /// A writer that panics.
    struct Panics;

    impl Write for Panics {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            std::panic::resume_unwind(Box::new("its thread ends"))
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    let outlet = Outlet::to(Panics, notice).unwrap();
    outlet.queue(b"line\n");
    while outlet.lost() == 0 {
        outlet.queue(b"line\n");
        assert!(!outlet.flush(AGAIN), "nothing writes any more");
    }
}
