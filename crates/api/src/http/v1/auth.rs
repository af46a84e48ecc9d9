//! `/v1/auth`, any method: verifies the credential of a request that a gateway forwards (contract, section 13).

use std::sync::Arc;

use axum::extract::State;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request::Parts};
use keyward_app::{
    Access,
    access::authorize::{self, Authorized, Forbidden},
};
use keyward_domain::{Denial, PresentedValue};
use keyward_verifier::Arrival;

use super::NO_STORE;
use crate::http::{
    advice,
    caller::not_good,
    carried, context,
    options::HttpOptions,
    problem::{Code, Problem},
    request_facts::{Calling, RequestFacts},
    words::{MidWord, ScopeWord},
};

pub(in crate::http) mod path;
mod presented;
mod required;

use path::AuthPath;
pub(in crate::http) use presented::presented;
pub(in crate::http) use required::Required;

const KEY_ID: HeaderName = HeaderName::from_static("x-keyward-key-id");
const MID: HeaderName = HeaderName::from_static("x-keyward-mid");
const PARTNER_MID: HeaderName = HeaderName::from_static("x-keyward-partner-mid");
const TYPE: HeaderName = HeaderName::from_static("x-keyward-type");
const SCOPES: HeaderName = HeaderName::from_static("x-keyward-scopes");

/// Authorise a request at a gateway.
///
/// Looks at the credential of the request that is being authorised: `Authorization: Bearer` (a key value or an access
/// token) or `X-Api-Key`, one of them. Any method will do, and no body is read. The path alone says which type of key
/// is taken: `/v1/auth` secret keys, `/v1/auth-public` and `/v1/auth-tokenization` those. What a gateway appends behind
/// a slash (`/v1/auth/charges?limit=10`) is not read, and neither is the query then: use such a path where the gateway
/// keeps the client's query. The headers `X-Keyward-Require-Scope` and `X-Keyward-Require-Mid` narrow on every form of
/// the path; all that are given must hold.
#[utoipa::path(
    get, path = "/v1/auth", tag = "Verification", operation_id = "authorize",
    params(
        ("scope" = inline(Option<BTreeSet<ScopeWord>>), Query, description = "Repeatable; all of them are needed."),
        ("type" = Option<String>, Query, description = "May only repeat the type that the path takes."),
        ("mid" = inline(Option<MidWord>), Query, description = "Exactly the account that is needed."),
        ("X-Keyward-Require-Scope" = Option<String>, Header,
            description = "Scopes that are needed, separated by commas or spaces; repeatable."),
        ("X-Keyward-Require-Mid" = Option<String>, Header, description = "Exactly the account that is needed."),
    ),
    responses(
        (
            status = 204,
            description = "The request may pass. All five headers are always sent, empty where there is nothing.",
            headers(
                ("X-Keyward-Key-Id" = String, description = "The key."),
                ("X-Keyward-Mid" = String, description = "The account that it belongs to."),
                ("X-Keyward-Partner-Mid" = String, description = "The partner of that account, if it has one."),
                ("X-Keyward-Type" = String, description = "The key's type."),
                ("X-Keyward-Scopes" = String, description = "What it may do, separated by spaces."),
            ),
        ),
    ),
)]
pub(in crate::http) async fn auth(
    State(access): State<Arc<Access>>,
    State(options): State<Arc<HttpOptions>>,
    parts: Parts,
) -> Result<(StatusCode, HeaderMap), Problem> {
    let path = AuthPath::read(parts.uri.path()).ok_or_else(|| Problem::new(Code::NotFound))?;
    let header = options.gateway.credential;
    let answer = judged(&access, &options, &parts, path).await;
    answer.map_err(|problem| advice::at_gateway(problem, &parts.headers, header, path.key_type))
}

async fn judged(
    access: &Arc<Access>,
    options: &HttpOptions,
    parts: &Parts,
    path: AuthPath,
) -> Result<(StatusCode, HeaderMap), Problem> {
    let required = || Required::read(path, parts.uri.query(), &parts.headers);
    let Some(credential) = presented(&parts.headers, options.gateway.credential)? else {
        if options.gateway.allow_preflight && is_preflight(parts) {
            return required().map(|_| (StatusCode::NO_CONTENT, identity(["", "", "", "", ""])));
        }
        // A request without a credential gets 401 before any other error.
        return Err(presented::missing());
    };
    let source = context::source(&parts.headers, &parts.extensions, &options.trusted_proxies);
    let facts = RequestFacts::of(&parts.extensions);
    facts.is_about_value(credential, access.settings().environment);
    let begun = match carried::take::<Box<Begun>>(&parts.extensions) {
        Some(begun) => Err(begun),
        None => match required() {
            Ok(required) => Begun::of(access, &access.verifier().arrival(), credential, required),
            // An invalid credential gets 401 before any other error (contract, section 1).
            Err(problem) => {
                let (key, mid) = authorize::recognize(access, credential, source).await?;
                note_proof(access, &facts, credential);
                facts.calls(Calling::new(key, mid));
                return Err(problem);
            }
        },
    };
    let granted = |authorized: &Authorized| {
        facts.calls(Calling::new(authorized.key(), authorized.mid().clone()));
        (StatusCode::NO_CONTENT, headers(authorized))
    };
    let Begun { required, unfinished } = match begun {
        Ok(authorized) => return Ok(granted(&authorized)),
        Err(begun) => *begun,
    };
    match authorize::finish(access, unfinished, credential, source, required.question()).await {
        Ok(authorized) => Ok(granted(&authorized)),
        Err(error) => Err(Refused { required, error }.explain(access, &facts, credential)),
    }
}

/// A request that memory did not grant, as far as it was judged.
pub(in crate::http) struct Begun {
    required: Required,
    unfinished: authorize::Unfinished,
}

impl Begun {
    /// Asks memory about a credential.
    ///
    /// # Errors
    /// The request as far as it was judged, if memory does not grant it.
    pub(in crate::http) fn of(
        access: &Arc<Access>,
        arrival: &Arrival,
        credential: &str,
        required: Required,
    ) -> Result<Authorized, Box<Self>> {
        match authorize::begin(access, arrival, credential, required.question()) {
            Ok(authorized) => Ok(authorized),
            Err(unfinished) => Err(Box::new(Self { required, unfinished })),
        }
    }

    /// The refusal, if what memory knows is final.
    ///
    /// # Errors
    /// The request as it is, if it must be judged by reading.
    pub(in crate::http) fn refused(self) -> Result<Refused, Box<Self>> {
        let Self { required, unfinished } = self;
        match unfinished.refusal() {
            Ok(error) => Ok(Refused { required, error }),
            Err(unfinished) => Err(Box::new(Self { required, unfinished })),
        }
    }
}

/// A request that is not granted.
pub(in crate::http) struct Refused {
    required: Required,
    error: authorize::Error,
}

impl Refused {
    /// The problem for the client. Notes the caller, if its credential is good and only lacks something.
    pub(in crate::http) fn explain(self, access: &Access, facts: &RequestFacts, credential: &str) -> Problem {
        let forbidden = match self.error {
            authorize::Error::Forbidden(forbidden) => forbidden,
            error @ (authorize::Error::Denied(_)
            | authorize::Error::TooManyAttempts(_)
            | authorize::Error::Failure(_)) => return error.into(),
        };
        note_proof(access, facts, credential);
        facts.calls(Calling::new(forbidden.key, forbidden.mid.clone()));
        refusal(&forbidden, &self.required)
    }
}

/// A valid credential authenticates the caller, unless it is a key that appears in web pages.
fn note_proof(access: &Access, facts: &RequestFacts, credential: &str) {
    let value = PresentedValue::parse(credential, access.settings().environment);
    if value.is_ok_and(|value| !value.key_type().is_secret()) {
        return;
    }
    facts.proof();
}

/// Whether the request is a CORS preflight (Fetch standard, section 3.2.2).
fn is_preflight(parts: &Parts) -> bool {
    let has = |name| parts.headers.contains_key(name);
    parts.method == Method::OPTIONS && has(header::ORIGIN) && has(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// The identity headers, for the application behind the gateway.
pub(in crate::http) fn headers(authorized: &Authorized) -> HeaderMap {
    identity([
        &authorized.key().to_string(),
        authorized.mid().as_str(),
        authorized.partner().map_or("", |partner| partner.as_str()),
        authorized.key_type().as_str(),
        authorized.scopes().as_str(),
    ])
}

/// All five headers, even if empty: a gateway that copies them overwrites what a client sent.
fn identity(values: [&str; 5]) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(12);
    for (name, value) in NO_STORE {
        headers.insert(name, value);
    }
    for (name, value) in [KEY_ID, MID, PARTNER_MID, TYPE, SCOPES].into_iter().zip(values) {
        // Ids, mids, types and scopes hold only characters that are valid in a header.
        headers.insert(name, HeaderValue::from_str(value).unwrap_or_else(|_| HeaderValue::from_static("")));
    }
    headers
}

fn refusal(forbidden: &Forbidden, required: &Required) -> Problem {
    let Forbidden { denial, missing, .. } = forbidden;
    let denial = *denial;
    metrics::counter!("keyward_denials_total", "code" => denial.code()).increment(1);
    let problem = match denial {
        Denial::WrongType => Problem::new(Code::WrongType),
        Denial::WrongAccount => Problem::new(Code::WrongAccount),
        Denial::InsufficientScope => Problem::lacking(missing.as_str()),
        Denial::NotFound | Denial::WrongEnvironment | Denial::Unusable(_) => {
            return not_good(denial);
        }
    };
    required.explain(denial, problem)
}
