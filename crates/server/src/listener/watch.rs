//! Supervises one connection. Its client must read its answers. After an early answer, the rest of the request is read
//! and discarded, so that the client sees the answer. If little is left, the connection stays; otherwise it ends, and
//! the answer announces this.
//!
//! Both are bounded. Interprets no request or answer, and knows nothing about the service.

use std::sync::Arc;

use tokio_util::task::TaskTracker;

mod body;
mod exchange;
mod line;

use body::Drains;
pub(crate) use body::{Observed, RequestBody};
pub(crate) use exchange::ClientTimeouts;
use exchange::Exchange;
pub(crate) use line::Line;

/// Supervises a connection: its socket, and the service of its requests. One of these tasks reads the rest of a
/// request, and ends with the connection.
pub(super) fn watched<T, S>(
    stream: T,
    service: S,
    timeouts: ClientTimeouts,
    tasks: &TaskTracker,
) -> (Line<T>, Observed<S>) {
    let exchange = Arc::<Exchange>::default();
    let drains = Drains { exchange: Arc::clone(&exchange), within: timeouts.discard, tasks: tasks.clone() };
    (Line::new(stream, exchange, timeouts), Observed::new(service, drains))
}

#[cfg(test)]
#[path = "watch/tests.rs"]
mod tests;
