//! Jobs: what runs now and then on behalf of all nodes. One node at a time does each.
//!
//! What a node does for itself alone is no job: writing the last uses that it saw, reading signing keys, dropping
//! expired entries of its own limits. A job may be done twice, so it must be harmless then.

use std::{sync::Arc, time::Duration};

use keyward_storage::JobTimes;

use crate::{
    Failure, Manage, access::rotate_signing_keys::forget_families, manage::suspend_idle_keys::suspend_idle_keys,
};

/// A job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Job {
    /// Drops refresh families that have ended.
    RefreshFamilies,
    /// Suspends keys that a policy calls idle.
    IdleKeys,
}

/// What a turn did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Number of rows that it changed.
    pub rows: u64,
    /// Where the next turn goes on; none if it starts at the beginning.
    pub cursor: Option<String>,
}

impl Job {
    /// All jobs.
    pub const ALL: [Self; 2] = [Self::RefreshFamilies, Self::IdleKeys];

    /// Its name in the database, in logs and in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RefreshFamilies => "refresh_families",
            Self::IdleKeys => "idle_keys",
        }
    }

    /// What is logged if a turn fails.
    #[must_use]
    pub const fn failed(self) -> &'static str {
        match self {
            Self::RefreshFamilies => "ended refresh families could not be dropped",
            Self::IdleKeys => "idle keys could not be suspended",
        }
    }

    /// Time from the end of a turn to the beginning of the next one.
    #[must_use]
    pub const fn period(self) -> Duration {
        match self {
            Self::RefreshFamilies => Duration::from_mins(5),
            Self::IdleKeys => Duration::from_mins(1),
        }
    }

    /// Maximum time of a turn.
    const LIMIT: Duration = Duration::from_mins(2);
}

/// Does a turn of this job, if it is due and no other node is at it. Returns the number of rows that it changed.
///
/// # Errors
/// [`Failure`] if the database cannot answer, or the turn exceeded its limit. The next turn starts where this one did.
pub async fn run_turn(manage: &Arc<Manage>, job: Job) -> Result<Option<u64>, Failure> {
    let access = manage.access();
    let id = manage.runtime.fresh_id(access.now().recorded())?;
    let times = JobTimes { period: job.period(), limit: Job::LIMIT };
    let Some(turn) = manage.jobs.begin_turn(job.name(), id, times).await? else { return Ok(None) };
    let begun = access.monotonic();
    let work = async {
        match job {
            Job::RefreshFamilies => Ok(Progress { rows: forget_families(access).await?, cursor: None }),
            Job::IdleKeys => {
                let after = turn.cursor.as_deref().and_then(|id| id.parse().ok());
                suspend_idle_keys(manage, after).await
            }
        }
    };
    let done = tokio::time::timeout(Job::LIMIT, work).await.unwrap_or(Err(Failure::CutOff));
    let cursor = done.as_ref().map_or_else(|_| turn.cursor.clone(), |done| done.cursor.clone());
    // A stale turn has exceeded its limit: another one has begun.
    let _ = manage.jobs.end_turn(job.name(), id, cursor).await?;
    metrics::histogram!("keyward_job_seconds", "job" => job.name())
        .record(access.monotonic().saturating_sub(begun).as_secs_f64());
    let done = done?;
    metrics::counter!("keyward_job_rows_total", "job" => job.name()).increment(done.rows);
    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit into 52 bits")]
    let ended_at = (access.now().recorded().as_micros() / 1_000_000) as f64;
    metrics::gauge!("keyward_job_last_success_timestamp_seconds", "job" => job.name()).set(ended_at);
    Ok(Some(done.rows))
}
