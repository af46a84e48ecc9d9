//! One connection under watch: its client has to take what it is sent, and what it still sends after an early answer is
//! read and thrown away, so that it sees the answer. Where little is left of a request, the connection stays; where
//! more is, it ends, and the answer says so.
//!
//! Both are bounded. It never looks into a request or an answer, and knows nothing about the service.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;
use tokio_util::task::TaskTracker;

mod body;
mod line;

use body::Drains;
pub(crate) use body::{Asked, Observed};
pub(crate) use line::Line;

/// How long a client is waited for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// Until it takes the next piece of an answer.
    pub(crate) write: Duration,
    /// Until it has sent what is only thrown away.
    pub(crate) discard: Duration,
}

/// Has one connection watched: its socket, and the service of its requests. What reads the rest of a request is one of
/// these tasks, and ends with the connection.
pub(super) fn watched<T, S>(stream: T, service: S, patience: Patience, tasks: &TaskTracker) -> (Line<T>, Observed<S>) {
    let exchange = Arc::<Exchange>::default();
    let drains = Drains { exchange: Arc::clone(&exchange), within: patience.discard, tasks: tasks.clone() };
    (Line::new(stream, exchange, patience), Observed::new(service, drains))
}

/// What the two sides of a connection know of each other: the socket, and requests and answers.
#[derive(Debug, Default)]
struct Exchange {
    /// Whether it speaks HTTP/2, where closing ends no request.
    is_http2: AtomicBool,
    /// Whether a body was given up before its end: more of it may be on its way.
    has_unread: AtomicBool,
    /// Whether the connection ends with the answer, because the rest of the request is not read.
    ends: AtomicBool,
    /// How many answers are on their way over HTTP/2, and since when the client has taken nothing of each. HTTP/1 has
    /// one, and that one waits at the socket.
    under_way: AtomicUsize,
    answers: Mutex<Vec<(u64, Instant)>>,
}

impl Exchange {
    fn answers(&self) -> MutexGuard<'_, Vec<(u64, Instant)>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Since when the client has left an answer lying.
    fn oldest(&self) -> Option<Instant> {
        if self.under_way.load(Ordering::Acquire) == 0 {
            return None;
        }
        self.answers().iter().map(|(_, since)| *since).min()
    }
}

/// An answer on its way over HTTP/2; taken when dropped.
#[derive(Debug)]
struct UnderWay {
    exchange: Arc<Exchange>,
    number: u64,
}

impl UnderWay {
    fn begin(exchange: &Arc<Exchange>) -> Self {
        let mut answers = exchange.answers();
        let number = answers.last().map_or(0, |(last, _)| last + 1);
        answers.push((number, Instant::now()));
        exchange.under_way.store(answers.len(), Ordering::Release);
        drop(answers);
        Self { exchange: Arc::clone(exchange), number }
    }

    /// The client has taken a piece.
    fn progressed(&self) {
        let mut answers = self.exchange.answers();
        if let Some((_, since)) = answers.iter_mut().find(|(number, _)| *number == self.number) {
            *since = Instant::now();
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut answers = self.exchange.answers();
        answers.retain(|(number, _)| *number != self.number);
        self.exchange.under_way.store(answers.len(), Ordering::Release);
    }
}

#[cfg(test)]
#[path = "watch/tests.rs"]
mod tests;
