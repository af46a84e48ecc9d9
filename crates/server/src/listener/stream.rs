//! The bytes of one connection: counts it while it is open, and records whether its client reads.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use super::{connection::ConnectionState, places::Place};

/// A connection with its place.
pub(super) struct Counted {
    stream: TcpStream,
    state: Arc<ConnectionState>,
    _place: Place,
}

impl Counted {
    pub(super) fn new(stream: TcpStream, place: Place, state: Arc<ConnectionState>) -> Self {
        Self { stream, state, _place: place }
    }
}

impl AsyncRead for Counted {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.state.wrote(match &written {
            Poll::Ready(written) => Some(written.as_ref().copied().unwrap_or_default()),
            Poll::Pending => None,
        });
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    /// No: most answers are a head and a few hundred bytes, and one buffer costs the kernel less than a list of two.
    fn is_write_vectored(&self) -> bool {
        false
    }
}
