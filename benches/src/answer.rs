//! Sends requests to a service in the same process, without a listener.

use std::{
    convert::Infallible,
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};

use anyhow::{Context as _, Result, bail, ensure};
use axum::response::Response;
use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body::Body as _;
use http_body_util::Full;
use keyward_api::http::Entrance;
use tower::Service as _;

/// A request as a listener passes it on, with its complete body.
pub type CompleteRequest = Request<Full<Bytes>>;

/// A request without a body.
///
/// # Errors
/// If the path or the credential is invalid in a request.
pub fn get(path: &str, bearer: &str) -> Result<CompleteRequest> {
    let request = Request::get(path).header(header::HOST, "127.0.0.1:8080").header(header::AUTHORIZATION, bearer);
    Ok(request.body(Full::default())?)
}

/// A request with a JSON body.
///
/// # Errors
/// If the path or the credential is invalid in a request.
pub fn post(path: &str, bearer: Option<&str>, json: &str) -> Result<CompleteRequest> {
    let mut request = Request::post(path).header(header::HOST, "127.0.0.1:8080");
    if let Some(bearer) = bearer {
        request = request.header(header::AUTHORIZATION, bearer);
    }
    let body = Bytes::copy_from_slice(json.as_bytes());
    request = request.header(header::CONTENT_TYPE, "application/json").header(header::CONTENT_LENGTH, body.len());
    Ok(request.body(Full::new(body))?)
}

/// Sends a request whose answer needs no waiting.
///
/// # Errors
/// If the answer is not ready at the first poll, or has another status.
pub fn ask(entrance: &mut Entrance, request: CompleteRequest, expected: StatusCode) -> Result<Bytes> {
    let (status, body) = poll_once(entrance.call(request))?;
    ensure!(status == expected, "answered {status} instead of {expected}");
    Ok(body)
}

/// Polls an answer and its body once.
///
/// # Errors
/// If either is not ready.
pub fn poll_once(answering: impl Future<Output = Result<Response, Infallible>>) -> Result<(StatusCode, Bytes)> {
    let mut context = Context::from_waker(Waker::noop());
    let Poll::Ready(Ok(answer)) = pin!(answering).poll(&mut context) else { bail!("the answer is not ready") };
    let (parts, mut body) = answer.into_parts();
    match Pin::new(&mut body).poll_frame(&mut context) {
        Poll::Ready(None) => Ok((parts.status, Bytes::new())),
        Poll::Ready(Some(frame)) => Ok((parts.status, frame?.into_data().ok().context("trailers instead of a body")?)),
        Poll::Pending => bail!("the body is not ready"),
    }
}
