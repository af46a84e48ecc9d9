//! Batches requests that are much cheaper together than one by one: requests that arrive while a statement runs share
//! the next one.
//!
//! No request waits for others: if fewer statements run than the maximum, it gets its own immediately. A statement
//! begins after all requests that share it have arrived, so each of them could have sent it. Knows no SQL. One invalid
//! request never affects the others: if a statement is rejected, each request is sent alone.

use std::{
    collections::VecDeque,
    error::Error,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use tokio::sync::oneshot;
use tokio_util::task::TaskTracker;

use super::error::is_lock;
use crate::{Result, StorageError, error::Cause};

/// Maximum number of requests per statement.
const MOST: usize = 64;

/// Requests of one kind that one statement can answer.
#[async_trait]
pub(super) trait Batched: Send + Sync + 'static {
    type Request: Send + Sync;
    type Answer: Send;

    /// Answers all requests, in order. Must end in time by itself, whatever the database does.
    async fn answer(&self, requests: &[Self::Request]) -> Result<Vec<Self::Answer>>;
}

/// Batches requests.
pub(super) struct Batcher<T: Batched> {
    shared: Arc<Shared<T>>,
    tasks: TaskTracker,
}

struct Shared<T: Batched> {
    work: T,
    /// Maximum number of concurrent statements.
    max_concurrent: usize,
    queue: Mutex<Queue<T>>,
}

struct Queue<T: Batched> {
    under_way: usize,
    waiting: VecDeque<Waiter<T>>,
}

struct Waiter<T: Batched> {
    request: T::Request,
    answer: oneshot::Sender<Result<T::Answer>>,
}

impl<T: Batched> Batcher<T> {
    /// An empty batcher with this maximum number of concurrent statements. Tasks of this tracker send them, so that a
    /// request that is dropped does not cancel the others' answer.
    pub(super) fn new(work: T, max_concurrent: usize, tasks: TaskTracker) -> Self {
        let queue = Mutex::new(Queue { under_way: 0, waiting: VecDeque::new() });
        Self { shared: Arc::new(Shared { work, max_concurrent, queue }), tasks }
    }

    /// Sends a request and waits for the answer.
    pub(super) async fn ask(&self, request: T::Request) -> Result<T::Answer> {
        let (answer, answered) = oneshot::channel();
        let has_room = {
            let mut queue = self.shared.queue();
            queue.waiting.push_back(Waiter { request, answer });
            let has_room = queue.under_way < self.shared.max_concurrent;
            queue.under_way += usize::from(has_room);
            has_room
        };
        if has_room {
            let flight = Flight { shared: Arc::clone(&self.shared), is_over: false };
            self.tasks.spawn(flight.run());
        }
        answered.await.map_err(|_| StorageError::Unavailable("the process stops".into()))?
    }
}

/// One of the concurrent statements, repeated until no request waits.
struct Flight<T: Batched> {
    shared: Arc<Shared<T>>,
    is_over: bool,
}

impl<T: Batched> Flight<T> {
    async fn run(mut self) {
        while let Some((requests, answers)) = self.shared.next() {
            if requests.is_empty() {
                continue;
            }
            match self.shared.work.answer(&requests).await {
                Ok(answered) => {
                    for (answer, to) in answered.into_iter().zip(answers) {
                        // A dropped request needs no answer.
                        let _ = to.send(Ok(answer));
                    }
                }
                Err(error) => self.shared.failed(error, &requests, answers).await,
            }
        }
        self.is_over = true;
    }
}

impl<T: Batched> Drop for Flight<T> {
    /// The task was aborted. If no other is left, dropping their senders reports this to the waiting requests.
    fn drop(&mut self) {
        if !self.is_over {
            let mut queue = self.shared.queue();
            queue.under_way -= 1;
            if queue.under_way == 0 {
                queue.waiting.clear();
            }
        }
    }
}

type Answers<A> = Vec<oneshot::Sender<Result<A>>>;

/// The requests of one statement, and the receivers of their answers.
type Taken<T> = (Vec<<T as Batched>::Request>, Answers<<T as Batched>::Answer>);

impl<T: Batched> Shared<T> {
    fn queue(&self) -> MutexGuard<'_, Queue<T>> {
        // Always consistent, even after a panic.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes waiting requests that were not dropped, at most as many as share a statement. If none waits, one statement
    /// less is running from now on, and the next request sends one.
    fn next(&self) -> Option<Taken<T>> {
        let mut queue = self.queue();
        let count = queue.waiting.len().min(MOST);
        if count == 0 {
            queue.under_way -= 1;
            return None;
        }
        let still_there = queue.waiting.drain(..count).filter(|waiter| !waiter.answer.is_closed());
        Some(still_there.map(|waiter| (waiter.request, waiter.answer)).unzip())
    }

    /// Reports an outage to all requests. Any other error may concern only one of them: each is sent alone.
    async fn failed(&self, error: StorageError, requests: &[T::Request], answers: Answers<T::Answer>) {
        let everybodys = match error {
            StorageError::Unavailable(cause) if !is_lock(&cause) => Everybodys(StorageError::Unavailable, cause.into()),
            StorageError::OutcomeUnknown(cause) => Everybodys(StorageError::OutcomeUnknown, cause.into()),
            its_own @ (StorageError::Unavailable(_)
            | StorageError::Conflict(_)
            | StorageError::CallerChanged
            | StorageError::Corrupt { .. }
            | StorageError::Unexpected(_)) => {
                return match <[_; 1]>::try_from(answers) {
                    Ok([answer]) => drop(answer.send(Err(its_own))),
                    Err(answers) => self.one_by_one(requests, answers).await,
                };
            }
        };
        for answer in answers {
            let _ = answer.send(Err(everybodys.again()));
        }
    }

    async fn one_by_one(&self, requests: &[T::Request], answers: Answers<T::Answer>) {
        for (request, to) in requests.iter().zip(answers) {
            if to.is_closed() {
                continue;
            }
            let alone = self.work.answer(std::slice::from_ref(request)).await;
            let missing = || StorageError::Unexpected("a request was not answered".into());
            let _ = to.send(alone.and_then(|answered| answered.into_iter().next().ok_or_else(missing)));
        }
    }
}

/// An outage shared by several requests.
struct Everybodys(fn(Cause) -> StorageError, Arc<dyn Error + Send + Sync>);

impl Everybodys {
    fn again(&self) -> StorageError {
        (self.0)(Box::new(SharedCause(Arc::clone(&self.1))))
    }
}

/// A cause shared by several errors.
#[derive(Debug)]
struct SharedCause(Arc<dyn Error + Send + Sync>);

impl fmt::Display for SharedCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for SharedCause {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

#[cfg(test)]
#[path = "batcher/tests.rs"]
mod tests;
