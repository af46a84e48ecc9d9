//! Metrics and their names. Handles are created once, so that a cached answer costs one addition.

use metrics::{Counter, Gauge, Histogram};

use crate::cache::Size;

pub(crate) struct VerifierMetrics {
    /// Answers from memory.
    pub(crate) hits: Counter,
    /// Reads of keys that were not in memory.
    pub(crate) fills: Counter,
    /// Reads neither kept nor used, because a change was committed meanwhile (R4, R5).
    pub(crate) refused: Counter,
    /// Reads without a lease.
    pub(crate) alone: Counter,
    /// Remaining lease time, in seconds.
    pub(crate) lease: Gauge,
    /// Number of events that this node has seen and not applied.
    pub(crate) behind: Gauge,
    /// Bytes in memory, counted as for the capacity.
    pub(crate) bytes: Gauge,
    /// Keys in memory.
    pub(crate) keys: Gauge,
    /// How far this machine's wall clock is ahead of the database's, in seconds.
    pub(crate) clock_difference: Gauge,
    /// Jump of the clock that dates stored data, in seconds.
    pub(crate) clock_jump: Gauge,
    /// Number of times this node detected that the database went back.
    pub(crate) history_lost: Counter,
    /// Wait of restricting changes for other nodes, in seconds.
    pub(crate) barrier: Histogram,
}

impl VerifierMetrics {
    /// Creates handles of the currently installed recorder.
    pub(crate) fn new() -> Self {
        Self {
            hits: metrics::counter!("keyward_cache_hits_total"),
            fills: metrics::counter!("keyward_cache_fills_total"),
            refused: metrics::counter!("keyward_cache_fills_refused_total"),
            alone: metrics::counter!("keyward_reads_without_lease_total"),
            lease: metrics::gauge!("keyward_lease_seconds"),
            behind: metrics::gauge!("keyward_events_behind"),
            bytes: metrics::gauge!("keyward_cache_bytes"),
            keys: metrics::gauge!("keyward_cache_keys"),
            clock_difference: metrics::gauge!("keyward_clock_ahead_seconds"),
            clock_jump: metrics::gauge!("keyward_clock_jump_seconds"),
            history_lost: metrics::counter!("keyward_history_lost_total"),
            barrier: metrics::histogram!("keyward_barrier_seconds"),
        }
    }

    /// Records the size of the memory.
    pub(crate) fn show(&self, size: Size) {
        #[expect(clippy::cast_precision_loss, reason = "a gauge need not be exact beyond 2^53 bytes")]
        let (bytes, keys) = (size.bytes as f64, size.keys as f64);
        self.bytes.set(bytes);
        self.keys.set(keys);
    }
}
