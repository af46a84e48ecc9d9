//! The body of an answer that holds a value until it was sent. Never reads that value.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use http_body::{Body, Frame, SizeHint};

/// A body, and a value that is dropped with it: when the answer was sent or given up.
#[derive(Debug)]
pub struct UntilSent<B, H> {
    body: B,
    _held: H,
}

impl<B, H> UntilSent<B, H> {
    /// Wraps a body together with a value.
    pub const fn new(body: B, held: H) -> Self {
        Self { body, _held: held }
    }
}

impl<B: Body + Unpin, H: Unpin> Body for UntilSent<B, H> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
