//! Prometheus metrics, answered on an address of their own.
//!
//! What there is stands in one [table]; it is counted where it happens, and what can be read at any time is read when
//! the page is asked for. Nothing is recorded unless somebody wants to read it.

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

/// How often what was recorded is drained: nobody else does, and it would grow with the traffic.
pub(crate) const UPKEEP: Duration = Duration::from_secs(5);

/// Seconds: from a hot look-up to a request that ran out of time.
const BUCKETS: [f64; 14] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// What has been recorded.
#[derive(Clone)]
pub(crate) struct Metrics {
    recorded: PrometheusHandle,
    clock: Arc<dyn Clock>,
    process: metrics_process::Collector,
    /// None before the node answers.
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

    /// From now on the page shows this, too.
    pub(crate) fn read(&self, readings: Readings) {
        // There is one node in a process.
        let _ = self.readings.set(readings);
    }

    /// Drains what was recorded since the last time.
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

/// `GET /metrics`, and nothing else.
pub(crate) fn router(metrics: Metrics) -> Router {
    Router::new().route("/metrics", get(page)).with_state(metrics)
}

async fn page(State(metrics): State<Metrics>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics.page())
}
