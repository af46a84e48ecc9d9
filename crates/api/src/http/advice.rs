//! Explains a 401 by the form of the presented credential, from the request alone.
//!
//! Asks neither memory nor the database. Two requests of the same form get the same explanation, whatever exists.

use http::HeaderMap;
use keyward_domain::{Environment, KeyType, PresentedValue};

use super::{
    authorization::{Authorization, is_empty},
    gateway::{API_KEY, CredentialHeader},
    problem::{Code, Problem},
};

/// Advice to callers of management and verification.
const SEND: &str = "send `Authorization: Bearer` with an access token or the value of a secret key.";

/// Explains a refusal by a call that accepts only `Authorization: Bearer`.
pub(super) fn at_bearer(problem: Problem, headers: &HeaderMap, environment: Environment) -> Problem {
    if problem.code() != Code::InvalidCredential {
        return problem;
    }
    let what = match Authorization::of(headers) {
        Authorization::Absent if has_api_key(headers) => "This call does not read `X-Api-Key`",
        Authorization::Garbled => "`Authorization` does not hold the word `Bearer` and a credential",
        Authorization::Basic(_) => "This call does not accept Basic authentication",
        Authorization::Several => "More than one `Authorization` header was sent",
        Authorization::Bearer(credential) => match open_type(credential, environment) {
            Some(KeyType::Public) => "This is the value of a public key, which authenticates no caller",
            Some(KeyType::Tokenization) => "This is the value of a tokenization key, which this call does not accept",
            Some(KeyType::Secret) | None => return problem,
        },
        Authorization::Absent => return problem,
    };
    problem.detail_or(|| format!("{what}: {SEND}"))
}

/// Explains a refusal by the call for gateways, which reads this header and accepts this type of key on its path.
pub(super) fn at_gateway(
    problem: Problem,
    headers: &HeaderMap,
    header: CredentialHeader,
    key_type: KeyType,
) -> Problem {
    let what = match key_type {
        KeyType::Secret => "an access token or the value of a secret key",
        KeyType::Public => "the value of a public key",
        KeyType::Tokenization => "the value of a tokenization key",
    };
    if problem.code() == Code::WrongType {
        return problem.detail_or(|| {
            format!(
                "This path accepts {what}: send that, or call the path for the credential's own type (`/v1/auth`, \
                 `/v1/auth-public` or `/v1/auth-tokenization`)."
            )
        });
    }
    if problem.code() != Code::InvalidCredential {
        return problem;
    }
    let place = match header {
        CredentialHeader::Either => "`Authorization: Bearer` or `X-Api-Key`",
        CredentialHeader::Authorization => "`Authorization: Bearer`",
        CredentialHeader::XApiKey => "`X-Api-Key`",
    };
    let is_basic = header != CredentialHeader::XApiKey && matches!(Authorization::of(headers), Authorization::Basic(_));
    problem.detail_or(|| {
        if is_basic {
            format!("This call does not accept Basic authentication: send {place} with {what}.")
        } else {
            format!(
                "Send {place} with {what} that is valid: not revoked, pending or expired, and of an active account."
            )
        }
    })
}

/// Whether the request has a credential in `X-Api-Key`.
pub(super) fn has_api_key(headers: &HeaderMap) -> bool {
    headers.get_all(API_KEY).iter().any(|line| !is_empty(line))
}

/// The type of a well-formed value that is not secret.
fn open_type(credential: &str, environment: Environment) -> Option<KeyType> {
    let value = PresentedValue::parse(credential, environment).ok()?;
    Some(value.key_type()).filter(|key_type| !key_type.is_secret())
}
