//! The short way: a verification that memory answers is answered here, before routing, without a timer, a queue or a line
//! in the log at the usual level.
//!
//! It only ever says yes. Whatever is not a plain request about a good key in memory (a refusal, a token, an unusual header,
//! a body that has not arrived) takes the usual way, untouched, and gets the usual answer: the two never differ in a byte.

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
    observe::{self, Calling, Object, RequestMetrics},
    places::Places,
    v1::auth::AuthPath,
};

mod auth;
mod body;
mod verdict_json;
mod verify;

/// The service as a listener sees it: the short way, and the usual one behind it.
#[derive(Clone)]
pub struct Entrance {
    shared: Arc<Shared>,
    usual: Router,
    /// Who is at the other end of the connection, where that is known.
    peer: Option<SocketAddr>,
}

struct Shared {
    access: Arc<Access>,
    auth: auth::Meters,
    verify: RequestMetrics,
    /// The longest body that is read here.
    most_bytes: u64,
    options: Arc<HttpOptions>,
    places: [(&'static str, Places); 4],
}

impl Entrance {
    pub(super) fn new(
        access: Arc<Access>,
        usual: Router,
        options: Arc<HttpOptions>,
        places: [(&'static str, Places); 4],
    ) -> Self {
        let most_bytes = verify::MOST_BYTES.min(options.max_body_bytes as u64);
        let shared = Shared { access, auth: auth::meters(), verify: verify::meter(), most_bytes, options, places };
        Self { shared: Arc::new(shared), usual, peer: None }
    }

    /// How many requests of each kind are worked on now; an answer from memory is given before it could be counted.
    pub fn in_flight(&self) -> impl Iterator<Item = (&'static str, usize)> {
        self.shared.places.iter().map(|(kind, places)| (*kind, places.taken()))
    }

    /// The service for one connection: limits know its requests by this address.
    #[must_use]
    pub fn for_connection(&self, peer: SocketAddr) -> Self {
        Self { peer: Some(peer), ..self.clone() }
    }

    /// Every request may go this way.
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

    fn call(&mut self, request: Request<B>) -> Answering {
        if let Some(path) = AuthPath::read(request.uri().path())
            && let Some(response) = auth::answer(&self.shared, self.peer, path, &request)
        {
            return Answering::Now(Some(response));
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

/// An answer, at once or in time.
pub enum Answering {
    /// It is there.
    Now(Option<Response>),
    /// It has to be waited for.
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

/// What the log says of a request.
struct Asked<'a> {
    method: &'a Method,
    route: &'static str,
    headers: &'a HeaderMap,
    peer: Option<SocketAddr>,
}

impl Shared {
    /// What every answer gets: its name, a place in the metrics, and the line in the log of any other. `found` says who
    /// asked and about what; it is called only where a line is written.
    fn finish(
        &self,
        mut response: Response,
        asked: &Asked<'_>,
        meter: &RequestMetrics,
        arrival: &Arrival,
        found: impl FnOnce() -> (Option<Calling>, Object),
    ) -> Response {
        let took = self.access.verifier().time_since(arrival);
        meter.count(took);
        let request_id = if observe::logs_verifications() {
            self.log(response.status().as_u16(), asked, took, found())
        } else {
            context::request_id(asked.headers, &self.access)
        };
        response.headers_mut().insert(context::REQUEST_ID, request_id);
        response
    }

    /// Writes the line; returns the name of the request.
    #[cold]
    fn log(
        &self,
        status: u16,
        asked: &Asked<'_>,
        took: Duration,
        (caller, object): (Option<Calling>, Object),
    ) -> HeaderValue {
        let &Asked { method, route, headers, peer } = asked;
        let (trace, given) = (Trace::of(headers, &self.access), context::given_request_id(headers));
        let source = context::address(headers, peer.map(|peer| peer.ip()), &self.options.trusted_proxies);
        let span = observe::span(&observe::Asked { method, route, trace: &trace, given, source });
        let answer = observe::Answer { problem: None, route, status, took };
        span.in_scope(|| observe::log(&answer, caller.as_ref(), Some(&object), Some(0)));
        trace.request_id(given)
    }
}
