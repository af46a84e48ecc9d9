//! One request: for the load generator, which sends it over and over, and for the client, which takes its time.

use std::fmt::Write as _;

/// One request and the status that is expected.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) method: &'static str,
    /// `http://` and the address.
    pub(super) base: String,
    pub(super) path: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Option<String>,
    pub(super) expected: u16,
}

impl Request {
    pub(super) fn new(method: &'static str, base: &str, path: &str, expected: u16) -> Self {
        Self { method, base: base.into(), path: path.into(), headers: Vec::new(), body: None, expected }
    }

    pub(super) fn get(base: &str, path: &str, expected: u16) -> Self {
        Self::new("GET", base, path, expected)
    }

    pub(super) fn post(base: &str, path: &str, expected: u16, json: &str) -> Self {
        let request = Self { body: Some(json.into()), ..Self::new("POST", base, path, expected) };
        request.header("Content-Type", "application/json")
    }

    pub(super) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub(super) fn bearer(self, credential: &str) -> Self {
        self.header("Authorization", &format!("Bearer {credential}"))
    }

    /// The very same request to another server and path.
    pub(super) fn elsewhere(&self, base: &str, path: &str, expected: u16) -> Self {
        Self { base: base.into(), path: path.into(), expected, ..self.clone() }
    }

    /// The address without `http://`.
    pub(super) fn address(&self) -> &str {
        self.base.trim_start_matches("http://")
    }

    /// As it goes over the wire.
    pub(super) fn text(&self) -> String {
        let Self { method, path, headers, body, .. } = self;
        let mut text = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", self.address());
        for (name, value) in headers {
            // Writing to a string cannot fail.
            let _ = write!(text, "{name}: {value}\r\n");
        }
        match body {
            Some(body) => {
                let _ = write!(text, "Content-Length: {}\r\n\r\n{body}", body.len());
            }
            None => text.push_str("\r\n"),
        }
        text
    }
}
