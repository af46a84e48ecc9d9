//! A complete answer of a node.

#![expect(clippy::return_self_not_must_use, clippy::must_use_candidate, reason = "a test often only checks an answer")]

use reqwest::header::HeaderMap;
use serde_json::Value;

/// The checks panic, so that a test fails.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub text: String,
}

impl Answer {
    /// Returns the answer if it has this status.
    ///
    /// # Panics
    /// If the status differs.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }

    /// Returns the problem if the answer has this status, this code and a body as in RFC 9457.
    ///
    /// # Panics
    /// Otherwise.
    #[track_caller]
    pub fn expect_problem(self, status: u16, code: &str) -> Self {
        let answer = self.expect(status);
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{}", answer.text);
        assert_eq!(answer.json()["code"], code, "{}", answer.text);
        answer
    }

    /// Checks that the answer reports an outage: it has no verdict, and says when to retry.
    ///
    /// # Panics
    /// Otherwise.
    #[track_caller]
    pub fn expect_outage(self) -> Self {
        let answer = self.expect(503);
        assert!(answer.header("retry-after").is_some(), "no Retry-After: {}", answer.text);
        answer
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// If it is not JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {:?}", self.text))
    }

    /// A text member of the body.
    ///
    /// # Panics
    /// If there is none.
    #[track_caller]
    pub fn member(&self, name: &str) -> String {
        let body = self.json();
        body[name].as_str().unwrap_or_else(|| panic!("no {name} in {body}")).to_owned()
    }

    /// A header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}
