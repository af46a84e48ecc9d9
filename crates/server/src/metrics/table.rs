//! All metrics: one table, from which they are described and `docs/metrics.md` is written.
//!
//! A test compares it with the names in the code, in both directions. Other modules count.

use metrics::Unit;

/// One metric.
#[derive(Debug)]
pub(crate) struct Metric {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) labels: &'static [&'static str],
    pub(crate) help: &'static str,
    /// Its name in the previous version, which the page repeats for one version.
    pub(crate) former: Option<&'static str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

const fn counter(name: &'static str, help: &'static str) -> Metric {
    Metric { name, kind: Kind::Counter, labels: &[], help, former: None }
}

const fn gauge(name: &'static str, help: &'static str) -> Metric {
    Metric { kind: Kind::Gauge, ..counter(name, help) }
}

const fn histogram(name: &'static str, help: &'static str) -> Metric {
    Metric { kind: Kind::Histogram, ..counter(name, help) }
}

impl Metric {
    const fn by(self, labels: &'static [&'static str]) -> Self {
        Self { labels, ..self }
    }

    const fn formerly(self, name: &'static str) -> Self {
        Self { former: Some(name), ..self }
    }

    /// Unit of measurement; the name ends with it.
    pub(crate) fn unit(&self) -> Unit {
        let name = self.name.trim_end_matches("_total");
        match name.rsplit('_').next() {
            Some("seconds") => Unit::Seconds,
            Some("bytes") => Unit::Bytes,
            Some(_) | None => Unit::Count,
        }
    }

    /// Describes it, and initializes a counter without labels: Prometheus does not count the increase with which a
    /// counter first appears.
    pub(super) fn register(&self) {
        let (name, unit, help) = (self.name, self.unit(), self.help);
        match self.kind {
            Kind::Counter => {
                metrics::describe_counter!(name, unit, help);
                if self.labels.is_empty() {
                    metrics::counter!(name).absolute(0);
                }
            }
            Kind::Gauge => metrics::describe_gauge!(name, unit, help),
            Kind::Histogram => metrics::describe_histogram!(name, unit, help),
        }
    }
}

/// All metrics, as the documentation lists them.
pub(crate) const TABLE: &[(&str, &[Metric])] = &[
    (
        "Requests",
        &[
            counter("keyward_http_requests_total", "Answers.").by(&["method", "route", "status"]),
            histogram("keyward_http_request_duration_seconds", "Time from the headers of a request to its answer.")
                .by(&["method", "route"])
                .formerly("keyward_http_request_seconds"),
            gauge("keyward_http_requests_in_flight", "Requests in progress, until the answer is sent.").by(&["kind"]),
            counter("keyward_problems_total", "Answers that are problems, by the code in them.").by(&["code"]),
            counter("keyward_denials_total", "Credentials and verified keys that were refused, by reason.")
                .by(&["code"]),
            counter(
                "keyward_failures_through_unconfigured_proxies_total",
                "Wrong credentials that came through a proxy that is not in trusted_proxies.",
            ),
            counter(
                "keyward_connections_refused_total",
                "Connections closed immediately, by the limit that was reached.",
            )
            .by(&["limit"]),
            counter(
                "keyward_connections_given_up_total",
                "Connections closed because the client did not read its answer within limits.write_timeout.",
            ),
        ],
    ),
    (
        "Verification from memory",
        &[
            counter("keyward_cache_hits_total", "Look-ups of keys answered from memory; a request makes one or more."),
            counter("keyward_cache_fills_total", "Keys read from the database because they were not in memory."),
            counter(
                "keyward_cache_fills_refused_total",
                "Reads that could not be used because a key or account was restricted meanwhile.",
            ),
            counter("keyward_reads_without_lease_total", "Keys read from the database because there was no lease."),
            gauge("keyward_cache_keys", "Keys in memory."),
            gauge("keyward_cache_bytes", "Bytes in memory, as verifier.cache_bytes counts them."),
            counter("keyward_usage_unnoted_total", "Uses of keys that last_used does not show."),
        ],
    ),
    (
        "Revocation, and the other nodes",
        &[
            gauge("keyward_lease_seconds", "How long this node may still answer from memory."),
            gauge("keyward_events_behind", "Changes that this node knows of and has not applied."),
            histogram("keyward_barrier_seconds", "Time that revoke, suspend and close waited for every node."),
            gauge(
                "keyward_clock_ahead_seconds",
                "How far this machine's clock is ahead of the database's; negative if it is behind.",
            ),
            gauge(
                "keyward_clock_jump_seconds",
                "How far the clock that dates stored data has jumped ahead, until it has held for ten minutes; \
                 negative if it jumped back.",
            ),
            counter(
                "keyward_history_lost_total",
                "Number of times this node detected that the database went back and changes were lost.",
            ),
        ],
    ),
    (
        "Queues and limited resources",
        &[
            gauge("keyward_account_queue_waiting", "Requests that wait in the queue of their account.").by(&["lane"]),
            gauge("keyward_slow_hash_queue_waiting", "Argon2 hashes that wait for a core."),
            gauge("keyward_limiter_entries", "Sources and others that limits on wrong credentials remember.")
                .by(&["limit"]),
            gauge("keyward_database_connections", "Open connections of each pool to the database, used or idle.")
                .by(&["pool", "state"]),
            gauge("keyward_database_connections_max", "Maximum number of connections of each pool.").by(&["pool"]),
            gauge("keyward_database_connections_waiting", "Requests that wait for a connection of each pool.")
                .by(&["pool"]),
            gauge(
                "keyward_tls_certificate_expiry_timestamp_seconds",
                "When the first certificate of the chain in use ends, in seconds since the Unix epoch.",
            ),
            gauge(
                "keyward_signing_keys",
                "Published keys that sign access tokens, or signed tokens that are still valid.",
            ),
            gauge("keyward_signing_key_age_seconds", "Time since the current signing key began to sign."),
        ],
    ),
    (
        "Jobs",
        &[
            gauge(
                "keyward_job_last_success_timestamp_seconds",
                "When this node last did a job, in seconds since the Unix epoch. The latest of all nodes counts.",
            )
            .by(&["job"]),
            histogram("keyward_job_seconds", "Time that this node took for a turn of a job.").by(&["job"]),
            counter("keyward_job_rows_total", "Rows that jobs of this node changed: families dropped, keys suspended.")
                .by(&["job"]),
        ],
    ),
    (
        "The node",
        &[
            gauge("keyward_ready", "1 if verifications can be answered, from memory or by the database; otherwise 0."),
            gauge("keyward_build_info", "Always 1; the version is in the label.").by(&["version"]),
            gauge("keyward_uptime_seconds", "Time since the start of this process."),
            counter(
                "keyward_log_lines_lost_total",
                "Log lines lost because they could not be written, or not fast enough.",
            ),
            counter(
                "keyward_log_lines_withheld_total",
                "Log lines omitted about requests of unauthenticated callers: those beyond 20 a second.",
            ),
        ],
    ),
    (
        "The process, as every exporter names it",
        &[
            counter("process_cpu_seconds_total", "Processor time of the process, in user mode and in the kernel."),
            gauge("process_resident_memory_bytes", "Resident memory of the process."),
            gauge("process_virtual_memory_bytes", "Virtual memory of the process."),
            gauge("process_virtual_memory_max_bytes", "Maximum virtual memory of the process."),
            gauge("process_open_fds", "Open file descriptors of the process."),
            gauge("process_max_fds", "Maximum number of open file descriptors of the process."),
            gauge("process_threads", "Threads of the process."),
            gauge("process_start_time_seconds", "When the process started, in seconds since the Unix epoch."),
        ],
    ),
];

/// All metrics, without headings.
pub(crate) fn all() -> impl Iterator<Item = &'static Metric> {
    TABLE.iter().flat_map(|(_, metrics)| metrics.iter())
}
