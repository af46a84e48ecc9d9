//! One request: for the load generator, which repeats it, and for the client, which measures its time.

use std::time::Instant;

use anyhow::{Context as _, Result, ensure};

use keyward_testkit::http::{Answer, Blocking};

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

    /// The same request to another server and path.
    pub(super) fn elsewhere(&self, base: &str, path: &str, expected: u16) -> Self {
        Self { base: base.into(), path: path.into(), expected, ..self.clone() }
    }
}

/// A client that sends one request at a time over one connection.
pub(super) struct Client(Blocking);

/// An answer of the expected status, and its time in milliseconds.
pub(super) struct Timed {
    pub(super) answer: Answer,
    pub(super) millis: f64,
}

impl Client {
    pub(super) fn new() -> Result<Self> {
        Blocking::new().map(Self)
    }

    /// Sends a request and reads the answer to its end; an error if it has another status than the expected one.
    #[expect(clippy::disallowed_methods, reason = "measures; no decision depends on it")]
    pub(super) fn ask(&self, request: &Request) -> Result<Timed> {
        let started = Instant::now();
        let answer = self.ask_anything(request)?;
        let millis = started.elapsed().as_secs_f64() * 1_000.0;
        let Answer { status, text, .. } = &answer;
        ensure!(*status == request.expected, "{} {} returned {status}: {text}", request.method, request.path);
        Ok(Timed { answer, millis })
    }

    /// Sends a request and reads the answer to its end, whatever its status.
    pub(super) fn ask_anything(&self, request: &Request) -> Result<Answer> {
        let Request { method, base, path, headers, body, .. } = request;
        let sent = self.0.request(method, &format!("{base}{path}"));
        let sent = headers.iter().fold(sent, |sent, (name, value)| sent.header(name, value));
        let sent = body.iter().fold(sent, |sent, body| sent.body(body.clone()));
        self.0.send(sent).with_context(|| format!("{method} {path}"))
    }
}
