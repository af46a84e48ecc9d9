//! What a listener and its connections have in common: the shape of the service, the timeouts, and the shared state.
//!
//! Accepts nothing and serves nothing.

use std::{convert::Infallible, time::Duration};

use axum::response::Response;
use http::Request;
use hyper_util::{rt::TokioExecutor, server::conn::auto::Builder};
use tokio_util::task::TaskTracker;
use tower::Service;

use super::{lifecycle::Lifecycle, watch::ClientTimeouts};
use crate::config::Limits;

/// A service that answers requests with bodies of type `R` by bodies of type `A`. Each connection has its own.
pub(crate) trait Answers<R, A>: Clone + Unpin + Send + Sync + 'static
where
    Self: Service<Request<R>, Response = Response<A>, Error = Infallible, Future: Unpin + Send>,
{
}

impl<S: Clone + Unpin + Send + Sync + 'static, R, A> Answers<R, A> for S where
    S: Service<Request<R>, Response = Response<A>, Error = Infallible, Future: Unpin + Send>
{
}

/// Timeouts of a client between its requests.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waits {
    /// From the start of a connection to the end of its first headers.
    pub(super) first_request: Duration,
    /// From an answer to the next request.
    pub(super) idle: Duration,
}

impl Waits {
    pub(super) fn of(limits: &Limits) -> Self {
        let idle = limits.idle_timeout.max(limits.header_read_timeout);
        Self { first_request: limits.header_read_timeout, idle }
    }
}

/// State shared by all connections.
pub(super) struct Shared {
    pub(super) builder: Builder<TokioExecutor>,
    pub(super) waits: Waits,
    pub(super) timeouts: ClientTimeouts,
    pub(super) lifecycle: Lifecycle,
    pub(super) connections: TaskTracker,
}
