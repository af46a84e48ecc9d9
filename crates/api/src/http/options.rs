//! Settings of the service over HTTP, and whether it is ready.
//!
//! Holds what the configuration decided. Never reads the environment, and decides nothing about a request.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use ipnet::IpNet;

use super::gateway::Gateway;

/// Settings of the adapters beside those of the use cases.
#[derive(Clone, Debug)]
pub struct HttpOptions {
    /// Proxies whose `X-Forwarded-For` is trusted.
    pub trusted_proxies: Vec<IpNet>,
    /// Maximum size of a request body in bytes.
    pub max_body_bytes: usize,
    /// Maximum time for a body to arrive: its request counts as concurrent meanwhile.
    pub body_read_timeout: Duration,
    /// Maximum time of a request before it is answered with 504.
    pub request_timeout: Duration,
    /// Maximum number of concurrent requests of one kind (verification, tokens, management, stopping). Beyond it the
    /// answer is 503. One network, or one partner with all merchants below it, gets at most about half of them, one
    /// source or account a third; beyond that the answer is 429.
    pub max_concurrent_requests: usize,
    /// Settings for the gateways in front.
    pub gateway: Gateway,
    /// Whether `/readyz` returns 200.
    pub ready: Readiness,
}

/// Whether the node can answer: opened by the first success, closed when stopping. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// Marks the node as ready.
    pub fn open(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Marks the node as not ready.
    pub fn close(&self) {
        self.0.store(false, Ordering::Release);
    }

    pub(super) fn is_open(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}
