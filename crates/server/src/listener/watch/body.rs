//! The requests' side of a watched connection.

use std::{
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Request, Response, Version, header};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tower::Service;

use super::{Exchange, UnderWay};

/// A longer piece of an answer is handed on in pieces of this size: the HTTP library copies what it is given, and over
/// HTTP/2 takes a piece whole as soon as the client has room for one byte of it.
const PIECE: usize = 16 * 1024;
/// The last piece of an answer over HTTP/2: when the library has it, the answer counts as taken.
const LAST_PIECE: usize = 1024;

/// A service whose requests and answers are observed.
#[derive(Clone, Debug)]
pub(crate) struct Observed<S> {
    service: S,
    exchange: Arc<Exchange>,
}

impl<S> Observed<S> {
    pub(super) const fn new(service: S, exchange: Arc<Exchange>) -> Self {
        Self { service, exchange }
    }
}

impl<S, B, A> Service<Request<B>> for Observed<S>
where
    S: Service<Request<Asked<B>>, Response = Response<A>>,
    B: Body<Data = Bytes> + Unpin,
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
        if is_http2 {
            self.exchange.is_http2.store(true, Ordering::Relaxed);
        } else {
            self.exchange.has_unread.store(false, Ordering::Relaxed);
        }
        let exchange = (!is_http2 && !request.body().is_end_stream()).then(|| Arc::clone(&self.exchange));
        // A client that waits to be asked for its body is not sending it.
        let is_being_sent = exchange.is_some() && !request.headers().contains_key(header::EXPECT);
        let request = request.map(|body| Asked { body, exchange, is_being_sent });
        let watched = is_http2.then(|| Arc::clone(&self.exchange));
        Answering { answer: self.service.call(request), watched }
    }
}

pin_project! {
    /// An answer that is being made.
    pub(crate) struct Answering<F> {
        #[pin]
        answer: F,
        watched: Option<Arc<Exchange>>,
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
        let answer = ready!(this.answer.poll(cx))?;
        let watched = this.watched.as_ref().filter(|_| !answer.body().is_end_stream());
        let under_way = watched.map(UnderWay::begin);
        Poll::Ready(Ok(answer.map(|body| Pieces { body, rest: Bytes::new(), under_way })))
    }
}

/// The body of a request. Over HTTP/1 the connection learns if it is given up before its end.
#[derive(Debug)]
pub(crate) struct Asked<B: Body> {
    pub(super) body: B,
    pub(super) exchange: Option<Arc<Exchange>>,
    /// Whether its client sends it without being asked for it.
    pub(super) is_being_sent: bool,
}

impl<B: Body<Data = Bytes> + Unpin> Body for Asked<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        self.is_being_sent = true;
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<B: Body> Drop for Asked<B> {
    fn drop(&mut self) {
        if let Some(exchange) = &self.exchange {
            exchange.has_unread.store(self.is_being_sent && !self.body.is_end_stream(), Ordering::Relaxed);
        }
    }
}

/// The body of an answer, in pieces.
#[derive(Debug)]
pub(crate) struct Pieces<B> {
    pub(super) body: B,
    /// What is left of a longer piece.
    pub(super) rest: Bytes,
    pub(super) under_way: Option<UnderWay>,
}

impl<B> Pieces<B> {
    /// The next piece of what is left.
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
