//! Reloads of a running server: its certificates, and the filter of its log.
//!
//! SIGHUP reloads both, and changed TLS files are reloaded by themselves. Unusable values are not adopted, and nothing
//! here ends the process. All other settings need a restart.

use std::{sync::Arc, time::Duration};

use anyhow::Result;
use tokio::{
    signal::unix::Signal,
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

use crate::{
    config::Log,
    error_text::one_line,
    listener::{Certificates, Reload},
    supervisor,
    telemetry::Filter,
};

/// How often the TLS files are checked.
const CHECK_INTERVAL: Duration = Duration::from_secs(2);

/// The sources of a reload.
pub(crate) struct Rereading {
    /// The filter in use.
    pub(crate) filter: Filter,
    /// Reads the settings of the log from their sources.
    pub(crate) log: Box<dyn Fn() -> Result<Log> + Send + Sync>,
}

impl Rereading {
    /// Reads again on every trigger, until the server stops.
    pub(super) async fn follow(self, tls: Option<Arc<Certificates>>, mut hangups: Signal, stop: CancellationToken) {
        let mut due = interval(CHECK_INTERVAL);
        due.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let is_asked = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                Some(()) = hangups.recv() => true,
                _ = due.tick(), if tls.is_some() => false,
            };
            if is_asked {
                supervisor::reloading();
                self.read_filter();
            }
            if let Some(tls) = &tls {
                log_outcome(tls, tls.reload(is_asked).await);
            }
            if is_asked {
                supervisor::ready();
            }
        }
    }

    fn read_filter(&self) {
        let taken = (self.log)().and_then(|log| self.filter.replace(&log).map(|()| log));
        match taken {
            Ok(log) => tracing::info!(filter = log.filter, "SIGHUP: log.filter is {}", log.filter),
            Err(error) => {
                tracing::error!(
                    error = &*error as &dyn std::error::Error,
                    "SIGHUP: kept the old log.filter: {}",
                    one_line(&error)
                );
            }
        }
    }
}

fn log_outcome(tls: &Certificates, outcome: Reload) {
    match outcome {
        Reload::Unchanged => {}
        Reload::Taken => tracing::info!("took over the certificate in {}", tls.file().display()),
        Reload::Kept(error) => {
            tracing::error!(
                error = &*error as &dyn std::error::Error,
                "kept the old certificate: {}",
                one_line(&error)
            );
        }
    }
}
