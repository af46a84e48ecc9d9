//! The fast path: a verification from memory is answered here, before routing, without a timer, a queue or a log line
//! at the usual level.
//!
//! It is the first half of the one path: from memory, or else read. An answer from memory is final, also a refusal.
//! Other requests go to the router: those with a credential or key that must be read, an unusual header, or a body that
//! has not arrived. They carry the findings so far, and the handler continues from there. Both return the same bytes.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{BoxError, Router, extract::ConnectInfo, response::Response};
use bytes::Bytes;
use http::Request;
use http_body::Body;
use keyward_app::Access;
use tower::Service;

use super::{carried, options::HttpOptions, places::Places, strangers::Strangers, v1::auth::path::AuthPath};

mod auth;
mod body;
mod shared;
mod verify;

pub use shared::Answering;
use shared::Shared;

/// The service for a listener: the fast path, and the router behind it.
#[derive(Clone)]
pub struct Entrance {
    shared: Arc<Shared>,
    usual: Router,
    /// The peer of the connection, where it is known.
    peer: Option<SocketAddr>,
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
