//! Turns of jobs: work on what all nodes share, done now and then by one of them.
//!
//! A turn is a row with an end, by the database's clock, and not a lock: a lock would need a transaction or a session
//! as long as the turn, which Postgres and poolers cut off. A node that dies during a turn delays the next one by at
//! most the turn's limit. What a job does is harmless twice, because a node that was paused may outlive its turn.

use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

use crate::{Result, Write};

/// When a job runs, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobTimes {
    /// Time from the end of a turn to the beginning of the next one, on any node.
    pub period: Duration,
    /// Maximum time of a turn. No other begins earlier, unless this one ends.
    pub limit: Duration,
}

/// The right to do a job for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobTurn {
    /// Identifies the turn.
    pub id: Uuid,
    /// Where the last turn stopped, in the job's own form; none at the beginning.
    pub cursor: Option<String>,
}

/// Turns of jobs.
#[async_trait]
pub trait Jobs: Send + Sync {
    /// Begins a turn of this job, under this fresh id. Returns `None` if another node is at one or the next one is not
    /// due.
    async fn begin_turn(&self, job: &str, id: Uuid, times: JobTimes) -> Result<Option<JobTurn>>;

    /// Ends a turn; the next one starts at this cursor. Returns `Stale` if the turn has exceeded its limit and another
    /// one has begun.
    async fn end_turn(&self, job: &str, id: Uuid, cursor: Option<String>) -> Result<Write>;
}
