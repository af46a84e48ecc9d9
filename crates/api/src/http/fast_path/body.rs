//! Reads the body of a request if it has already arrived; else leaves it as it was.

use std::{
    pin::Pin,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// A body whose first piece was taken and is returned, or that was read completely.
pub(super) struct Begun<B: Body> {
    first: Option<Result<Frame<Bytes>, B::Error>>,
    rest: Option<B>,
}

/// The whole body, if it has already arrived; else the body as it was. Waits for nothing: the next reader registers its
/// own waker.
pub(super) fn whole<B: Body<Data = Bytes> + Unpin>(mut body: B) -> Result<Bytes, Begun<B>> {
    match Pin::new(&mut body).poll_frame(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
            Ok(bytes) if body.is_end_stream() => Ok(bytes),
            Ok(bytes) => Err(Begun { first: Some(Ok(Frame::data(bytes))), rest: Some(body) }),
            Err(trailers) => Err(Begun { first: Some(Ok(trailers)), rest: Some(body) }),
        },
        Poll::Ready(Some(Err(error))) => Err(Begun { first: Some(Err(error)), rest: Some(body) }),
        Poll::Ready(None) => Ok(Bytes::new()),
        Poll::Pending => Err(Begun::untouched(body)),
    }
}

impl<B: Body> Begun<B> {
    /// A body from which nothing was taken.
    pub(super) const fn untouched(body: B) -> Self {
        Self { first: None, rest: Some(body) }
    }

    /// A body that was read completely.
    pub(super) fn of(bytes: Bytes) -> Self {
        Self { first: Some(Ok(Frame::data(bytes))), rest: None }
    }
}

impl<B> Body for Begun<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Unpin,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match (self.first.take(), &mut self.rest) {
            (Some(first), _) => Poll::Ready(Some(first)),
            (None, Some(rest)) => Pin::new(rest).poll_frame(cx),
            (None, None) => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.rest.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.first, &self.rest) {
            (None, Some(rest)) => rest.size_hint(),
            (Some(Ok(frame)), None) => SizeHint::with_exact(frame.data_ref().map_or(0, |bytes| bytes.len() as u64)),
            // Not known exactly; the reader counts for itself.
            (Some(_), Some(_) | None) => SizeHint::default(),
            (None, None) => SizeHint::with_exact(0),
        }
    }
}

#[cfg(test)]
mod tests {
    //! The router receives every byte of a body.
    use http_body_util::{BodyExt as _, Channel, Full};

    use super::*;

    #[tokio::test]
    async fn a_body_that_has_arrived_is_taken_whole_and_can_be_returned() {
        let bytes = whole(Full::new(Bytes::from_static(b"all of it"))).ok().unwrap();
        assert_eq!(bytes, "all of it");
        let again = Begun::<Full<Bytes>>::of(bytes);
        assert_eq!(again.size_hint().exact(), Some(9));
        assert_eq!(again.collect().await.unwrap().to_bytes(), "all of it");
        assert_eq!(whole(Full::<Bytes>::default()).ok().unwrap(), "");
    }

    #[tokio::test]
    async fn a_body_that_has_not_arrived_is_read_on_from_where_it_is() {
        for arrived in [0, 1, 2] {
            let (mut sender, body) = Channel::<Bytes>::new(4);
            let pieces = ["one ", "two ", "three"];
            for piece in pieces.iter().take(arrived) {
                sender.send_data(Bytes::from_static(piece.as_bytes())).await.unwrap();
            }
            let rest = whole(body).err().unwrap();
            for piece in pieces.iter().skip(arrived) {
                sender.send_data(Bytes::from_static(piece.as_bytes())).await.unwrap();
            }
            drop(sender);
            assert_eq!(rest.collect().await.unwrap().to_bytes(), "one two three", "{arrived}");
        }
    }
}
