//! All kinds of problem: one table, which the contract, the `/docs` page and a test share.

use std::time::Duration;

use http::{HeaderValue, StatusCode};

/// A kind of problem (contract, section 10). Each has its own `code` and `type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// A field or the request as a whole is invalid.
    InvalidRequest,
    /// A condition of a verification that does not exist; it must not pass unchecked.
    UnknownCondition,
    /// No credential, or one that proves nothing: unknown, wrong, revoked or expired.
    InvalidCredential,
    /// A credential of the sandbox in production, or the reverse.
    WrongEnvironment,
    /// The credential is valid and lacks the scope that the call or the gateway requires.
    InsufficientScope,
    /// The caller would grant a scope that it does not hold itself.
    ScopeNotHeld,
    /// Only some callers may choose the mid of a new account.
    MidNotAllowed,
    /// The caller would stop its own account.
    OwnAccount,
    /// The calling key would change its own scopes, dates or restrictions.
    OwnKey,
    /// Only a caller at or above the level that suspended an account or a key may resume it.
    SuspendedFromAbove,
    /// The path of the gateway accepts another type of key.
    WrongType,
    /// The gateway requires another account.
    WrongAccount,
    /// The path names no route.
    NotFound,
    /// No such key, or none within the reach of the caller.
    KeyNotFound,
    /// No such account, or none within the reach of the caller.
    AccountNotFound,
    /// The route exists, with other methods.
    MethodNotAllowed,
    /// The body is larger than the setting or the call allows.
    BodyTooLarge,
    /// The body has a media type or a charset that the call does not read.
    UnsupportedMediaType,
    /// Another account has the mid.
    MidTaken,
    /// The account or one above it is suspended or closed, so nothing new is made for it or below it.
    AccountNotActive,
    /// A closed account is final: it cannot be resumed.
    AccountClosed,
    /// The key is revoked or expired, which is final.
    KeyNotActive,
    /// The account would have more keys than its policy allows.
    TooManyKeys,
    /// The last key that can manage keys may be revoked only as compromised.
    LockOut,
    /// The object has none of the versions that `If-Match` names.
    PreconditionFailed,
    /// Too many wrong credentials were presented.
    TooManyAttempts,
    /// The caller's share of concurrent requests, or of the queue of an account, is taken.
    TooManyRequests,
    /// A defect of this service.
    Internal,
    /// A system that the service needs returned an invalid answer. No call of this version gives it.
    BadGateway,
    /// The service cannot answer now; nothing was changed.
    Unavailable,
    /// Whether the change was made, or is enforced on every node, is not known.
    OutcomeUnknown,
    /// The time budget of the route is used up; a change may have been made.
    Timeout,
}

/// The fixed parts of a kind of problem.
struct Entry {
    code: &'static str,
    status: StatusCode,
    title: &'static str,
    advice: &'static str,
}

const fn entry(status: StatusCode, code: &'static str, title: &'static str, advice: &'static str) -> Entry {
    Entry { code, status, title, advice }
}

impl Code {
    /// All kinds, by status.
    pub const ALL: [Self; 32] = [
        Self::InvalidRequest,
        Self::UnknownCondition,
        Self::InvalidCredential,
        Self::WrongEnvironment,
        Self::InsufficientScope,
        Self::ScopeNotHeld,
        Self::MidNotAllowed,
        Self::OwnAccount,
        Self::OwnKey,
        Self::SuspendedFromAbove,
        Self::WrongType,
        Self::WrongAccount,
        Self::NotFound,
        Self::KeyNotFound,
        Self::AccountNotFound,
        Self::MethodNotAllowed,
        Self::MidTaken,
        Self::AccountNotActive,
        Self::AccountClosed,
        Self::KeyNotActive,
        Self::TooManyKeys,
        Self::LockOut,
        Self::PreconditionFailed,
        Self::BodyTooLarge,
        Self::UnsupportedMediaType,
        Self::TooManyAttempts,
        Self::TooManyRequests,
        Self::Internal,
        Self::BadGateway,
        Self::Unavailable,
        Self::OutcomeUnknown,
        Self::Timeout,
    ];

    #[rustfmt::skip]
    const fn entry(self) -> Entry {
        match self {
            Self::InvalidRequest => entry(StatusCode::BAD_REQUEST, "invalid_request", "The request is not valid.",
                "Change what `errors` names, and send the request again."),
            Self::UnknownCondition => entry(StatusCode::BAD_REQUEST, "unknown_condition",
                "The request names a condition that does not exist.",
                "A misspelt condition must not pass unchecked: correct or remove the one that `errors` names."),
            Self::InvalidCredential => entry(StatusCode::UNAUTHORIZED, "invalid_credential",
                "The credential is not valid.",
                "Send `Authorization: Bearer` with an access token or the value of a secret key that is neither \
                 revoked nor expired and whose account is active."),
            Self::WrongEnvironment => entry(StatusCode::UNAUTHORIZED, "wrong_environment",
                "The credential belongs to the other environment.",
                "Use a key of this environment: values that say `test` work in the sandbox, values that say `live` in \
                 production."),
            Self::InsufficientScope => entry(StatusCode::FORBIDDEN, "insufficient_scope",
                "The credential lacks a scope.",
                "Use a key whose scopes cover what this call needs."),
            Self::ScopeNotHeld => entry(StatusCode::FORBIDDEN, "scope_not_held",
                "A caller cannot grant a scope that it does not hold.",
                "Leave the scope out, or call with a key that holds it; a wildcard is granted only by that same \
                 wildcard."),
            Self::MidNotAllowed => entry(StatusCode::FORBIDDEN, "mid_not_allowed", "The caller may not choose a mid.",
                "Leave `mid` out: the service makes one."),
            Self::OwnAccount => entry(StatusCode::FORBIDDEN, "own_account",
                "A caller cannot do this to its own account.",
                "Call with a key of an account above."),
            Self::SuspendedFromAbove => entry(StatusCode::FORBIDDEN, "suspended_from_above",
                "The account or the key was suspended from a higher level.",
                "Ask the account that suspended it, or one above: the platform, or the operator at the command line."),
            Self::OwnKey => entry(StatusCode::FORBIDDEN, "own_key",
                "A key cannot change its own scopes, dates or restrictions.",
                "Call with another key that covers `api-keys:write`. A key may change its own name, description and \
                 metadata."),
            Self::WrongType => entry(StatusCode::FORBIDDEN, "wrong_type",
                "The key is not of the type that is needed here.",
                "Use a key of the type that the path takes: `/v1/auth` takes secret keys and access tokens, \
                 `/v1/auth-public` public keys, `/v1/auth-tokenization` tokenization keys."),
            Self::WrongAccount => entry(StatusCode::FORBIDDEN, "wrong_account", "The key belongs to another account.",
                "Use a key of the account that the gateway asks for."),
            Self::NotFound => entry(StatusCode::NOT_FOUND, "not_found", "There is no such route.",
                "Compare the path with the reference at /docs; paths have no slash at the end."),
            Self::KeyNotFound => entry(StatusCode::NOT_FOUND, "key_not_found", "There is no such key.",
                "Check the key id; a key that the caller does not reach is not there for it."),
            Self::AccountNotFound => entry(StatusCode::NOT_FOUND, "account_not_found", "There is no such account.",
                "Check the mid; an account that the caller does not reach is not there for it."),
            Self::MethodNotAllowed => entry(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed",
                "The method is not allowed for this resource.",
                "Use a method that the header `Allow` names."),
            Self::MidTaken => entry(StatusCode::CONFLICT, "mid_taken", "The mid is taken.",
                "Choose another mid, or leave it out."),
            Self::AccountNotActive => entry(StatusCode::CONFLICT, "account_not_active",
                "The account, or one above it, is suspended or closed.",
                "Resume the account that is suspended, or choose another; a closed one stays closed."),
            Self::AccountClosed => entry(StatusCode::CONFLICT, "account_closed",
                "The account is closed, which is final.",
                "Register a new account."),
            Self::KeyNotActive => entry(StatusCode::CONFLICT, "key_not_active",
                "The key is revoked or expired, which is final.",
                "Create a new key. Only the name, description and metadata of this one can still be changed."),
            Self::TooManyKeys => entry(StatusCode::CONFLICT, "too_many_keys",
                "The account's policy allows no more keys.",
                "Revoke keys that are not used any more, or ask for a policy with a larger `max_keys`."),
            Self::LockOut => entry(StatusCode::CONFLICT, "lock_out",
                "This is the account's last key that can manage keys.",
                "Create another key with `api-keys:write` first; or, if the key has leaked, revoke it with \
                 `reason=compromised`."),
            Self::BodyTooLarge => entry(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", "The body is too large.",
                "Send a smaller body."),
            Self::UnsupportedMediaType => entry(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type",
                "The content type is not supported.",
                "Send the body as a type that this call takes, and name it in `Content-Type`."),
            Self::PreconditionFailed => entry(StatusCode::PRECONDITION_FAILED, "precondition_failed",
                "The object was changed since it was read.",
                "Read it again, and send the change with the new `ETag` in `If-Match`; without `If-Match` the last \
                 change wins."),
            Self::TooManyAttempts => entry(StatusCode::TOO_MANY_REQUESTS, "too_many_attempts",
                "Too many wrong credentials.",
                "Correct the credential, and wait for as many seconds as `Retry-After` says."),
            Self::TooManyRequests => entry(StatusCode::TOO_MANY_REQUESTS, "too_many_requests",
                "Too many requests of the caller are under way.",
                "Nothing was changed. Send fewer requests at the same time, and wait for as many seconds as \
                 `Retry-After` says."),
            Self::Internal => entry(StatusCode::INTERNAL_SERVER_ERROR, "internal", "The server failed.",
                "This is a defect of ours; name the `traceId` when you report it."),
            Self::BadGateway => entry(StatusCode::BAD_GATEWAY, "bad_gateway",
                "A system that the server needs answered nonsense.",
                "Try again later."),
            Self::Unavailable => entry(StatusCode::SERVICE_UNAVAILABLE, "unavailable",
                "The service is temporarily unable to answer.",
                "Nothing was changed. Try again after as many seconds as `Retry-After` says."),
            Self::OutcomeUnknown => entry(StatusCode::SERVICE_UNAVAILABLE, "outcome_unknown",
                "Whether the change was made is not known.",
                "Repeat a revoke, change, suspend, resume or close: that is safe. After a create, list the keys before \
                 trying again."),
            Self::Timeout => entry(StatusCode::GATEWAY_TIMEOUT, "timeout", "The request's time ran out.",
                "Whether the change was made is not known. Repeating a revoke, change, suspend, resume or close is \
                 safe; after a create, list the keys first."),
        }
    }

    /// The code that programs read.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.entry().code
    }

    /// The status of the answer.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        self.entry().status
    }

    /// The kind of problem in a short sentence.
    #[must_use]
    pub const fn title(self) -> &'static str {
        self.entry().title
    }

    /// The remedy, where nothing more specific is known.
    #[must_use]
    pub const fn advice(self) -> &'static str {
        self.entry().advice
    }

    /// The same with paths below that of this public URL.
    pub(super) fn advice_at(self, public_url: &str) -> String {
        let path = public_url.splitn(4, '/').nth(3).map_or_else(String::new, |path| format!("/{path}"));
        self.advice().replace(" /docs", &format!(" {path}/docs"))
    }

    /// The URL that names the kind and leads to its description.
    #[must_use]
    pub fn type_url(self, public_url: &str) -> String {
        format!("{public_url}/docs/problems#{}", self.as_str())
    }

    /// Time to wait before a retry; `None` if a retry cannot help.
    pub(in crate::http) fn retry_after(self) -> Option<Duration> {
        let again = matches!(
            self,
            Self::Unavailable | Self::OutcomeUnknown | Self::TooManyAttempts | Self::TooManyRequests | Self::Timeout
        );
        again.then_some(Duration::from_secs(1))
    }

    /// The challenge of the answer (RFC 6750, section 3).
    pub(in crate::http) fn challenge(self) -> Option<HeaderValue> {
        if self == Self::InsufficientScope {
            return Some(HeaderValue::from_static("Bearer error=\"insufficient_scope\""));
        }
        (self.status() == StatusCode::UNAUTHORIZED).then(|| HeaderValue::from_static("Bearer"))
    }
}
