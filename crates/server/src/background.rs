//! What runs beside the requests until the server stops. Decides nothing: each task calls one use case now and then.

use std::{future::Future, sync::Arc, time::Duration};

use keyward_api::http::Readiness;
use keyward_app::{
    Access,
    access::rotate_signing_keys::{forget_families, keep_signing_keys},
};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    metrics::{self, Metrics},
    sentence::sentence,
};

/// How often the database is asked whether it is there.
const PING: Duration = Duration::from_secs(1);
/// How long its answer may take before it counts as away.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often the signing keys are looked after; other nodes' rotations are seen as late as this.
const SIGNING_KEYS: Duration = Duration::from_mins(1);
/// How often dead refresh families are dropped.
const FAMILIES: Duration = Duration::from_mins(5);
/// How often limits forget who has been quiet. At 600 wrong credentials a minute one is forgiven after a fraction of a
/// second, so this is how long a flood from ever new addresses takes up memory for each.
const ATTEMPTS: Duration = Duration::from_secs(2);

/// The server's tasks.
pub(crate) struct Background {
    /// Whose use cases are called.
    pub(crate) access: Arc<Access>,
    /// Who waits for the tasks when stopping.
    pub(crate) tracker: TaskTracker,
    /// When to end.
    pub(crate) stop: CancellationToken,
    /// How often the last use of keys is written down.
    pub(crate) usage_flush_interval: Duration,
}

impl Background {
    /// Starts them all.
    pub(crate) fn start(&self, ready: Readiness, metrics: Option<Metrics>) {
        self.tracker.spawn(watch_database(Arc::clone(&self.access), ready, self.stop.clone()));
        self.every_or_sooner(
            self.usage_flush_interval,
            |access| async move { access.much_was_used().await },
            "the last use of keys could not be written down",
            |access| async move { Ok(access.flush_usage().await?) },
        );
        self.every(SIGNING_KEYS, "the signing keys could not be looked after", |access| async move {
            Ok(keep_signing_keys(&access).await?)
        });
        self.every(FAMILIES, "ended refresh families could not be dropped", |access| async move {
            Ok(forget_families(&access).await?)
        });
        self.every(ATTEMPTS, "limits could not be tidied", |access| async move {
            access.forget_attempts();
            Ok(())
        });
        if let Some(metrics) = metrics {
            self.every(metrics::UPKEEP, "metrics could not be tidied", move |_| {
                metrics.upkeep();
                std::future::ready(Ok(()))
            });
        }
    }

    /// Calls `work` over and over, and logs what fails: the next time may do.
    fn every<F>(&self, period: Duration, failed: &'static str, work: impl Fn(Arc<Access>) -> F + Send + 'static)
    where
        F: Future<Output = anyhow::Result<()>> + Send,
    {
        self.every_or_sooner(period, |_| std::future::pending(), failed, work);
    }

    /// The same, and before its time whenever `sooner` ends.
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
            // The first tick comes at once, and nothing is due then.
            due.tick().await;
            loop {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => return,
                    () = sooner(Arc::clone(&access)) => due.reset(),
                    _ = due.tick() => {}
                }
                if let Err(error) = work(Arc::clone(&access)).await {
                    tracing::warn!(error = &*error as &dyn std::error::Error, "{failed}: {}", sentence(&error));
                }
            }
        });
    }
}

/// Keeps the readiness true to whether verifications can be answered, from memory or by the database, and closes it for good when stopping.
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
