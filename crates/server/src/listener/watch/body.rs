//! The request side of a supervised connection.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, Version, header};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;
use tower::Service;

use super::exchange::{Exchange, PendingAnswer};

/// Longer pieces of an answer are split into this size: the HTTP library copies its input, and over HTTP/2 accepts a
/// whole piece as soon as the client has room for one byte of it.
const PIECE: usize = 16 * 1024;
/// Maximum size of the last piece of an answer over HTTP/2: when the library accepts it, the answer counts as read.
const LAST_PIECE: usize = 1024;

/// Maximum size of a body that is read and discarded to keep its connection. If more is left, the answer announces the
/// end of the connection.
const MOST_DRAINED: u64 = 256 * 1024;

/// A body as it arrives.
pub(crate) trait IncomingBody: Body<Data = Bytes, Error: Send> + Unpin + Send + 'static {}

impl<B: Body<Data = Bytes, Error: Send> + Unpin + Send + 'static> IncomingBody for B {}

/// A service whose requests and answers are observed.
#[derive(Clone, Debug)]
pub(crate) struct Observed<S> {
    service: S,
    drains: Drains,
}

impl<S> Observed<S> {
    pub(super) const fn new(service: S, drains: Drains) -> Self {
        Self { service, drains }
    }
}

impl<S, B, A> Service<Request<B>> for Observed<S>
where
    S: Service<Request<RequestBody<B>>, Response = Response<A>>,
    B: IncomingBody,
    A: Body<Data = Bytes> + Unpin,
{
    type Response = Response<Pieces<A>>;
    type Error = S::Error;
    type Future = Answering<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Answering<S::Future> {
        let is_http2 = request.version() == Version::HTTP_2;
        let exchange = &self.drains.exchange;
        if is_http2 {
            exchange.is_http2.store(true, Ordering::Relaxed);
        } else {
            exchange.has_unread.store(false, Ordering::Relaxed);
            exchange.ends.store(false, Ordering::Relaxed);
        }
        let exchange = Arc::clone(exchange);
        let drains = (!is_http2 && !request.body().is_end_stream()).then(|| self.drains.clone());
        // A client that waits for `100 Continue` is not sending the body.
        let is_being_sent = drains.is_some() && !request.headers().contains_key(header::EXPECT);
        let request = request.map(|body| RequestBody { body: Some(body), drains, is_being_sent, is_late: false });
        Answering { answer: self.service.call(request), exchange, is_http2 }
    }
}

pin_project! {
    /// A pending answer.
    pub(crate) struct Answering<F> {
        #[pin]
        answer: F,
        exchange: Arc<Exchange>,
        is_http2: bool,
    }
}

impl<F, A, E> Future for Answering<F>
where
    F: Future<Output = Result<Response<A>, E>>,
    A: Body<Data = Bytes>,
{
    type Output = Result<Response<Pieces<A>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut answer = ready!(this.answer.poll(cx))?;
        if !*this.is_http2 && this.exchange.ends.load(Ordering::Relaxed) {
            answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        let under_way = (*this.is_http2 && !answer.body().is_end_stream()).then(|| PendingAnswer::begin(this.exchange));
        Poll::Ready(Ok(answer.map(|body| Pieces { body, rest: Bytes::new(), under_way })))
    }
}

/// Receives the rest of a body that the service gave up over HTTP/1.
#[derive(Clone, Debug)]
pub(super) struct Drains {
    pub(super) exchange: Arc<Exchange>,
    /// Maximum time for the rest to arrive.
    pub(super) within: Duration,
    pub(super) tasks: TaskTracker,
}

impl Drains {
    /// Reads the rest, so that the next request can follow.
    fn drain<B: IncomingBody>(self, mut body: B) {
        self.tasks.spawn(async move {
            // An error is the end of the connection.
            let rest = async { while let Some(Ok(_)) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {} };
            if timeout(self.within, rest).await.is_ok() {
                self.exchange.has_unread.store(false, Ordering::Relaxed);
            }
        });
    }
}

/// The body of a request. Over HTTP/1 the exchange records if it is dropped before its end.
#[derive(Debug)]
pub(crate) struct RequestBody<B: IncomingBody> {
    /// `None` once it was read to its end.
    pub(super) body: Option<B>,
    /// `None` over HTTP/2, and where there is no body.
    pub(super) drains: Option<Drains>,
    /// Whether its client sends it without waiting for `100 Continue`.
    pub(super) is_being_sent: bool,
    /// Whether the service waits for more of it.
    pub(super) is_late: bool,
}

impl<B: IncomingBody> Body for RequestBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        self.is_being_sent = true;
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let frame = Pin::new(body).poll_frame(cx);
        self.is_late = frame.is_pending();
        if matches!(frame, Poll::Ready(None)) {
            self.body = None;
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl<B: IncomingBody> Drop for RequestBody<B> {
    /// Reads the rest of a body if it is small and its client is sending it. Otherwise the connection ends, and the
    /// answer announces this.
    fn drop(&mut self) {
        let Some((drains, body)) = self.drains.take().zip(self.body.take()) else { return };
        if body.is_end_stream() {
            return;
        }
        drains.exchange.has_unread.store(self.is_being_sent, Ordering::Relaxed);
        let is_little = body.size_hint().upper().is_some_and(|left| left <= MOST_DRAINED);
        if self.is_being_sent && !self.is_late && is_little {
            drains.drain(body);
        } else {
            drains.exchange.ends.store(true, Ordering::Relaxed);
        }
    }
}

/// The body of an answer, in pieces.
#[derive(Debug)]
pub(crate) struct Pieces<B> {
    pub(super) body: B,
    /// The rest of a longer piece.
    pub(super) rest: Bytes,
    pub(super) under_way: Option<PendingAnswer>,
}

impl<B> Pieces<B> {
    /// Splits the next piece off the rest.
    fn piece(&mut self) -> Bytes {
        let left = self.rest.len();
        let short_enough = if self.under_way.is_some() { LAST_PIECE } else { PIECE };
        if left <= short_enough {
            return std::mem::take(&mut self.rest);
        }
        let before_the_last = if self.under_way.is_some() { left - LAST_PIECE } else { left };
        self.rest.split_to(before_the_last.min(PIECE))
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Pieces<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = &mut *self;
        if let Some(under_way) = &this.under_way {
            under_way.progressed();
        }
        if !this.rest.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(this.piece()))));
        }
        let Some(frame) = ready!(Pin::new(&mut this.body).poll_frame(cx)?) else { return Poll::Ready(None) };
        Poll::Ready(Some(Ok(match frame.into_data() {
            Ok(data) => {
                this.rest = data;
                Frame::data(this.piece())
            }
            Err(trailers) => trailers,
        })))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (mut hint, rest) = (self.body.size_hint(), self.rest.len() as u64);
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper + rest);
        }
        hint.set_lower(hint.lower() + rest);
        hint
    }
}
