//! Section `limits`: what clients may use, and how long the service waits for them.

use std::time::Duration;

use super::{reader::Reader, values};

/// Limits for one client or all clients.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// Maximum size of a request's body in bytes.
    pub(crate) max_body_bytes: usize,
    /// Maximum size of a request's line and headers in bytes.
    pub(crate) max_header_bytes: usize,
    /// From the first byte of a new connection to the end of its first headers; also the limit of a TLS handshake.
    pub(crate) header_read_timeout: Duration,
    /// Maximum time that a connection may wait for its next request.
    pub(crate) idle_timeout: Duration,
    /// From the headers of a request to the end of its body.
    pub(crate) body_read_timeout: Duration,
    /// Maximum time in which a client may read nothing of its answer.
    pub(crate) write_timeout: Duration,
    /// From the headers of a request to its answer.
    pub(crate) request_timeout: Duration,
    /// Maximum number of open connections.
    pub(crate) max_connections: usize,
    /// Maximum number of them for one source.
    pub(crate) max_connections_per_source: usize,
    /// Maximum number of concurrent requests.
    pub(crate) max_concurrent_requests: usize,
    /// From SIGTERM until no more connections are accepted.
    pub(crate) drain: Duration,
    /// From then until the process ends.
    pub(crate) shutdown_timeout: Duration,
}

impl Limits {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let seconds = Duration::from_secs;
        let max_connections = reader.read("limits.max_connections", values::size).unwrap_or(4096);
        Self {
            max_body_bytes: reader.read("limits.max_body_bytes", body_bytes).unwrap_or(1024 * 1024),
            max_header_bytes: reader.read("limits.max_header_bytes", header_bytes).unwrap_or(64 * 1024),
            header_read_timeout: reader.read("limits.header_read_timeout", values::duration).unwrap_or(seconds(10)),
            // Above the 60 s after which load balancers usually drop an idle connection: the service must not close it
            // first, because a request may be in transit.
            idle_timeout: reader.read("limits.idle_timeout", values::duration).unwrap_or(seconds(75)),
            body_read_timeout: reader.read("limits.body_read_timeout", values::duration).unwrap_or(seconds(5)),
            write_timeout: reader.read("limits.write_timeout", values::duration).unwrap_or(seconds(30)),
            request_timeout: reader.read("limits.request_timeout", values::duration).unwrap_or(seconds(10)),
            max_connections,
            max_connections_per_source: reader
                .read("limits.max_connections_per_source", values::size)
                .unwrap_or((max_connections / 4).max(1)),
            max_concurrent_requests: reader
                .read_renamed("limits.max_concurrent_requests", "limits.max_requests_at_once", values::size)
                .unwrap_or(512),
            drain: reader.read("limits.drain", values::delay_of_a_stop_or_none).unwrap_or(seconds(5)),
            shutdown_timeout: reader.read("limits.shutdown_timeout", values::delay_of_a_stop).unwrap_or(seconds(20)),
        }
    }
}

/// Every token that the service issues must fit: the longest access token has about 9 KiB, if its key got its scopes
/// before their total size was limited.
fn header_bytes(text: &str) -> values::Parsed<usize> {
    const EXPECTED: &str = "a whole number from 16384 to 1048576";
    values::size(text).ok().filter(|bytes| (16_384..=1_048_576).contains(bytes)).ok_or(EXPECTED)
}

/// The same for refresh tokens, and for all other input of the token endpoint.
fn body_bytes(text: &str) -> values::Parsed<usize> {
    const EXPECTED: &str = "a whole number from 16384 on";
    values::size(text).ok().filter(|bytes| *bytes >= 16_384).ok_or(EXPECTED)
}
