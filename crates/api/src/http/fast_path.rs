//! The fast path: a verification from memory is answered here, before routing, without a timer, a queue or a log line
//! at the usual level.
//!
//! It is the first half of the one path: from memory, or else read. An answer from memory is final, also a refusal.
//! Other requests go to the router: those with a credential or key that must be read, an unusual header, or a body that
//! has not arrived. They carry the findings so far, and the handler continues from there. Both return the same bytes.

use std::{
    convert::Infallible,
    future::Future,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{BoxError, Router, extract::ConnectInfo, response::Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request};
use http_body::Body;
use keyward_app::Access;
use keyward_verifier::Arrival;
use tower::Service;

use super::{
    HttpOptions,
    context::{self, Trace},
    observe::{self, RequestMetrics},
    places::Places,
    request_facts::{Calling, Object},
    strangers::Strangers,
    v1::auth::AuthPath,
};

mod auth;
mod body;
pub(in crate::http) mod carried;
mod verify;

/// The service for a listener: the fast path, and the router behind it.
#[derive(Clone)]
pub struct Entrance {
    shared: Arc<Shared>,
    usual: Router,
    /// The peer of the connection, where it is known.
    peer: Option<SocketAddr>,
}

struct Shared {
    access: Arc<Access>,
    strangers: Arc<Strangers>,
    auth: auth::Metrics,
    verify: RequestMetrics,
    /// Maximum size of a body that is read here.
    most_bytes: u64,
    options: Arc<HttpOptions>,
    places: [(&'static str, Places); 4],
}

impl Entrance {
    pub(super) fn new(
        access: Arc<Access>,
        usual: Router,
        options: Arc<HttpOptions>,
        strangers: Arc<Strangers>,
        places: [(&'static str, Places); 4],
    ) -> Self {
        let most_bytes = verify::MOST_BYTES.min(options.max_body_bytes as u64);
        let (auth, verify) = (auth::metrics(), verify::metrics());
        let shared = Shared { access, strangers, auth, verify, most_bytes, options, places };
        Self { shared: Arc::new(shared), usual, peer: None }
    }

    /// Number of requests in flight, by kind. An answer from memory is sent before it could be counted.
    pub fn in_flight(&self) -> impl Iterator<Item = (&'static str, usize)> {
        self.shared.places.iter().map(|(kind, places)| (*kind, places.taken()))
    }

    /// The service for one connection: limits know its requests by this address.
    #[must_use]
    pub fn for_connection(&self, peer: SocketAddr) -> Self {
        Self { peer: Some(peer), ..self.clone() }
    }

    /// Sends a request to the router. Correct for every request.
    async fn usual<B>(
        mut usual: Router,
        peer: Option<SocketAddr>,
        mut request: Request<B>,
    ) -> Result<Response, Infallible>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError> + Send + Unpin,
    {
        if let Some(peer) = peer {
            request.extensions_mut().insert(ConnectInfo(peer));
        }
        // A router is always ready.
        usual.call(request).await
    }
}

impl<B> Service<Request<B>> for Entrance
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError> + Send + Unpin,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<B>) -> Answering {
        if let Some(path) = AuthPath::read(request.uri().path()) {
            match auth::answer(&self.shared, self.peer, path, &request) {
                Ok(answering) => return answering,
                Err(Some(begun)) => carried::leave(request.extensions_mut(), begun),
                Err(None) => {}
            }
        }
        if verify::is_plain(&self.shared, &request) {
            return match verify::answer(&self.shared, self.peer, request) {
                Ok(response) => Answering::Now(Some(response)),
                Err(request) => Answering::Later(Box::pin(Self::usual(self.usual.clone(), self.peer, request))),
            };
        }
        Answering::Later(Box::pin(Self::usual(self.usual.clone(), self.peer, request)))
    }
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
struct FastRequest<'a> {
    method: &'a Method,
    route: &'static str,
    headers: &'a HeaderMap,
    peer: Option<SocketAddr>,
}

impl Shared {
    /// Completes an answer: its id, its metrics, and its log line. `found` returns the caller and the object; it is
    /// called only where a line is written.
    fn finish(
        &self,
        mut response: Response,
        asked: &FastRequest<'_>,
        metrics: &RequestMetrics,
        arrival: &Arrival,
        found: impl FnOnce() -> (Option<Calling>, Option<Object>),
    ) -> Response {
        let took = self.access.verifier().time_since(arrival);
        metrics.count(took);
        let request_id = if observe::logs_verifications() {
            self.log(response.status().as_u16(), asked, took, found())
        } else {
            context::request_id(asked.headers, &self.access)
        };
        response.headers_mut().insert(context::REQUEST_ID, request_id);
        response
    }

    /// Writes the log line. Returns the id of the request.
    #[cold]
    fn log(
        &self,
        status: u16,
        asked: &FastRequest<'_>,
        took: Duration,
        (caller, object): (Option<Calling>, Option<Object>),
    ) -> HeaderValue {
        let &FastRequest { method, route, headers, peer } = asked;
        let (trace, given) = (Trace::of(headers, &self.access), context::given_request_id(headers));
        let source = context::address(headers, peer.map(|peer| peer.ip()), &self.options.trusted_proxies);
        let span = observe::span(&observe::RequestLine { method, route, trace: &trace, given, source });
        let answer = observe::Answer { problem: None, route, status, took };
        span.in_scope(|| observe::log(&answer, caller.as_ref(), object.as_ref(), Some(0)));
        trace.request_id(given)
    }
}
