//! Builds requests.

use std::net::SocketAddr;

use axum::{body::Body, extract::ConnectInfo};
use http::{Method, header};
use http_body_util::BodyExt as _;
use keyward_api::http::Entrance;
use serde_json::Value;
use tower::ServiceExt as _;

use super::{Answer, Node, documented};

const BOUNDARY: &str = "part-of-a-form";

/// A request to the router.
pub(crate) struct Request {
    router: Entrance,
    builder: http::request::Builder,
    body: Body,
}

impl Request {
    pub(crate) fn new(router: &Entrance, method: &str, path: &str) -> Self {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let builder = http::Request::builder().method(method).uri(path);
        Self { router: router.clone(), builder, body: Body::empty() }.from("127.0.0.1:4711")
    }

    /// Source of the request.
    pub(crate) fn from(mut self, address: &str) -> Self {
        let address: SocketAddr = address.parse().unwrap();
        self.builder = self.builder.extension(ConnectInfo(address));
        self
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.builder = self.builder.header(name, value);
        self
    }

    pub(crate) fn bearer(self, credential: &str) -> Self {
        self.header("authorization", &format!("Bearer {credential}"))
    }

    pub(crate) fn body(mut self, content_type: &str, body: impl Into<Body>) -> Self {
        self.body = body.into();
        self.header(header::CONTENT_TYPE.as_str(), content_type)
    }

    /// A body without a content type; the headers may add one.
    pub(crate) fn raw(mut self, body: impl Into<Body>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    /// `multipart/form-data`, one part per pair.
    pub(crate) fn multipart(self, parts: &[(&str, &str)]) -> Self {
        let (content_type, body) = multipart(parts);
        self.body(&content_type, body)
    }

    /// `application/x-www-form-urlencoded`.
    pub(crate) fn form(self, pairs: &[(&str, &str)]) -> Self {
        self.body("application/x-www-form-urlencoded", serde_urlencoded::to_string(pairs).unwrap())
    }

    pub(crate) async fn send(self) -> Answer {
        let request = self.builder.body(self.body).unwrap();
        let (method, path) = (request.method().to_string(), request.uri().to_string());
        let (parts, body) = self.router.oneshot(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        assert!(parts.headers.contains_key("x-request-id"), "every answer has a request id");
        documented::check(&method, &path, parts.status, &parts.headers, &body);
        Answer { status: parts.status, headers: parts.headers, body }
    }
}

/// A form and its content type.
pub(crate) fn multipart(parts: &[(&str, &str)]) -> (String, String) {
    use std::fmt::Write as _;
    let mut body = String::new();
    for (name, value) in parts {
        write!(body, "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").unwrap();
    }
    write!(body, "--{BOUNDARY}--\r\n").unwrap();
    (format!("multipart/form-data; boundary={BOUNDARY}"), body)
}

/// A body that begins and never ends.
pub(crate) fn stuck(beginning: &'static [u8]) -> axum::body::Body {
    struct Stuck(Option<&'static [u8]>);

    impl http_body::Body for Stuck {
        type Data = bytes::Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            mut self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<http_body::Frame<Self::Data>, Self::Error>>> {
            match self.0.take() {
                Some(bytes) => {
                    std::task::Poll::Ready(Some(Ok(http_body::Frame::data(bytes::Bytes::from_static(bytes)))))
                }
                None => std::task::Poll::Pending,
            }
        }
    }

    axum::body::Body::new(Stuck(Some(beginning)))
}

impl Node {
    pub(crate) fn request(&self, method: &str, path: &str) -> Request {
        Request::new(&self.router, method, path)
    }

    pub(crate) async fn get(&self, credential: &str, path: &str) -> Answer {
        self.request("GET", path).bearer(credential).send().await
    }

    pub(crate) async fn delete(&self, credential: &str, path: &str) -> Answer {
        self.request("DELETE", path).bearer(credential).send().await
    }

    /// Without a body.
    pub(crate) async fn post(&self, credential: &str, path: &str) -> Answer {
        self.request("POST", path).bearer(credential).send().await
    }

    pub(crate) async fn post_json(&self, credential: &str, path: &str, body: &Value) -> Answer {
        self.request("POST", path).bearer(credential).json(body).send().await
    }
}
