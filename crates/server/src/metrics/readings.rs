//! Gauges that are read when the page is requested: no request pays for them.

use std::sync::Arc;

use keyward_api::http::Entrance;
use keyward_app::Access;
use keyward_storage::PoolState;

use crate::listener::Certificates;

/// The sources of the readings.
pub(crate) struct Readings {
    pub(crate) access: Arc<Access>,
    pub(crate) entrance: Entrance,
    pub(crate) pools: Box<dyn Fn() -> Vec<PoolState> + Send + Sync>,
    pub(crate) certificates: Option<Arc<Certificates>>,
}

impl Readings {
    /// Reads all of them.
    pub(super) fn take(&self) {
        for (kind, requests) in self.entrance.in_flight() {
            metrics::gauge!("keyward_http_requests_in_flight", "kind" => kind).set(count(requests));
        }
        let load = self.access.load();
        for (lane, waiting) in load.account_turns_waiting {
            metrics::gauge!("keyward_account_queue_waiting", "lane" => lane).set(count(waiting));
        }
        metrics::gauge!("keyward_slow_hash_queue_waiting").set(count(load.slow_hashes_waiting));
        for (limit, entries) in load.limit_entries {
            metrics::gauge!("keyward_limiter_entries", "limit" => limit).set(count(entries));
        }
        metrics::gauge!("keyward_signing_keys").set(count(load.signing_keys));
        if let Some(age) = load.signing_key_age {
            metrics::gauge!("keyward_signing_key_age_seconds").set(age.as_secs_f64());
        }
        for PoolState { name, max, open, idle, waiting } in (self.pools)() {
            let connections = |state, n: u32| {
                metrics::gauge!("keyward_database_connections", "pool" => name, "state" => state).set(f64::from(n));
            };
            connections("used", open.saturating_sub(idle));
            connections("idle", idle);
            metrics::gauge!("keyward_database_connections_max", "pool" => name).set(f64::from(max));
            metrics::gauge!("keyward_database_connections_waiting", "pool" => name).set(count(waiting));
        }
        if let Some(ends_at) = self.certificates.as_ref().and_then(|certificates| certificates.ends_at()) {
            #[expect(clippy::cast_precision_loss, reason = "seconds since 1970, far below 2^53")]
            let ends_at = ends_at as f64;
            metrics::gauge!("keyward_tls_certificate_expiry_timestamp_seconds").set(ends_at);
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "nothing here comes near 2^53")]
fn count(things: usize) -> f64 {
    things as f64
}
