//! Prometheus metrics, answered on an address of their own.
//!
//! The names of what is counted stand where it is counted; here are the recorder, the page, and what is known of the
//! process itself. Nothing is recorded unless somebody wants to read it.

use std::{fs, sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use axum::{Router, extract::State, http::header::CONTENT_TYPE, response::IntoResponse, routing::get};
use keyward_api::app::Clock;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

/// How often what was recorded is drained: nobody else does, and it would grow with the traffic.
pub(crate) const UPKEEP: Duration = Duration::from_secs(5);

/// Seconds: from a hot look-up to a request that ran out of time.
const BUCKETS: [f64; 14] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// What has been recorded.
#[derive(Clone)]
pub(crate) struct Metrics {
    recorded: PrometheusHandle,
    clock: Arc<dyn Clock>,
}

impl Metrics {
    /// Starts recording, for the whole process.
    pub(crate) fn start(clock: Arc<dyn Clock>) -> Result<Self> {
        let recorder = PrometheusBuilder::new().set_buckets(&BUCKETS)?.build_recorder();
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder).ok().context("metrics are recorded already")?;
        metrics::describe_gauge!("keyward_build_info", "Always 1; the label tells the version.");
        metrics::describe_gauge!("keyward_uptime_seconds", "How long this process has been running.");
        metrics::describe_gauge!(
            "keyward_ready",
            "Whether verifications can be answered, from memory or by the database: 1 or 0."
        );
        metrics::describe_counter!(
            "keyward_log_lines_lost_total",
            "Lines of the log that could not be written, or not fast enough."
        );
        metrics::describe_counter!(
            "keyward_log_lines_withheld_total",
            "Lines about refusals of callers that proved nothing, beyond 20 a second."
        );
        metrics::describe_gauge!("process_resident_memory_bytes", "Resident memory size in bytes.");
        metrics::gauge!("keyward_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
        Ok(Self { recorded: handle, clock })
    }

    /// Drains what was recorded since the last time.
    pub(crate) fn upkeep(&self) {
        self.recorded.run_upkeep();
    }

    fn page(&self) -> String {
        metrics::gauge!("keyward_uptime_seconds").set(self.clock.monotonic().as_secs_f64());
        if let Some(bytes) = resident_bytes() {
            metrics::gauge!("process_resident_memory_bytes").set(bytes);
        }
        self.recorded.render()
    }
}

/// `GET /metrics`, and nothing else.
pub(crate) fn router(metrics: Metrics) -> Router {
    Router::new().route("/metrics", get(page)).with_state(metrics)
}

async fn page(State(metrics): State<Metrics>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics.page())
}

/// What Linux says; elsewhere nothing.
fn resident_bytes() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u32 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(f64::from(kibibytes) * 1024.0)
}

#[cfg(test)]
mod tests {
    //! The page holds what a dashboard needs first.
    use super::*;
    use crate::clock::SystemClock;

    #[test]
    fn the_page_tells_version_uptime_and_buckets() {
        let metrics = Metrics::start(Arc::new(SystemClock::start())).unwrap();
        metrics::histogram!("keyward_http_request_seconds").record(0.003);
        metrics.upkeep();
        let page = metrics.page();
        for line in [
            "keyward_build_info{version=\"",
            "keyward_uptime_seconds ",
            "keyward_http_request_seconds_bucket{le=\"0.005\"} 1",
        ] {
            assert!(page.contains(line), "{line} is missing in:\n{page}");
        }
    }
}
