//! Reads the query of a request by name, and records every error. An unknown name is an error: a misspelled reason or
//! state must not be ignored.

use std::str::FromStr;

use axum::extract::FromRequestParts;
use http::request::Parts;

use super::{
    cursor::{self, Position},
    problem::{FieldErrors, Problem},
};

/// Default number of items on a page (contract, section 5).
const DEFAULT_LIMIT: u16 = 100;
const MAX_LIMIT: u16 = 1_000;

/// The decoded pairs of a query, in order.
pub(super) struct Query {
    pairs: Vec<(String, String)>,
    /// The names read so far: those that the call knows.
    known: Vec<&'static str>,
    errors: FieldErrors,
}

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::of(parts)
    }
}

/// The empty or absent query of a call without parameters.
pub(super) struct NoQuery;

impl<S: Send + Sync> FromRequestParts<S> for NoQuery {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Query::of(parts)?.check()?;
        Ok(Self)
    }
}

impl Query {
    fn of(parts: &Parts) -> Result<Self, Problem> {
        Self::read(parts.uri.query().unwrap_or_default())
    }

    /// Reads a query, without the question mark.
    pub(super) fn read(query: &str) -> Result<Self, Problem> {
        let pairs = serde_urlencoded::from_str(query);
        let pairs = pairs.map_err(|_| Problem::invalid("query", "must be percent-encoded UTF-8"))?;
        Ok(Self { pairs, known: Vec::new(), errors: FieldErrors::default() })
    }

    /// The values of a repeatable name.
    pub(super) fn all(&mut self, name: &'static str) -> impl Iterator<Item = &str> {
        self.known.push(name);
        self.pairs.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// An error for each name that is not a known condition.
    pub(super) fn unknown_conditions(&self, known: &[&str]) -> FieldErrors {
        let mut errors = FieldErrors::default();
        for (name, _) in self.pairs.iter().filter(|(name, _)| !known.contains(&name.as_str())) {
            errors.add_with(|| unknown_name(name, "condition", known));
        }
        errors
    }

    /// The value of a name that must not be repeated.
    pub(super) fn one(&mut self, name: &'static str) -> Option<String> {
        self.known.push(name);
        let mut values = self.pairs.iter().filter(|(key, _)| key == name).map(|(_, value)| value.clone());
        let value = values.next();
        if values.next().is_some() {
            self.errors.add(name, "must be given once");
            return None;
        }
        value
    }

    /// A parsed value of a name that must not be repeated.
    pub(super) fn parse<T: FromStr<Err: std::fmt::Display>>(&mut self, name: &'static str) -> Option<T> {
        let value = self.one(name)?;
        value.parse().map_err(|error: T::Err| self.errors.add(name, error.to_string())).ok()
    }

    /// Number of items on a page.
    pub(super) fn limit(&mut self) -> u16 {
        let Some(text) = self.one("limit") else { return DEFAULT_LIMIT };
        match text.parse() {
            Ok(limit) if (1..=MAX_LIMIT).contains(&limit) => limit,
            Ok(_) | Err(_) => {
                self.errors.add("limit", "must be a whole number from 1 to 1000");
                DEFAULT_LIMIT
            }
        }
    }

    /// Position at which the page starts.
    pub(super) fn cursor<P: Position>(&mut self) -> Option<P> {
        let text = self.one("cursor")?;
        let position = cursor::decode(&text);
        if position.is_none() {
            self.errors.add("cursor", "must be the next_cursor of an earlier page of this list");
        }
        position
    }

    /// Whether this name is present.
    pub(super) fn has(&self, name: &str) -> bool {
        self.pairs.iter().any(|(key, _)| key == name)
    }

    /// Records an error that the handler found.
    pub(super) fn refuse(&mut self, name: &str, message: impl Into<String>) {
        self.errors.add(name, message);
    }

    /// Fails if there was an error or an unknown name is present.
    pub(super) fn check(mut self) -> Result<(), Problem> {
        let mut known = std::mem::take(&mut self.known);
        known.sort_unstable();
        known.dedup();
        let Self { pairs, errors, .. } = &mut self;
        for (name, _) in pairs.iter().filter(|(name, _)| !known.contains(&name.as_str())) {
            errors.add_with(|| unknown_name(name, "parameter of this call", &known));
        }
        self.errors.into_result(Some(()))
    }
}

/// The field and the message for an unknown name.
fn unknown_name(name: &str, what: &str, known: &[&str]) -> (String, String) {
    if name.is_empty() {
        return ("query".to_owned(), "holds a value without a name".to_owned());
    }
    let message = if known.is_empty() {
        format!("is no {what}: it has none")
    } else {
        format!("is no {what} (there are {})", known.join(", "))
    };
    (name.to_owned(), message)
}
