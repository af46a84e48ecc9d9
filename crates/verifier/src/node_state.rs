//! The state of one node that its tasks and its requests share.
//!
//! Only holds it: what a reply, an event or a clock changes in it is decided by those who write it.

use std::sync::{Arc, Mutex, atomic::AtomicU64};

use keyward_storage::Feed;

use crate::{
    cache::Cache,
    driver::{Clocks, LeaseProblems, Wake},
    machine::Clock,
    metrics::VerifierMetrics,
    protocol::{LeaseConfig, Newness, Rules},
    published_lease::PublishedLease,
};

/// State shared by tasks and requests.
pub(crate) struct NodeState {
    pub(crate) cache: Cache,
    pub(crate) published_lease: PublishedLease,
    pub(crate) feed: Arc<dyn Feed>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) rules: Rules,
    pub(crate) terms: LeaseConfig,
    pub(crate) metrics: VerifierMetrics,
    pub(crate) clocks: Clocks,
    pub(crate) lease_problems: LeaseProblems,
    pub(crate) wake: Wake,
    /// The longest lease time ever seen in a list of members, in nanoseconds.
    pub(crate) longest_seen: AtomicU64,
    /// Whether the database's history is still new to this process (R13, R18).
    pub(crate) newness: Mutex<Newness>,
    /// Number of histories named in replies so far.
    pub(crate) histories: AtomicU64,
}

impl NodeState {
    /// State of a process that has not joined yet.
    pub(crate) fn new(
        feed: Arc<dyn Feed>,
        clock: Arc<dyn Clock>,
        rules: Rules,
        terms: LeaseConfig,
        capacity_bytes: u64,
    ) -> Self {
        Self {
            cache: Cache::new(rules, capacity_bytes),
            published_lease: PublishedLease::new(rules),
            feed,
            clock,
            rules,
            terms,
            metrics: VerifierMetrics::new(),
            clocks: Clocks::default(),
            lease_problems: LeaseProblems::default(),
            wake: Wake::default(),
            longest_seen: AtomicU64::new(0),
            newness: Mutex::new(Newness::new(rules.history(), terms.guard)),
            histories: AtomicU64::new(0),
        }
    }
}
