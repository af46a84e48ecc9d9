//! The credential of a request at a gateway: exactly one, from the headers that the settings allow.

use http::HeaderMap;

use crate::http::{
    authorization::{Authorization, is_empty},
    caller::{not_good, refused},
    gateway::{API_KEY, CredentialHeader},
    problem::Problem,
};
use keyward_domain::Denial;

/// Why a request has no single credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum Unclear {
    /// An `Authorization` header without a bearer credential.
    Garbled,
    /// Two different credentials, or a repeated header.
    Two,
}

impl From<Unclear> for Problem {
    fn from(unclear: Unclear) -> Self {
        match unclear {
            Unclear::Garbled => not_good(Denial::NotFound),
            Unclear::Two => not_good(Denial::NotFound)
                .detail("Two credentials were presented: send one, in one header that this service reads."),
        }
    }
}

/// The credential, if there is one. An empty header counts as absent.
pub(in crate::http) fn presented(headers: &HeaderMap, from: CredentialHeader) -> Result<Option<&str>, Unclear> {
    match from {
        CredentialHeader::Authorization => bearer(headers),
        CredentialHeader::XApiKey => api_key(headers),
        CredentialHeader::Either => match (bearer(headers)?, api_key(headers)?) {
            (Some(bearer), Some(key)) if bearer != key => Err(Unclear::Two),
            (bearer, key) => Ok(bearer.or(key)),
        },
    }
}

fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Unclear> {
    match Authorization::of(headers) {
        Authorization::Absent => Ok(None),
        Authorization::Bearer(credential) => Ok(Some(credential)),
        Authorization::Basic(_) | Authorization::Garbled => Err(Unclear::Garbled),
        Authorization::Several => Err(Unclear::Two),
    }
}

fn api_key(headers: &HeaderMap) -> Result<Option<&str>, Unclear> {
    let lines = headers.get_all(API_KEY).iter().filter(|line| !is_empty(line));
    let mut keys = lines.map(|line| line.to_str().unwrap_or("?").trim_ascii());
    let key = keys.next();
    if keys.any(|other| key != Some(other)) { Err(Unclear::Two) } else { Ok(key) }
}

/// Answers a request without a credential.
pub(super) fn missing() -> Problem {
    refused(Denial::NotFound)
}
