//! Tasks beside the requests, until the server stops. Decides nothing: each task calls one use case periodically.

use std::{future::Future, sync::Arc, time::Duration};

use keyward_api::http::Readiness;
use keyward_app::{
    Access, Manage,
    access::rotate_signing_keys::keep_signing_keys,
    jobs::{Job, run_turn},
};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    error_text::one_line,
    metrics::{self, Metrics},
};

/// How often the database is checked.
const PING: Duration = Duration::from_secs(1);
/// Maximum time of that check before the database counts as unavailable.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often signing keys are checked; also the delay with which other nodes' rotations are seen.
const SIGNING_KEYS: Duration = Duration::from_mins(1);
/// How often a node tries to do a job within its period.
const TRIES_PER_PERIOD: u32 = 5;
/// How often limits drop expired entries. At 600 wrong credentials a minute one expires after a fraction of a second,
/// so this is how long a flood from ever new addresses occupies memory for each.
const ATTEMPTS: Duration = Duration::from_secs(2);

/// The server's background tasks.
pub(crate) struct Background {
    /// Use cases that the tasks call.
    pub(crate) access: Arc<Access>,
    /// Does the jobs.
    pub(crate) manage: Arc<Manage>,
    /// Tracks the tasks; shutdown waits for it.
    pub(crate) tracker: TaskTracker,
    /// Cancelled when the tasks must end.
    pub(crate) stop: CancellationToken,
    /// How often the last use of keys is written.
    pub(crate) usage_flush_interval: Duration,
}

impl Background {
    /// Starts all tasks.
    pub(crate) fn start(&self, ready: Readiness, metrics: Option<Metrics>) {
        self.tracker.spawn(watch_database(Arc::clone(&self.access), ready, self.stop.clone()));
        self.every_or_sooner(
            self.usage_flush_interval,
            |access| async move { access.much_was_used().await },
            "the last use of keys could not be written",
            |access| async move { Ok(access.flush_usage().await?) },
        );
        self.every(SIGNING_KEYS, "the signing keys could not be checked or rotated", |access| async move {
            Ok(keep_signing_keys(&access).await?)
        });
        for job in Job::ALL {
            let manage = Arc::clone(&self.manage);
            // More often than it is due, because another node may have done the last turn.
            self.every(job.period() / TRIES_PER_PERIOD, job.failed(), move |_| {
                let manage = Arc::clone(&manage);
                async move { Ok(run_turn(&manage, job).await.map(drop)?) }
            });
        }
        self.every(ATTEMPTS, "expired entries of limits could not be dropped", |access| async move {
            access.forget_attempts();
            Ok(())
        });
        if let Some(metrics) = metrics {
            self.every(metrics::UPKEEP, "metrics could not be drained", move |_| {
                metrics.upkeep();
                std::future::ready(Ok(()))
            });
        }
    }

    /// Calls `work` periodically, and logs failures: the next call may succeed.
    fn every<F>(&self, period: Duration, failed: &'static str, work: impl Fn(Arc<Access>) -> F + Send + 'static)
    where
        F: Future<Output = anyhow::Result<()>> + Send,
    {
        self.every_or_sooner(period, |_| std::future::pending(), failed, work);
    }

    /// As [`Self::every`], and early whenever `sooner` ends.
    fn every_or_sooner<S, F>(
        &self,
        period: Duration,
        sooner: impl Fn(Arc<Access>) -> S + Send + 'static,
        failed: &'static str,
        work: impl Fn(Arc<Access>) -> F + Send + 'static,
    ) where
        S: Future<Output = ()> + Send,
        F: Future<Output = anyhow::Result<()>> + Send,
    {
        let (access, stop) = (Arc::clone(&self.access), self.stop.clone());
        self.tracker.spawn(async move {
            let mut due = interval(period);
            due.set_missed_tick_behavior(MissedTickBehavior::Delay);
            // The first tick comes immediately, when nothing is due.
            due.tick().await;
            loop {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => return,
                    () = sooner(Arc::clone(&access)) => due.reset(),
                    _ = due.tick() => {}
                }
                if let Err(error) = work(Arc::clone(&access)).await {
                    tracing::warn!(error = &*error as &dyn std::error::Error, "{failed}: {}", one_line(&error));
                }
            }
        });
    }
}

/// Opens and closes the readiness as verifications can be answered, from memory or by the database; closes it
/// permanently when stopping.
async fn watch_database(access: Arc<Access>, ready: Readiness, stop: CancellationToken) {
    let mut due = interval(PING);
    due.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut was_there = true;
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            _ = due.tick() => {}
        }
        let Some(answer) = stop.run_until_cancelled(tokio::time::timeout(PATIENCE, access.ping())).await else { break };
        let is_there = matches!(answer, Ok(Ok(())));
        match (was_there, is_there) {
            (true, false) => tracing::error!("the database does not answer, and there is no lease: not ready"),
            (false, true) => tracing::info!("verifications can be answered again: ready"),
            (true, true) | (false, false) => {}
        }
        if is_there {
            ready.open();
        } else {
            ready.close();
        }
        ::metrics::gauge!("keyward_ready").set(if is_there { 1.0 } else { 0.0 });
        was_there = is_there;
    }
    ready.close();
    ::metrics::gauge!("keyward_ready").set(0.0);
}
