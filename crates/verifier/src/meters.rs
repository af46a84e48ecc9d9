//! What is counted, with its name. Handles are made once: a cached answer costs one addition.

use metrics::{Counter, Gauge, Histogram};

use crate::cache::Size;

pub(crate) struct Meters {
    /// Answers from memory.
    pub(crate) hits: Counter,
    /// Reads of what was not in memory.
    pub(crate) fills: Counter,
    /// Reads that could be neither kept nor used, because something was narrowed in between (R4, R5).
    pub(crate) refused: Counter,
    /// Reads without a lease.
    pub(crate) alone: Counter,
    /// How long the lease still lasts, in seconds.
    pub(crate) lease: Gauge,
    /// How many events this node has heard of and not applied.
    pub(crate) behind: Gauge,
    /// Bytes in memory, as the capacity counts them.
    pub(crate) bytes: Gauge,
    /// Keys in memory.
    pub(crate) keys: Gauge,
    /// How far the wall clock of this machine is ahead of the database's, in seconds.
    pub(crate) clock_difference: Gauge,
    /// How far the clock that dates what is stored has jumped, in seconds.
    pub(crate) clock_jump: Gauge,
    /// How often this node found that the database had gone back.
    pub(crate) history_lost: Counter,
    /// How long narrowing calls waited for other nodes, in seconds.
    pub(crate) barrier: Histogram,
}

impl Meters {
    /// The handles of the recorder that is installed now.
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

    /// How much is remembered.
    pub(crate) fn show(&self, size: Size) {
        #[expect(clippy::cast_precision_loss, reason = "a gauge need not be exact beyond 2^53 bytes")]
        let (bytes, keys) = (size.bytes as f64, size.keys as f64);
        self.bytes.set(bytes);
        self.keys.set(keys);
    }
}
