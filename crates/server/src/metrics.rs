//! Prometheus metrics, served on an address of their own.
//!
//! One [table] lists them. Code records them where events happen; gauges are read when the page is requested. Nothing
//! is recorded unless the metrics listener is on.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use anyhow::{Context as _, Result};
use axum::{Router, extract::State, http::header::CONTENT_TYPE, response::IntoResponse, routing::get};
use keyward_app::Clock;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

mod former;
mod readings;
mod table;
#[cfg(test)]
mod tests;

pub(crate) use readings::Readings;

/// How often recorded samples are drained: otherwise they would grow with the traffic.
pub(crate) const UPKEEP: Duration = Duration::from_secs(5);

/// Seconds: from a look-up in memory to a request that timed out.
const BUCKETS: [f64; 14] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// The recorded metrics.
#[derive(Clone)]
pub(crate) struct Metrics {
    recorded: PrometheusHandle,
    clock: Arc<dyn Clock>,
    process: metrics_process::Collector,
    /// Unset until the node answers.
    readings: Arc<OnceLock<Readings>>,
}

impl Metrics {
    /// Starts recording, for the whole process.
    pub(crate) fn start(clock: Arc<dyn Clock>) -> Result<Self> {
        let recorder = PrometheusBuilder::new().set_buckets(&BUCKETS)?.build_recorder();
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder).ok().context("metrics are recorded already")?;
        table::all().for_each(table::Metric::register);
        metrics::gauge!("keyward_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
        Ok(Self { recorded: handle, clock, process: metrics_process::Collector::default(), readings: Arc::default() })
    }

    /// Adds these readings to the page.
    pub(crate) fn read(&self, readings: Readings) {
        // A process has one node.
        let _ = self.readings.set(readings);
    }

    /// Drains samples recorded since the last call.
    pub(crate) fn upkeep(&self) {
        self.recorded.run_upkeep();
    }

    fn page(&self) -> String {
        metrics::gauge!("keyward_uptime_seconds").set(self.clock.monotonic().as_secs_f64());
        self.process.collect();
        if let Some(readings) = self.readings.get() {
            readings.take();
        }
        let mut page = self.recorded.render();
        former::repeat(&mut page);
        page
    }
}

/// Routes `GET /metrics` only.
pub(crate) fn router(metrics: Metrics) -> Router {
    Router::new().route("/metrics", get(page)).with_state(metrics)
}

async fn page(State(metrics): State<Metrics>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics.page())
}
