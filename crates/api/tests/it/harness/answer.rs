//! An answer, with checks that hold for every answer.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::Value;

use super::PUBLIC_URL;

/// An answer of the service.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    /// A header that occurs at most once.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next().map(|value| value.to_str().unwrap());
        assert!(values.next().is_none(), "{name} occurs twice");
        value
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The body of an answer with this status.
    #[track_caller]
    pub(crate) fn json(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        assert_eq!(self.header("content-type"), Some("application/json"));
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Checks an answer without a body.
    #[track_caller]
    pub(crate) fn empty(&self, status: u16) {
        assert_eq!((self.status.as_u16(), self.text()), (status, ""));
    }

    /// Checks everything that all problems have in common (contract, section 10). Returns the body.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status.as_u16(), status, "wanted {code}: {}", self.text());
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        let body: Value = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(body["code"], code, "{body}");
        assert_eq!(body["type"], format!("{PUBLIC_URL}/docs/problems#{code}"));
        assert_eq!(body["status"], status);
        assert!(body["title"].as_str().is_some_and(|title| !title.is_empty()), "{body}");
        assert!(body["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{body}");
        let errors = body["errors"].as_array().unwrap();
        assert!(!errors.is_empty() && errors.iter().all(Value::is_string), "{body}");
        assert!(body["fields"].is_object(), "{body}");
        let trace: Vec<&str> = body["traceId"].as_str().unwrap().split('-').collect();
        assert_eq!(trace.iter().map(|part| part.len()).collect::<Vec<_>>(), [2, 32, 16, 2], "{body}");
        assert_eq!(self.headers.contains_key("retry-after"), matches!(status, 429 | 503 | 504), "{body}");
        assert_eq!(self.headers.contains_key("www-authenticate"), status == 401 || code == "insufficient_scope");
        assert_eq!(self.headers.contains_key("allow"), status == 405);
        body
    }

    /// Checks a 400 that names exactly these fields.
    #[track_caller]
    pub(crate) fn invalid(&self, fields: &[&str]) {
        let body = self.problem(400, "invalid_request");
        let named: Vec<&str> = body["fields"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(named, fields, "{body}");
    }

    /// The body of a problem without its trace: for comparing the answers to two callers.
    pub(crate) fn untraced(&self) -> String {
        let body: Value = serde_json::from_slice(&self.body).unwrap();
        self.text().replace(body["traceId"].as_str().unwrap(), "")
    }
}
