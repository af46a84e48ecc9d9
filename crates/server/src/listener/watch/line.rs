//! The socket side of a supervised connection.

use std::{
    io,
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep, sleep_until},
};

use super::exchange::{ClientTimeouts, Exchange};

/// Maximum number of bytes that are discarded after an answer.
const MOST_DISCARDED: usize = 16 * 1024 * 1024;
/// Maximum pause of a client that has more to send before it counts as done.
const PAUSE: Duration = Duration::from_secs(2);

/// A stream whose writes must progress, and whose end waits until the client has sent its pending data.
#[derive(Debug)]
pub(crate) struct Line<S> {
    stream: S,
    exchange: Arc<Exchange>,
    timeouts: ClientTimeouts,
    /// Set while a write waits for the client.
    stalled: Option<Pin<Box<Sleep>>>,
    /// Set while answers wait for the client.
    parked: Option<Pin<Box<Sleep>>>,
    discarding: Option<Discarding>,
}

/// The end of a connection on which data may still arrive.
#[derive(Debug)]
struct Discarding {
    left: usize,
    until: Pin<Box<Sleep>>,
    pause: Pin<Box<Sleep>>,
}

impl<S> Line<S> {
    pub(super) const fn new(stream: S, exchange: Arc<Exchange>, timeouts: ClientTimeouts) -> Self {
        Self { stream, exchange, timeouts, stalled: None, parked: None, discarding: None }
    }

    /// Whether the client has left an answer unread for too long. Wakes the connection when it has.
    fn is_parked(&mut self, cx: &mut Context<'_>) -> bool {
        while let Some(since) = self.exchange.oldest() {
            let due = since + self.timeouts.write;
            let timer = self.parked.get_or_insert_with(|| Box::pin(sleep_until(due)));
            if timer.deadline() != due {
                timer.as_mut().reset(due);
            }
            if timer.as_mut().poll(cx).is_pending() {
                return false;
            }
            if self.exchange.oldest() == Some(since) {
                return true;
            }
        }
        self.parked = None;
        false
    }
}

/// The error of a connection whose client reads nothing.
fn given_up() -> io::Error {
    metrics::counter!("keyward_connections_given_up_total").increment(1);
    io::Error::new(io::ErrorKind::TimedOut, "the client did not take its answer within limits.write_timeout")
}

impl<S: AsyncRead + Unpin> AsyncRead for Line<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if read.is_pending() && self.is_parked(cx) {
            return Poll::Ready(Err(given_up()));
        }
        read
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Line<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let line = &mut *self;
        if let Poll::Ready(written) = Pin::new(&mut line.stream).poll_write(cx, buf) {
            line.stalled = None;
            return Poll::Ready(written);
        }
        let limit = line.timeouts.write;
        let stalled = line.stalled.get_or_insert_with(|| Box::pin(sleep(limit)));
        ready!(stalled.as_mut().poll(cx));
        Poll::Ready(Err(given_up()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    /// Ends the writing side. If the client is still sending (HTTP/1 only), closing immediately would make the kernel
    /// reset the connection, and the client would lose its answer: so incoming data is read first, within limits.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let line = &mut *self;
        if line.discarding.is_none() {
            ready!(Pin::new(&mut line.stream).poll_shutdown(cx))?;
            if line.exchange.is_http2.load(Ordering::Relaxed) {
                return Poll::Ready(Ok(()));
            }
            let (until, pause) = (Box::pin(sleep(line.timeouts.discard)), Box::pin(sleep(PAUSE)));
            line.discarding = Some(Discarding { left: MOST_DISCARDED, until, pause });
        }
        let Some(discarding) = &mut line.discarding else { return Poll::Ready(Ok(())) };
        let mut thrown_away = [0; 8 * 1024];
        while discarding.left > 0 {
            let mut buf = ReadBuf::new(&mut thrown_away);
            match Pin::new(&mut line.stream).poll_read(cx, &mut buf) {
                Poll::Ready(Ok(())) if !buf.filled().is_empty() => {
                    discarding.left = discarding.left.saturating_sub(buf.filled().len());
                    discarding.pause.as_mut().reset(Instant::now() + PAUSE);
                    line.exchange.has_unread.store(true, Ordering::Relaxed);
                }
                // The client has also ended, or has disconnected.
                Poll::Ready(_) => break,
                Poll::Pending => {
                    let nothing_to_come = !line.exchange.has_unread.load(Ordering::Relaxed);
                    let paused = discarding.pause.as_mut().poll(cx).is_ready();
                    if nothing_to_come || paused || discarding.until.as_mut().poll(cx).is_ready() {
                        break;
                    }
                    return Poll::Pending;
                }
            }
            if discarding.until.as_mut().poll(cx).is_ready() {
                break;
            }
        }
        Poll::Ready(Ok(()))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
