//! Prepared statements that outlive the shape of what they read: somebody ran `ALTER TABLE` under a running node.
//!
//! Postgres refuses such a statement on each connection that prepared it (SQLSTATE 0A000). A connection that is older
//! than the last refusal is therefore never used again, and a read that was refused is asked once more. It repeats no
//! write.

use std::sync::{Arc, Mutex, PoisonError};

use sqlx::Error;
use tokio::time::{Duration, Instant};

use super::error::{failed, is_outdated};
use crate::Result;

/// When a statement was last refused for its age; shared by all that use the pool.
#[derive(Clone, Default)]
pub(super) struct Plans(Arc<Mutex<Option<Instant>>>);

impl Plans {
    /// Whether a connection of this age may hold statements that were prepared before the last refusal.
    pub(super) fn outdate(&self, age: Duration) -> bool {
        let refused = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        refused.is_some_and(|at| age >= at.elapsed())
    }

    /// Notes what became of a statement. From a refusal on, no connection that is open now is used again.
    pub(super) fn note<T>(&self, answer: Result<T, Error>) -> Result<T, Error> {
        if answer.as_ref().is_err_and(is_outdated) {
            tracing::warn!("a table was changed under this node: statements are prepared anew");
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        }
        answer
    }

    /// Asks something that writes nothing; once more if the statement was refused for its age.
    pub(super) async fn ask<T, F>(&self, question: impl Fn() -> F) -> Result<T>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let answer = match self.note(question().await) {
            Err(error) if is_outdated(&error) => self.note(question().await),
            other => other,
        };
        answer.map_err(failed)
    }
}
