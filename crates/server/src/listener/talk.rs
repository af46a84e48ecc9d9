//! One connection: its pending requests, and how it ends.
//!
//! It ends by itself, because it was idle too long, or because the listener is closing. Pending requests are always
//! answered first, unless the listener is cut off; an idle connection never delays a stop. Reads no request.

use std::{
    convert::Infallible,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use axum::{BoxError, response::Response};
use bytes::Bytes;
use http::{HeaderValue, Request, Version, header};
use http_body::Body;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use keyward_api::http::UntilSent;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::Notify,
    time::{Instant, sleep},
};
use tower::{Service, ServiceExt as _, util::Oneshot};

use super::{Answers, Lifecycle, Shared, lifecycle::Watch};
use crate::config::Limits;

/// Number of checks into which the idle time is divided. An idle connection ends at most one check late.
const LOOKS: u32 = 4;

/// Maximum time in which a client may read nothing of a connection that ends.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Timeouts of a client.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waits {
    /// From the start of a connection to the end of its first headers.
    pub(super) first_request: Duration,
    /// From an answer to the next request.
    idle: Duration,
}

impl Waits {
    pub(super) fn of(limits: &Limits) -> Self {
        let idle = limits.idle_timeout.max(limits.header_read_timeout);
        Self { first_request: limits.header_read_timeout, idle }
    }
}

/// State of a connection beside its bytes.
#[derive(Debug, Default)]
pub(super) struct Talk {
    /// Number of requests that were begun.
    begun: AtomicUsize,
    /// Requests whose answer has not been sent.
    under_way: AtomicUsize,
    /// Those of them whose answer is still being made.
    in_making: AtomicUsize,
    /// Number of bytes that the kernel has accepted.
    written: AtomicU64,
    is_http2: AtomicBool,
    /// The kernel accepts no more: the client does not read.
    is_stuck: AtomicBool,
    /// The connection ends when no request is pending.
    is_ending: AtomicBool,
    /// The first request began, or the last one ended.
    changed: Notify,
}

impl Talk {
    /// Records a write of this many bytes, or a blocked one.
    pub(super) fn wrote(&self, written: Option<usize>) {
        if self.is_stuck.load(Ordering::Relaxed) == written.is_some() {
            self.is_stuck.store(written.is_none(), Ordering::Relaxed);
        }
        let written = written.and_then(|written| u64::try_from(written).ok()).unwrap_or_default();
        self.written.fetch_add(written, Ordering::Relaxed);
    }

    fn begin(self: &Arc<Self>, version: Version) -> UnderWay {
        self.under_way.fetch_add(1, Ordering::AcqRel);
        self.in_making.fetch_add(1, Ordering::AcqRel);
        if self.begun.fetch_add(1, Ordering::AcqRel) == 0 {
            self.is_http2.store(version == Version::HTTP_2, Ordering::Release);
            self.changed.notify_one();
        }
        UnderWay { talk: Arc::clone(self), is_made: false }
    }

    fn is_idle(&self) -> bool {
        self.under_way.load(Ordering::Acquire) == 0
    }

    fn is_over(&self) -> bool {
        self.is_idle() && !self.is_stuck.load(Ordering::Relaxed)
    }
}

/// A request, until its answer is sent.
struct UnderWay {
    talk: Arc<Talk>,
    is_made: bool,
}

impl UnderWay {
    /// The answer is ready: from now on the client is waited for.
    fn made(&mut self) {
        if !std::mem::replace(&mut self.is_made, true) {
            self.talk.in_making.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.made();
        let before = self.talk.under_way.fetch_sub(1, Ordering::AcqRel);
        if before == 1 && self.talk.is_ending.load(Ordering::Acquire) {
            self.talk.changed.notify_one();
        }
    }
}

/// Serves one connection to its end.
pub(super) async fn hold<IO, S, B>(io: IO, talk: &Arc<Talk>, shared: &Shared, service: S)
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Answers<Incoming, B>,
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin + Send + 'static,
{
    let service = Tracked { service, talk: Arc::clone(talk), lifecycle: shared.lifecycle.clone() };
    let mut connection = pin!(shared.builder.serve_connection(TokioIo::new(io), service));
    let mut lifecycle = shared.lifecycle.watch();
    // Before the first headers, the library has no timer, because it does not know the protocol yet.
    let mut due = pin!(sleep(shared.waits.first_request));
    while talk.begun.load(Ordering::Acquire) == 0 && !lifecycle.is_closed() {
        tokio::select! {
            biased;
            _ = connection.as_mut() => return,
            () = talk.changed.notified() => {}
            () = lifecycle.changed() => {}
            () = &mut due => return,
        }
    }
    let mut is_leaving = false;
    let (look, mut idle_looks, mut seen) = (shared.waits.idle / LOOKS, 0, 0);
    due.as_mut().reset(Instant::now() + look);
    while !lifecycle.is_closed() && idle_looks < LOOKS {
        if !is_leaving && lifecycle.is_draining() && talk.is_http2.load(Ordering::Acquire) {
            // Announces that no further request is answered here. HTTP/1 announces it in each answer.
            connection.as_mut().graceful_shutdown();
            is_leaving = true;
        }
        tokio::select! {
            biased;
            _ = connection.as_mut() => return,
            () = lifecycle.changed() => {}
            () = &mut due => {
                let begun = talk.begun.load(Ordering::Acquire);
                idle_looks = if talk.is_idle() && begun == seen { idle_looks + 1 } else { 0 };
                seen = begun;
                due.as_mut().reset(Instant::now() + look);
            }
        }
    }
    talk.is_ending.store(true, Ordering::Release);
    if !is_leaving {
        connection.as_mut().graceful_shutdown();
    }
    finish_pending(connection, talk, &mut lifecycle).await;
}

/// Finishes a connection that accepts no further request. Waits for answers that are being made, and for a client that
/// reads them, until the listener is cut off.
async fn finish_pending(mut connection: Pin<&mut impl Future>, talk: &Talk, lifecycle: &mut Watch) {
    let (mut due, mut idle_looks, mut seen) = (pin!(sleep(LAST_WORDS / LOOKS)), 0, None);
    while idle_looks < LOOKS {
        // At least once: it reads a request that has arrived, and sends the remaining output.
        tokio::select! {
            biased;
            _ = connection.as_mut() => return,
            () = std::future::ready(()) => {}
        }
        if talk.is_over() {
            return;
        }
        tokio::select! {
            biased;
            _ = connection.as_mut() => return,
            () = talk.changed.notified() => idle_looks = 0,
            () = &mut due => {
                let written = Some(talk.written.load(Ordering::Relaxed));
                let is_made = talk.in_making.load(Ordering::Acquire) == 0;
                idle_looks = if is_made && written == seen { idle_looks + 1 } else { 0 };
                seen = written;
                due.as_mut().reset(Instant::now() + LAST_WORDS / LOOKS);
            }
            () = lifecycle.cut() => return,
        }
    }
}

/// The service of one connection, which counts pending requests.
struct Tracked<S> {
    service: S,
    talk: Arc<Talk>,
    lifecycle: Lifecycle,
}

impl<S, B> hyper::service::Service<Request<Incoming>> for Tracked<S>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Unpin,
    S::Future: Unpin,
{
    type Response = Response<UntilSent<B, Option<UnderWay>>>;
    type Error = Infallible;
    type Future = Answer<Oneshot<S, Request<Incoming>>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let version = request.version();
        let under_way = Some(self.talk.begin(version));
        // HTTP/2 has no such header.
        let lifecycle = (version != Version::HTTP_2).then(|| self.lifecycle.clone());
        // Called when it is polled: polling the body earlier would make the library request it from the client,
        // although the request may be refused without it.
        Answer { making: self.service.clone().oneshot(request), under_way, lifecycle }
    }
}

/// A pending answer.
struct Answer<F> {
    making: F,
    under_way: Option<UnderWay>,
    lifecycle: Option<Lifecycle>,
}

impl<F, B> Future for Answer<F>
where
    F: Future<Output = Result<Response<B>, Infallible>> + Unpin,
{
    type Output = Result<Response<UntilSent<B, Option<UnderWay>>>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Poll::Ready(Ok(mut response)) = Pin::new(&mut self.making).poll(cx) else { return Poll::Pending };
        if self.lifecycle.as_ref().is_some_and(Lifecycle::is_draining) {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        let mut under_way = self.under_way.take();
        under_way.as_mut().into_iter().for_each(UnderWay::made);
        Poll::Ready(Ok(response.map(|body| UntilSent::new(body, under_way))))
    }
}

#[cfg(test)]
#[path = "talk/tests.rs"]
mod tests;
