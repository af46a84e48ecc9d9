//! Prepared statements whose tables change: an operator runs `ALTER TABLE` under a running node.
//!
//! Postgres rejects such a statement on each connection that prepared it (SQLSTATE 0A000). So a connection older than
//! the last rejection is never used again, and a rejected read is retried once. Writes are never retried.

use std::sync::{Arc, Mutex, PoisonError};

use sqlx::Error;
use tokio::time::{Duration, Instant};

use super::error::{failed, is_outdated};
use crate::Result;

/// When an outdated statement was last rejected; shared by all users of the pool.
#[derive(Clone, Default)]
pub(super) struct Plans(Arc<Mutex<Option<Instant>>>);

impl Plans {
    /// Whether a connection of this age may have statements prepared before the last rejection.
    pub(super) fn outdate(&self, age: Duration) -> bool {
        let refused = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        refused.is_some_and(|at| age >= at.elapsed())
    }

    /// Records the result of a statement. After a rejection, no currently open connection is used again.
    pub(super) fn note<T>(&self, answer: Result<T, Error>) -> Result<T, Error> {
        if answer.as_ref().is_err_and(is_outdated) {
            tracing::warn!("a table changed under this node: preparing statements again");
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        }
        answer
    }

    /// Runs a read; retries it once if its statement is outdated.
    pub(super) async fn ask<T, F>(&self, query: impl Fn() -> F) -> Result<T>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let answer = match self.note(query().await) {
            Err(error) if is_outdated(&error) => self.note(query().await),
            other => other,
        };
        answer.map_err(failed)
    }
}
