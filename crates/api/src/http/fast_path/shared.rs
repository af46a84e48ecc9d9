//! What the requests on the fast path share: its state, the form of an answer, and what is observed about one.
//!
//! Reads no request and judges nothing: `auth` and `verify` do.

use std::{
    convert::Infallible,
    future::Future,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::response::Response;
use http::{HeaderMap, HeaderValue, Method};
use keyward_app::Access;
use keyward_verifier::Arrival;

use crate::http::{
    context::{self, Trace},
    observe::{self, RequestMetrics},
    options::HttpOptions,
    places::Places,
    request_facts::{Calling, Object},
    strangers::Strangers,
    v1::auth::path::AuthPath,
};

/// Metrics of `/v1/auth`: for each path, by its number, and for each method that gateways use.
pub(super) type AuthMetrics = [Vec<(Method, RequestMetrics)>; AuthPath::ALL.len()];

/// State of the fast path.
pub(super) struct Shared {
    pub(super) access: Arc<Access>,
    pub(super) strangers: Arc<Strangers>,
    pub(super) auth: AuthMetrics,
    pub(super) verify: RequestMetrics,
    /// Maximum size of a body that is read here.
    pub(super) most_bytes: u64,
    pub(super) options: Arc<HttpOptions>,
    pub(super) places: [(&'static str, Places); 4],
}

/// An answer, ready or pending.
pub enum Answering {
    /// The answer is ready.
    Now(Option<Response>),
    /// The router is working on it.
    Later(Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>),
}

impl Future for Answering {
    type Output = Result<Response, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self {
            Self::Now(response) => response.take().map_or(Poll::Pending, |response| Poll::Ready(Ok(response))),
            Self::Later(answer) => answer.as_mut().poll(cx),
        }
    }
}

/// A request on the fast path, for logs and metrics.
pub(super) struct FastRequest<'a> {
    pub(super) method: &'a Method,
    pub(super) route: &'static str,
    pub(super) headers: &'a HeaderMap,
    pub(super) peer: Option<SocketAddr>,
}

impl Shared {
    /// Completes an answer: its id, its metrics, and its log line. `found` returns the caller and the object; it is
    /// called only where a line is written.
    pub(super) fn observe(
        &self,
        mut response: Response,
        request: &FastRequest<'_>,
        metrics: &RequestMetrics,
        arrival: &Arrival,
        found: impl FnOnce() -> (Option<Calling>, Option<Object>),
    ) -> Response {
        let took = self.access.verifier().time_since(arrival);
        metrics.count(took);
        let request_id = if observe::logs_verifications() {
            self.log(response.status().as_u16(), request, took, found())
        } else {
            context::request_id(request.headers, &self.access)
        };
        response.headers_mut().insert(context::REQUEST_ID, request_id);
        response
    }

    /// Writes the log line. Returns the id of the request.
    #[cold]
    fn log(
        &self,
        status: u16,
        request: &FastRequest<'_>,
        took: Duration,
        (caller, object): (Option<Calling>, Option<Object>),
    ) -> HeaderValue {
        let &FastRequest { method, route, headers, peer } = request;
        let (trace, given) = (Trace::of(headers, &self.access), context::given_request_id(headers));
        let source = context::address(headers, peer.map(|peer| peer.ip()), &self.options.trusted_proxies);
        let span = observe::span(&observe::RequestLine { method, route, trace: &trace, given, source });
        let answer = observe::Answer { problem: None, route, status, took };
        span.in_scope(|| observe::log(&answer, caller.as_ref(), object.as_ref(), Some(0)));
        trace.request_id(given)
    }
}
