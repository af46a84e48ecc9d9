//! Problems (RFC 9457): the one format of every error.
//!
//! A handler says what is wrong ([`Problem`]). `observe` completes the answer (type, trace) and logs
//! the cause, which is logged nowhere else. Titles are fixed; nothing is ever built from a secret.

use std::{collections::BTreeMap, error::Error as StdError, sync::Arc, time::Duration};

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};
use keyward_app::{Failure, TooManyAttempts};
use keyward_domain::{Denial, Permission};
use keyward_storage::StorageError;
use serde::Serialize;
use utoipa::ToSchema;

mod code;

pub use code::Code;

/// The cause of a problem, for the log only.
type Cause = Arc<dyn StdError + Send + Sync>;

/// An error and its remedy.
#[derive(Clone, Debug)]
pub struct Problem(Box<Inner>);

/// Boxed, so that every handler's `Result` stays small.
#[derive(Clone, Debug)]
struct Inner {
    code: Code,
    detail: Option<String>,
    errors: FieldErrors,
    retry_after: Option<Duration>,
    challenge: Option<HeaderValue>,
    cause: Option<Cause>,
}

/// The challenge of the token call.
pub(super) const BASIC_CHALLENGE: HeaderValue = HeaderValue::from_static("Basic realm=\"keyward\"");

/// Maximum number of errors that an answer names.
const MOST_NAMED: usize = 20;
/// Maximum number of bytes of a request's text that an answer repeats; the rest is left out.
const MOST_SAID: usize = 200;

/// Errors in single fields of a request: the first twenty, and the number of the others. An answer never grows with the
/// request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldErrors {
    named: Vec<(String, String)>,
    more: usize,
}

impl FieldErrors {
    /// Records an error of a field: `name`, `must not contain < or >`.
    pub fn add(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.add_with(|| (field.into(), message.into()));
    }

    /// As [`Self::add`], building the message only if it is named: a request may have a hundred thousand errors.
    pub fn add_with(&mut self, words: impl FnOnce() -> (String, String)) {
        if self.named.len() == MOST_NAMED {
            self.more += 1;
            return;
        }
        let (field, message) = words();
        self.named.push((shortened(field), shortened(message)));
    }

    /// Whether there is no error.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.named.is_empty()
    }

    /// The same errors, with this prefix before the field names: `checks[3].`.
    #[must_use]
    pub fn below(self, place: &str) -> Self {
        let below = |(field, message)| (format!("{place}{field}"), message);
        Self { named: self.named.into_iter().map(below).collect(), more: self.more }
    }

    /// Adds the errors of another part of the request.
    pub fn merge(&mut self, other: Self) {
        for (field, message) in other.named {
            self.add(field, message);
        }
        self.more += other.more;
    }

    /// The value, if there is no error.
    ///
    /// # Errors
    /// A problem that lists every invalid field.
    pub fn into_result<T>(self, value: Option<T>) -> Result<T, Problem> {
        match value {
            Some(value) if self.is_empty() => Ok(value),
            Some(_) | None => Err(Problem::new(Code::InvalidRequest).field_errors(self)),
        }
    }
}

fn shortened(mut text: String) -> String {
    if text.len() > MOST_SAID {
        text.truncate(text.floor_char_boundary(MOST_SAID));
        text.push('…');
    }
    text
}

impl Problem {
    /// A problem with this code.
    #[must_use]
    pub fn new(code: Code) -> Self {
        Self(Box::new(Inner {
            code,
            detail: None,
            errors: FieldErrors::default(),
            retry_after: code.retry_after(),
            challenge: code.challenge(),
            cause: None,
        }))
    }

    /// An invalid field of a request.
    #[must_use]
    pub fn invalid(field: &str, message: impl Into<String>) -> Self {
        let mut errors = FieldErrors::default();
        errors.add(field, message);
        Self::new(Code::InvalidRequest).field_errors(errors)
    }

    /// The caller lacks a scope.
    #[must_use]
    pub fn insufficient_scope(needs: Permission) -> Self {
        let scope = needs.scope();
        let challenge = HeaderValue::from_str(&format!("Bearer error=\"insufficient_scope\", scope=\"{scope}\"")).ok();
        let mut problem = Self::new(Code::InsufficientScope);
        problem.0.challenge = challenge;
        problem.detail(format!("This call needs the scope {scope}: use a credential that holds it."))
    }

    /// The credential lacks these scopes, separated by spaces, which a gateway requires.
    #[must_use]
    pub fn lacking(scopes: &str) -> Self {
        let mut problem = Self::new(Code::InsufficientScope);
        if scopes.is_empty() {
            return problem;
        }
        let challenge = format!("Bearer error=\"insufficient_scope\", scope=\"{scopes}\"");
        if let Ok(challenge) = HeaderValue::from_str(&challenge) {
            problem.0.challenge = Some(challenge);
        }
        problem.detail(format!("The credential lacks what the gateway asks for: {scopes}."))
    }

    /// Changes the challenge to Basic authentication (RFC 7617), which the token call accepts.
    #[must_use]
    pub fn by_basic(mut self) -> Self {
        self.0.challenge = Some(BASIC_CHALLENGE);
        self
    }

    /// Adds to the challenge that the presented credential is invalid (RFC 6750, section 3.1).
    #[must_use]
    pub fn invalid_token(mut self) -> Self {
        self.0.challenge = Some(HeaderValue::from_static("Bearer error=\"invalid_token\""));
        self
    }

    /// Adds a sentence about this occurrence.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// Adds a sentence if there is none yet.
    #[must_use]
    pub fn detail_or(mut self, detail: impl FnOnce() -> String) -> Self {
        self.0.detail.get_or_insert_with(detail);
        self
    }

    /// Adds the errors of single fields.
    #[must_use]
    pub fn field_errors(mut self, errors: FieldErrors) -> Self {
        self.0.errors = errors;
        self
    }

    /// Adds the cause, for the log.
    #[must_use]
    pub fn because(mut self, cause: impl StdError + Send + Sync + 'static) -> Self {
        self.0.cause = Some(Arc::new(cause));
        self
    }

    /// The first error of a field, as a client reads it.
    pub(super) fn first_error(&self) -> Option<String> {
        self.0.errors.named.first().map(|(field, text)| format!("{field} {text}"))
    }

    /// Merges another problem of the same request: the errors of both, under this one's code.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.0.errors.merge(other.0.errors);
        self
    }

    /// The kind of problem.
    #[must_use]
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// The cause, for the log.
    pub(super) fn cause(&self) -> Option<&(dyn StdError + Send + Sync + 'static)> {
        self.0.cause.as_deref()
    }

    /// Time to wait before a retry; also sent as a header.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// The body that the client receives.
    pub(super) fn body(&self, public_url: &str, trace_id: &str) -> ProblemBody {
        let Inner { code, detail, errors: in_fields, .. } = &*self.0;
        let mut errors: Vec<String> = in_fields.named.iter().map(|(field, text)| format!("{field} {text}")).collect();
        if in_fields.more > 0 {
            errors.push(format!("and {} more", in_fields.more));
        }
        let mut fields = BTreeMap::<String, Vec<String>>::new();
        for (field, text) in &in_fields.named {
            fields.entry(field.clone()).or_default().push(text.clone());
        }
        let detail = detail.clone().or_else(|| errors.first().cloned());
        let detail = detail.unwrap_or_else(|| code.advice_at(public_url));
        if errors.is_empty() {
            errors.push(detail.clone());
        }
        ProblemBody {
            r#type: code.type_url(public_url),
            title: code.title(),
            status: code.status().as_u16(),
            code: code.as_str(),
            detail,
            errors,
            fields,
            trace_id: trace_id.to_owned(),
        }
    }
}

/// A problem as it is sent (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct ProblemBody {
    /// Names the kind of problem; leads to its description.
    r#type: String,
    /// The kind of problem in a short sentence.
    title: &'static str,
    /// The status, as in the answer's first line.
    status: u16,
    /// The kind of problem, for programs.
    code: &'static str,
    /// What this occurrence is about, and what to change: the first of `errors` where single fields are wrong.
    detail: String,
    /// What is wrong, in sentences; never empty. At most twenty faults are named, then how many more there are.
    errors: Vec<String>,
    /// What is wrong, by field, for the faults that are named.
    fields: BTreeMap<String, Vec<String>>,
    /// Names the request in the logs (W3C trace context).
    #[serde(rename = "traceId")]
    trace_id: String,
}

/// A refusal whose answer has another dialect: for logs and metrics only.
#[derive(Clone, Debug)]
pub(super) struct InOtherWords(pub(super) Problem);

impl IntoResponse for Problem {
    /// The answer without its body, which `observe` adds.
    fn into_response(self) -> Response {
        let mut response = self.0.code.status().into_response();
        let headers = response.headers_mut();
        if let Some(wait) = self.0.retry_after {
            headers.insert(header::RETRY_AFTER, whole_seconds(wait));
        }
        if let Some(challenge) = &self.0.challenge {
            headers.insert(header::WWW_AUTHENTICATE, challenge.clone());
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// A `Retry-After` in seconds, rounded up: an earlier retry would be refused again.
pub(super) fn whole_seconds(wait: Duration) -> HeaderValue {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    HeaderValue::from(seconds.max(1))
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        let code = match &failure {
            // The caller changed repeatedly while it made a change.
            Failure::Storage(StorageError::Unavailable(_) | StorageError::CallerChanged)
            | Failure::NoSigningKey
            | Failure::ClocksDiffer
            | Failure::CutOff => Code::Unavailable,
            Failure::QueueFull(_) => Code::TooManyRequests,
            Failure::Storage(StorageError::OutcomeUnknown(_)) | Failure::NotEnforced(_) => Code::OutcomeUnknown,
            Failure::Storage(
                StorageError::Conflict(_) | StorageError::Corrupt { .. } | StorageError::Unexpected(_),
            )
            | Failure::Digest(_)
            | Failure::Entropy(_)
            | Failure::Token(_)
            | Failure::Defect(_) => Code::Internal,
        };
        Self::new(code).because(failure)
    }
}

impl From<TooManyAttempts> for Problem {
    fn from(error: TooManyAttempts) -> Self {
        let mut problem = Self::new(Code::TooManyAttempts);
        problem.0.retry_after = Some(error.retry_after);
        problem
    }
}

/// Why a credential was refused, for the log only.
#[derive(Debug, thiserror::Error)]
#[error("the credential was refused: {0}")]
pub(super) struct Refused(pub(super) Denial);
