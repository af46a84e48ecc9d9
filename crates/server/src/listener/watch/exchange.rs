//! State that the two sides of a supervised connection share: what its client has still to send and to read.
//!
//! Reads and writes no socket.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

/// Timeouts of a client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClientTimeouts {
    /// Maximum time until it reads the next piece of an answer.
    pub(crate) write: Duration,
    /// Maximum time until it has sent the discarded rest.
    pub(crate) discard: Duration,
}

/// State shared by the two sides of a connection: the socket, and requests and answers.
#[derive(Debug, Default)]
pub(super) struct Exchange {
    /// Whether it uses HTTP/2, where closing ends no request.
    pub(super) is_http2: AtomicBool,
    /// Whether a body was given up before its end: more of it may arrive.
    pub(super) has_unread: AtomicBool,
    /// Whether the connection ends with the answer, because the rest of the request is not read.
    pub(super) ends: AtomicBool,
    /// Number of unsent answers over HTTP/2, and since when the client has read nothing of each. HTTP/1 has one, which
    /// waits at the socket.
    under_way: AtomicUsize,
    answers: Mutex<Vec<(u64, Instant)>>,
}

impl Exchange {
    fn answers(&self) -> MutexGuard<'_, Vec<(u64, Instant)>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Since when the client has not read an answer.
    pub(super) fn oldest(&self) -> Option<Instant> {
        if self.under_way.load(Ordering::Acquire) == 0 {
            return None;
        }
        self.answers().iter().map(|(_, since)| *since).min()
    }
}

/// An unsent answer over HTTP/2; sent when dropped.
#[derive(Debug)]
pub(super) struct PendingAnswer {
    exchange: Arc<Exchange>,
    number: u64,
}

impl PendingAnswer {
    pub(super) fn begin(exchange: &Arc<Exchange>) -> Self {
        let mut answers = exchange.answers();
        let number = answers.last().map_or(0, |(last, _)| last + 1);
        answers.push((number, Instant::now()));
        exchange.under_way.store(answers.len(), Ordering::Release);
        drop(answers);
        Self { exchange: Arc::clone(exchange), number }
    }

    /// The client has read a piece.
    pub(super) fn progressed(&self) {
        let mut answers = self.exchange.answers();
        if let Some((_, since)) = answers.iter_mut().find(|(number, _)| *number == self.number) {
            *since = Instant::now();
        }
    }
}

impl Drop for PendingAnswer {
    fn drop(&mut self) {
        let mut answers = self.exchange.answers();
        answers.retain(|(number, _)| *number != self.number);
        self.exchange.under_way.store(answers.len(), Ordering::Release);
    }
}
