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

use super::{
    lifecycle::{Lifecycle, Watch},
    shared::{Answers, Shared},
};

/// Number of checks into which the idle time is divided. An idle connection ends at most one check late.
const CHECKS: u32 = 4;

/// Maximum time in which a client may read nothing of a connection that ends.
const END_TIMEOUT: Duration = Duration::from_secs(5);

/// State of a connection beside its bytes.
#[derive(Debug, Default)]
pub(super) struct ConnectionState {
    /// Number of requests that were begun.
    begun: AtomicUsize,
    /// Requests whose answer has not been sent.
    pending: AtomicUsize,
    /// Those of them whose answer is not ready.
    unanswered: AtomicUsize,
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

impl ConnectionState {
    /// Records a write of this many bytes, or a blocked one.
    pub(super) fn wrote(&self, written: Option<usize>) {
        if self.is_stuck.load(Ordering::Relaxed) == written.is_some() {
            self.is_stuck.store(written.is_none(), Ordering::Relaxed);
        }
        let written = written.and_then(|written| u64::try_from(written).ok()).unwrap_or_default();
        self.written.fetch_add(written, Ordering::Relaxed);
    }

    fn begin(self: &Arc<Self>, version: Version) -> PendingRequest {
        self.pending.fetch_add(1, Ordering::AcqRel);
        self.unanswered.fetch_add(1, Ordering::AcqRel);
        if self.begun.fetch_add(1, Ordering::AcqRel) == 0 {
            self.is_http2.store(version == Version::HTTP_2, Ordering::Release);
            self.changed.notify_one();
        }
        PendingRequest { state: Arc::clone(self), is_answered: false }
    }

    fn is_idle(&self) -> bool {
        self.pending.load(Ordering::Acquire) == 0
    }

    fn is_over(&self) -> bool {
        self.is_idle() && !self.is_stuck.load(Ordering::Relaxed)
    }
}

/// A request, until its answer is sent.
struct PendingRequest {
    state: Arc<ConnectionState>,
    is_answered: bool,
}

impl PendingRequest {
    /// Records that the answer is ready: from now on only the client can delay it.
    fn answered(&mut self) {
        if !std::mem::replace(&mut self.is_answered, true) {
            self.state.unanswered.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

impl Drop for PendingRequest {
    fn drop(&mut self) {
        self.answered();
        let before = self.state.pending.fetch_sub(1, Ordering::AcqRel);
        if before == 1 && self.state.is_ending.load(Ordering::Acquire) {
            self.state.changed.notify_one();
        }
    }
}

/// Serves one connection to its end.
pub(super) async fn serve<IO, S, B>(io: IO, state: &Arc<ConnectionState>, shared: &Shared, service: S)
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Answers<Incoming, B>,
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin + Send + 'static,
{
    let service = Tracked { service, state: Arc::clone(state), lifecycle: shared.lifecycle.clone() };
    let mut connection = pin!(shared.builder.serve_connection(TokioIo::new(io), service));
    let mut lifecycle = shared.lifecycle.watch();
    // Before the first headers, the library has no timer, because it does not know the protocol yet.
    let mut due = pin!(sleep(shared.waits.first_request));
    while state.begun.load(Ordering::Acquire) == 0 && !lifecycle.is_closed() {
        tokio::select! {
            biased;
            _ = connection.as_mut() => return,
            () = state.changed.notified() => {}
            () = lifecycle.changed() => {}
            () = &mut due => return,
        }
    }
    let mut is_leaving = false;
    let (check_interval, mut idle_checks, mut seen) = (shared.waits.idle / CHECKS, 0, 0);
    due.as_mut().reset(Instant::now() + check_interval);
    while !lifecycle.is_closed() && idle_checks < CHECKS {
        if !is_leaving && lifecycle.is_draining() && state.is_http2.load(Ordering::Acquire) {
            // Announces that no further request is answered here. HTTP/1 announces it in each answer.
            connection.as_mut().graceful_shutdown();
            is_leaving = true;
        }
        tokio::select! {
            biased;
            _ = connection.as_mut() => return,
            () = lifecycle.changed() => {}
            () = &mut due => {
                let begun = state.begun.load(Ordering::Acquire);
                idle_checks = if state.is_idle() && begun == seen { idle_checks + 1 } else { 0 };
                seen = begun;
                due.as_mut().reset(Instant::now() + check_interval);
            }
        }
    }
    state.is_ending.store(true, Ordering::Release);
    if !is_leaving {
        connection.as_mut().graceful_shutdown();
    }
    finish_pending(connection, state, &mut lifecycle).await;
}

/// Finishes a connection that accepts no further request. Waits until all answers are ready and the client has read
/// them, or until the listener is cut off.
async fn finish_pending(mut connection: Pin<&mut impl Future>, state: &ConnectionState, lifecycle: &mut Watch) {
    let (mut due, mut idle_checks, mut seen) = (pin!(sleep(END_TIMEOUT / CHECKS)), 0, None);
    while idle_checks < CHECKS {
        // Polls at least once, which reads a request that has arrived and sends the remaining output.
        tokio::select! {
            biased;
            _ = connection.as_mut() => return,
            () = std::future::ready(()) => {}
        }
        if state.is_over() {
            return;
        }
        tokio::select! {
            biased;
            _ = connection.as_mut() => return,
            () = state.changed.notified() => idle_checks = 0,
            () = &mut due => {
                let written = Some(state.written.load(Ordering::Relaxed));
                let is_answered = state.unanswered.load(Ordering::Acquire) == 0;
                idle_checks = if is_answered && written == seen { idle_checks + 1 } else { 0 };
                seen = written;
                due.as_mut().reset(Instant::now() + END_TIMEOUT / CHECKS);
            }
            () = lifecycle.cut() => return,
        }
    }
}

/// The service of one connection, which counts pending requests.
struct Tracked<S> {
    service: S,
    state: Arc<ConnectionState>,
    lifecycle: Lifecycle,
}

impl<S, B> hyper::service::Service<Request<Incoming>> for Tracked<S>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Unpin,
    S::Future: Unpin,
{
    type Response = Response<UntilSent<B, Option<PendingRequest>>>;
    type Error = Infallible;
    type Future = Answer<Oneshot<S, Request<Incoming>>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let version = request.version();
        let pending = Some(self.state.begin(version));
        // HTTP/2 has no such header.
        let lifecycle = (version != Version::HTTP_2).then(|| self.lifecycle.clone());
        // Called when it is polled: polling the body earlier would make the library request it from the client,
        // although the request may be refused without it.
        Answer { inner: self.service.clone().oneshot(request), pending, lifecycle }
    }
}

/// A pending answer.
struct Answer<F> {
    inner: F,
    pending: Option<PendingRequest>,
    lifecycle: Option<Lifecycle>,
}

impl<F, B> Future for Answer<F>
where
    F: Future<Output = Result<Response<B>, Infallible>> + Unpin,
{
    type Output = Result<Response<UntilSent<B, Option<PendingRequest>>>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Poll::Ready(Ok(mut response)) = Pin::new(&mut self.inner).poll(cx) else { return Poll::Pending };
        if self.lifecycle.as_ref().is_some_and(Lifecycle::is_draining) {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        let mut pending = self.pending.take();
        pending.as_mut().into_iter().for_each(PendingRequest::answered);
        Poll::Ready(Ok(response.map(|body| UntilSent::new(body, pending))))
    }
}

#[cfg(test)]
#[path = "connection/tests.rs"]
mod tests;
