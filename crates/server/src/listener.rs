//! Sockets: listening, TLS, and what a client may take before it has said anything.
//!
//! Knows nothing about the service behind it.

use std::{
    future::{self, Ready},
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use anyhow::{Context as _, Result};
use axum_server::{
    Handle, Server,
    accept::Accept,
    tls_rustls::{RustlsAcceptor, RustlsConfig},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};

use crate::config::{Limits, Tls};

/// How often a silent HTTP/2 connection is asked whether somebody is still there, and how long the answer may take.
const HTTP2_PING: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(10));

mod watch;

use watch::{Patience, Watched};

/// Requests at once on one HTTP/2 connection.
const MOST_STREAMS: u32 = 32;

/// A socket that listens, and the address that it got.
pub(crate) async fn bind(address: SocketAddr, setting: &str) -> Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address}: choose another address with {setting}, or port 0 for any free one")
    })?;
    let in_use = listener.local_addr().context("the socket does not tell its address")?;
    Ok((listener, in_use))
}

/// The address that a client on this machine reaches the socket by.
pub(crate) fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

/// Reads certificate and key.
pub(crate) async fn load_tls(tls: &Tls) -> Result<RustlsConfig> {
    // Once for the whole process; the second time it is there already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    RustlsConfig::from_pem_file(&tls.certificate, &tls.key).await.with_context(|| what_was_read(tls))
}

/// Reads them again; connections that are open keep what they have.
pub(crate) async fn reload_tls(tls: &Tls, config: &RustlsConfig) -> Result<()> {
    config.reload_from_pem_file(&tls.certificate, &tls.key).await.with_context(|| what_was_read(tls))
}

fn what_was_read(tls: &Tls) -> String {
    format!(
        "cannot use tls.certificate ({}) with tls.key ({}): both must be PEM files and belong together",
        tls.certificate.display(),
        tls.key.display()
    )
}

/// A server for plain HTTP.
pub(crate) fn plain(
    listener: TcpListener,
    limits: &Limits,
    handle: &Handle<SocketAddr>,
) -> Server<SocketAddr, Watched<Capped>> {
    limited(listener, limits, handle).acceptor(watched(limits))
}

fn watched(limits: &Limits) -> Watched<Capped> {
    let patience = Patience { write: limits.write_timeout, discard: limits.body_read_timeout };
    Watched::new(Capped::new(limits.max_connections), patience)
}

/// A server for HTTPS.
pub(crate) fn secured(
    listener: TcpListener,
    limits: &Limits,
    handle: &Handle<SocketAddr>,
    config: RustlsConfig,
) -> Server<SocketAddr, RustlsAcceptor<Watched<Capped>>> {
    // Counted before the handshake: that is work, too.
    let acceptor = RustlsAcceptor::new(config).handshake_timeout(limits.header_read_timeout).acceptor(watched(limits));
    limited(listener, limits, handle).acceptor(acceptor)
}

fn limited(listener: TcpListener, limits: &Limits, handle: &Handle<SocketAddr>) -> Server<SocketAddr> {
    let mut server = Server::<SocketAddr>::from_listener(listener)
        .handle(handle.clone())
        .first_request_timeout(limits.header_read_timeout)
        .accept_error_handler(|from, error| {
            tracing::debug!(from = ?from, error = error as &dyn std::error::Error, "a connection was not taken");
        });
    let builder = server.http_builder();
    // The library's one timer runs from the end of a request to the end of the next one's headers.
    let idle = limits.idle_timeout.max(limits.header_read_timeout);
    builder.http1().header_read_timeout(idle).max_buf_size(limits.max_header_bytes);
    builder
        .http2()
        .max_concurrent_streams(MOST_STREAMS)
        .max_header_list_size(u32::try_from(limits.max_header_bytes).unwrap_or(u32::MAX))
        .keep_alive_interval(HTTP2_PING.0)
        .keep_alive_timeout(HTTP2_PING.1);
    server
}

/// Takes so many connections at once and closes further ones right away: a queue would only make everybody wait.
#[derive(Clone, Debug)]
pub(crate) struct Capped(Arc<Semaphore>);

impl Capped {
    fn new(at_once: usize) -> Self {
        Self(Arc::new(Semaphore::new(at_once.min(Semaphore::MAX_PERMITS))))
    }
}

impl<S> Accept<TcpStream, S> for Capped {
    type Stream = Counted;
    type Service = S;
    type Future = Ready<io::Result<(Counted, S)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let counted = Arc::clone(&self.0).try_acquire_owned().map_err(|_| {
            metrics::counter!("keyward_connections_refused_total").increment(1);
            io::Error::other("there are as many connections as limits.max_connections allows")
        });
        let ready = counted.and_then(|permit| {
            stream.set_nodelay(true)?;
            Ok((Counted { stream, _permit: permit }, service))
        });
        future::ready(ready)
    }
}

/// A connection that counts for as long as it is open.
#[derive(Debug)]
pub(crate) struct Counted {
    stream: TcpStream,
    _permit: OwnedSemaphorePermit,
}

impl AsyncRead for Counted {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    /// No: most answers are a head and a few hundred bytes, and one piece costs the kernel less than a list of two.
    fn is_write_vectored(&self) -> bool {
        false
    }
}

#[cfg(test)]
#[path = "listener/tests.rs"]
mod tests;
