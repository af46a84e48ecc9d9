//! Sockets: listening, and limits on clients before their first request.
//!
//! Accepts connections and passes each to [`connection`], which ends it in order. Knows nothing about the service
//! behind it.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use axum::body::Body;
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioTimer},
    server::conn::auto::Builder,
};
use ipnet::IpNet;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::task::TaskTracker;

use crate::config::Limits;

mod connection;
mod lifecycle;
mod places;
mod shared;
mod stream;
mod tls;
mod watch;

use connection::ConnectionState;
pub(crate) use lifecycle::Lifecycle;
use places::{Place, Places};
use shared::{Answers, Shared, Waits};
use stream::Counted;
pub(crate) use tls::{Certificates, Reload};
use watch::{ClientTimeouts, RequestBody};

/// Interval of pings on a silent HTTP/2 connection, and maximum time for the answer.
const HTTP2_PING: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(10));

/// Maximum number of concurrent requests on one HTTP/2 connection.
const MOST_STREAMS: u32 = 32;

/// Pause after the operating system refused a connection: it may have run out of descriptors.
const AFTER_A_FAILURE: Duration = Duration::from_millis(50);

/// Listens on a socket, and returns the address in use.
pub(crate) async fn bind(address: SocketAddr, setting: &str) -> Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address}: choose another address with {setting}, or port 0 for any free one")
    })?;
    let in_use = listener.local_addr().context("the address of the socket cannot be read")?;
    Ok((listener, in_use))
}

/// The address by which a client on this machine reaches the socket.
pub(crate) fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

/// How connections are accepted.
pub(crate) struct Listener {
    socket: TcpListener,
    tls: Option<Arc<Certificates>>,
    places: Arc<Places>,
    shared: Arc<Shared>,
}

impl Listener {
    /// Listens on this socket with these limits, until its lifecycle is closed.
    pub(crate) fn new(socket: TcpListener, limits: &Limits, lifecycle: Lifecycle) -> Self {
        let timeouts = ClientTimeouts { write: limits.write_timeout, discard: limits.body_read_timeout };
        let connections = TaskTracker::new();
        let shared = Shared { builder: builder(limits), waits: Waits::of(limits), timeouts, lifecycle, connections };
        Self { socket, tls: None, places: Arc::new(Places::new(limits)), shared: Arc::new(shared) }
    }

    /// Uses HTTPS if there are certificates.
    pub(crate) fn secured(self, tls: Option<Arc<Certificates>>) -> Self {
        Self { tls, ..self }
    }

    /// Exempts proxies from the share of a source, because each forwards requests of many sources.
    pub(crate) fn trusting(self, proxies: &[IpNet]) -> Self {
        let places = self.places.trusting(proxies);
        Self { places: Arc::new(places), ..self }
    }

    /// Serves until its lifecycle is closed and the last connection has ended.
    pub(crate) async fn serve<S: Answers<RequestBody<Incoming>, Body>>(self, service: impl Fn(SocketAddr) -> S) {
        let connections = &self.shared.connections;
        let mut lifecycle = self.shared.lifecycle.watch();
        loop {
            let accepted = tokio::select! {
                biased;
                () = lifecycle.closed() => break,
                accepted = self.socket.accept() => accepted,
            };
            let (stream, from) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::debug!(error = &error as &dyn std::error::Error, "a connection was not accepted");
                    tokio::time::sleep(AFTER_A_FAILURE).await;
                    continue;
                }
            };
            if let Some(place) = self.places.take(from.ip()) {
                let acceptor = self.tls.as_ref().map(|tls| tls.acceptor());
                let served = serve_one(stream, place, acceptor, Arc::clone(&self.shared), service(from));
                connections.spawn(served);
            }
        }
        // Connections that were not yet accepted are refused from now on, rather than left hanging.
        drop(self.socket);
        connections.close();
        connections.wait().await;
    }
}

/// Serves one connection from its first byte to its last. A handshake counts too: it already has its place.
async fn serve_one<S>(stream: TcpStream, place: Place, tls: Option<TlsAcceptor>, shared: Arc<Shared>, service: S)
where
    S: Answers<RequestBody<Incoming>, Body>,
{
    let state = Arc::new(ConnectionState::default());
    let served = async {
        stream.set_nodelay(true)?;
        let stream = Counted::new(stream, place, Arc::clone(&state));
        let (stream, service) = watch::watched(stream, service, shared.timeouts, &shared.connections);
        let Some(tls) = tls else {
            connection::serve(stream, &state, &shared, service).await;
            return Ok(());
        };
        let mut lifecycle = shared.lifecycle.watch();
        let stream = tokio::select! {
            biased;
            () = lifecycle.closed() => return Ok(()),
            shaken = tokio::time::timeout(shared.waits.first_request, tls.accept(stream)) => {
                shaken.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??
            }
        };
        connection::serve(stream, &state, &shared, service).await;
        Ok::<_, io::Error>(())
    };
    if let Err(error) = served.await {
        tracing::debug!(error = &error as &dyn std::error::Error, "a connection was not accepted");
    }
}

fn builder(limits: &Limits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    // The library's only timer runs from the end of a request to the end of the next one's headers.
    let idle = limits.idle_timeout.max(limits.header_read_timeout);
    builder.http1().timer(TokioTimer::new()).header_read_timeout(idle).max_buf_size(limits.max_header_bytes);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MOST_STREAMS)
        .max_header_list_size(u32::try_from(limits.max_header_bytes).unwrap_or(u32::MAX))
        .keep_alive_interval(HTTP2_PING.0)
        .keep_alive_timeout(HTTP2_PING.1);
    builder
}

#[cfg(test)]
#[path = "listener/tests.rs"]
mod tests;
