//! Work that is much cheaper done together than one by one: those who ask while others are being served share the next
//! statement.
//!
//! Nobody waits for company: whoever finds fewer statements under way than there may be has one of its own at once. A statement
//! begins after all who share it have asked, so each of them could have sent it. It knows no SQL. One bad question
//! never spoils the others' answers: where a statement is refused, each of them is asked alone.

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

/// How many share one statement at the most.
const MOST: usize = 64;

/// Questions of one kind that one statement answers.
#[async_trait]
pub(super) trait Batched: Send + Sync + 'static {
    type Request: Send + Sync;
    type Answer: Send;

    /// Answers all of them, in their order. To be over in time by itself, whatever the database does.
    async fn answer(&self, asked: &[Self::Request]) -> Result<Vec<Self::Answer>>;
}

/// Where they meet.
pub(super) struct Batcher<T: Batched> {
    shared: Arc<Shared<T>>,
    tasks: TaskTracker,
}

struct Shared<T: Batched> {
    work: T,
    /// How many statements may be under way.
    at_once: usize,
    queue: Mutex<Queue<T>>,
}

struct Queue<T: Batched> {
    under_way: usize,
    waiting: VecDeque<Waiter<T>>,
}

struct Waiter<T: Batched> {
    asked: T::Request,
    answer: oneshot::Sender<Result<T::Answer>>,
}

impl<T: Batched> Batcher<T> {
    /// Nobody is there yet; so many statements may be under way. Statements are sent by tasks of this tracker, so that nobody who hangs up takes the others'
    /// answer along.
    pub(super) fn new(work: T, at_once: usize, tasks: TaskTracker) -> Self {
        let queue = Mutex::new(Queue { under_way: 0, waiting: VecDeque::new() });
        Self { shared: Arc::new(Shared { work, at_once, queue }), tasks }
    }

    /// Asks, and waits for the answer.
    pub(super) async fn ask(&self, asked: T::Request) -> Result<T::Answer> {
        let (answer, answered) = oneshot::channel();
        let has_room = {
            let mut queue = self.shared.queue();
            queue.waiting.push_back(Waiter { asked, answer });
            let has_room = queue.under_way < self.shared.at_once;
            queue.under_way += usize::from(has_room);
            has_room
        };
        if has_room {
            let turn = Flight { shared: Arc::clone(&self.shared), is_over: false };
            self.tasks.spawn(turn.take());
        }
        answered.await.map_err(|_| StorageError::Unavailable("the process stops".into()))?
    }
}

/// One of the statements that may be under way, over and over until nobody waits.
struct Flight<T: Batched> {
    shared: Arc<Shared<T>>,
    is_over: bool,
}

impl<T: Batched> Flight<T> {
    async fn take(mut self) {
        while let Some((asked, answers)) = self.shared.next() {
            if asked.is_empty() {
                continue;
            }
            match self.shared.work.answer(&asked).await {
                Ok(answered) => {
                    for (answer, to) in answered.into_iter().zip(answers) {
                        // Whoever hung up needs none.
                        let _ = to.send(Ok(answer));
                    }
                }
                Err(error) => self.shared.failed(error, &asked, answers).await,
            }
        }
        self.is_over = true;
    }
}

impl<T: Batched> Drop for Flight<T> {
    /// The task was ended in the middle. If no other is left, those who wait are told so by the end of their senders.
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

/// What one statement is asked, and where each answer goes.
type Taken<T> = (Vec<<T as Batched>::Request>, Answers<<T as Batched>::Answer>);

impl<T: Batched> Shared<T> {
    fn queue(&self) -> MutexGuard<'_, Queue<T>> {
        // Whole at any moment, whoever panicked.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those who wait and have not hung up, as many as share a statement. Where nobody waits, there is one statement less
    /// under way from this moment on: whoever asks next sends one.
    fn next(&self) -> Option<Taken<T>> {
        let mut queue = self.queue();
        let count = queue.waiting.len().min(MOST);
        if count == 0 {
            queue.under_way -= 1;
            return None;
        }
        let still_there = queue.waiting.drain(..count).filter(|waiter| !waiter.answer.is_closed());
        Some(still_there.map(|waiter| (waiter.asked, waiter.answer)).unzip())
    }

    /// An outage is everybody's. Any other refusal may be about one of them: each is asked alone.
    async fn failed(&self, error: StorageError, asked: &[T::Request], answers: Answers<T::Answer>) {
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
                    Err(answers) => self.one_by_one(asked, answers).await,
                };
            }
        };
        for answer in answers {
            let _ = answer.send(Err(everybodys.again()));
        }
    }

    async fn one_by_one(&self, asked: &[T::Request], answers: Answers<T::Answer>) {
        for (question, to) in asked.iter().zip(answers) {
            if to.is_closed() {
                continue;
            }
            let alone = self.work.answer(std::slice::from_ref(question)).await;
            let missing = || StorageError::Unexpected("a question was not answered".into());
            let _ = to.send(alone.and_then(|answered| answered.into_iter().next().ok_or_else(missing)));
        }
    }
}

/// An outage that several were met by.
struct Everybodys(fn(Cause) -> StorageError, Arc<dyn Error + Send + Sync>);

impl Everybodys {
    fn again(&self) -> StorageError {
        (self.0)(Box::new(SharedCause(Arc::clone(&self.1))))
    }
}

/// A cause that is told to several.
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
