//! The authenticated caller of a request, as an argument whose type names the scope that the call needs.
//!
//! Stands first among a handler's arguments: route, then credential, then scope, before any other part of the request
//! is read (contract, section 1).

use std::{marker::PhantomData, sync::Arc};

use axum::extract::FromRequestParts;
use http::{HeaderMap, request::Parts};
use keyward_app::access::authenticate;
use keyward_domain::{Denial, Permission};

use super::{
    advice,
    authorization::Authorization,
    carried, context,
    places::{Holder, Place},
    problem::{Code, Problem, Refused},
    request_facts::{Calling, RequestFacts},
    state::AppState,
};

/// A scope that a call needs, as a type.
pub(super) trait Need {
    /// `None` if any valid credential suffices.
    const PERMISSION: Option<Permission>;
    /// Whether the call stops a key or an account. Such a call keeps its source's place: otherwise a thief who fills
    /// the account's share with requests of a stolen key would keep out the call that ends that key.
    const STOPS: bool = false;
}

macro_rules! needs {
    ($($name:ident),+) => {$(
        #[doc = concat!("The call needs [`Permission::", stringify!($name), "`].")]
        pub(super) enum $name {}

        impl Need for $name {
            const PERMISSION: Option<Permission> = Some(Permission::$name);
        }
    )+};
}

needs!(WriteKeys, ReadKeys, VerifyKeys, ReadMerchants, WriteMerchants);

macro_rules! stops {
    ($($name:ident by $permission:ident),+) => {$(
        #[doc = concat!("The call stops something, and needs [`Permission::", stringify!($permission), "`].")]
        pub(super) enum $name {}

        impl Need for $name {
            const PERMISSION: Option<Permission> = Some(Permission::$permission);
            const STOPS: bool = true;
        }
    )+};
}

/// The call needs no scope.
pub(super) enum AnyScope {}

impl Need for AnyScope {
    const PERMISSION: Option<Permission> = None;
}

stops!(StopKeys by WriteKeys, StopMerchants by WriteMerchants);

/// A caller that has the scope which the call needs.
pub(super) struct Caller<N>(pub(super) keyward_app::Caller, PhantomData<N>);

impl<N: Need + Send> FromRequestParts<AppState> for Caller<N> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let caller = match authenticated(parts, state).await {
            Ok(caller) => caller,
            Err(problem) => {
                note_refused(parts, state);
                return Err(advice::at_bearer(problem, &parts.headers, state.access.settings().environment));
            }
        };
        let facts = RequestFacts::of(&parts.extensions);
        facts.proof();
        facts.calls(Calling::of(&caller));
        // From here on the request counts for the account, not for its source, also while its body arrives.
        if !N::STOPS
            && let Some((place, holder)) = parts.extensions.get::<Arc<Place>>().zip(Holder::of(&caller))
        {
            place.pass_to(holder)?;
        }
        match N::PERMISSION {
            Some(needed) if !caller.may(needed) => Err(Problem::insufficient_scope(needed)),
            Some(_) | None => Ok(Self(caller, PhantomData)),
        }
    }
}

/// Notes which key was refused, so that the log names a revoked key that is still in use.
fn note_refused(parts: &Parts, state: &AppState) {
    if let Ok(Some(credential)) = bearer(&parts.headers) {
        RequestFacts::of(&parts.extensions).is_about_value(credential, state.access.settings().environment);
    }
}

/// Memory's answer about the caller's credential.
pub(super) type BegunCaller = Result<keyward_app::Caller, authenticate::Unfinished>;

async fn authenticated(parts: &Parts, state: &AppState) -> Result<keyward_app::Caller, Problem> {
    let source = context::source(&parts.headers, &parts.extensions, &state.options.trusted_proxies);
    let Some(credential) = bearer(&parts.headers)? else { return Err(without_bearer(&parts.headers)) };
    let ask_memory = || authenticate::begin(&state.access, &state.access.verifier().arrival(), credential);
    match carried::take::<BegunCaller>(&parts.extensions).unwrap_or_else(ask_memory) {
        Ok(caller) => Ok(caller),
        Err(unfinished) => Ok(authenticate::finish(&state.access, unfinished, credential, source).await?),
    }
}

/// The 401 for a request without `Authorization`. A credential in `X-Api-Key` still counts as presented, and the
/// challenge says so (contract, section 2). RFC 6750, section 3.1, advises no error code for an unsupported method,
/// because such a client may not know that it must authenticate; this one knows.
fn without_bearer(headers: &HeaderMap) -> Problem {
    if advice::has_api_key(headers) { not_good(Denial::NotFound) } else { refused(Denial::NotFound) }
}

/// An `Authorization` header without a bearer credential. Becomes a refusal, which is counted, only where it is
/// returned.
#[derive(Debug)]
pub(super) struct Garbage;

impl From<Garbage> for Problem {
    fn from(Garbage: Garbage) -> Self {
        not_good(Denial::NotFound)
    }
}

/// The credential of `Authorization: Bearer`. Any other content is garbage.
pub(super) fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Garbage> {
    match Authorization::of(headers) {
        Authorization::Absent => Ok(None),
        Authorization::Bearer(credential) => Ok(Some(credential)),
        Authorization::Basic(_) | Authorization::Garbled | Authorization::Several => Err(Garbage),
    }
}

/// The 401 for a presented credential; the challenge says so (RFC 6750, section 3.1).
pub(super) fn not_good(denial: Denial) -> Problem {
    refused(denial).invalid_token()
}

/// The one 401 for every invalid credential, except those of the other environment.
pub(super) fn refused(denial: Denial) -> Problem {
    let code = match denial {
        Denial::WrongEnvironment => Code::WrongEnvironment,
        Denial::NotFound
        | Denial::Unusable(_)
        | Denial::WrongType
        | Denial::WrongAccount
        | Denial::InsufficientScope => Code::InvalidCredential,
    };
    metrics::counter!("keyward_denials_total", "code" => denial.code()).increment(1);
    Problem::new(code).because(Refused(denial))
}

impl From<keyward_app::Refused> for Problem {
    fn from(error: keyward_app::Refused) -> Self {
        match error {
            // The caller was authenticated, and its credential is no longer valid.
            keyward_app::Refused::Denied(denial) => not_good(denial),
            keyward_app::Refused::InsufficientScope(permission) => Self::insufficient_scope(permission),
            keyward_app::Refused::Failure(failure) => failure.into(),
        }
    }
}

impl From<authenticate::Error> for Problem {
    fn from(error: authenticate::Error) -> Self {
        match error {
            authenticate::Error::Denied(denial) => not_good(denial),
            authenticate::Error::Forbidden(forbidden) if forbidden.denial == Denial::InsufficientScope => {
                Self::lacking(forbidden.missing.as_str())
            }
            // For example a public key: these calls accept no such credential.
            authenticate::Error::Forbidden(forbidden) => not_good(forbidden.denial),
            authenticate::Error::TooManyAttempts(error) => error.into(),
            authenticate::Error::Failure(failure) => failure.into(),
        }
    }
}
