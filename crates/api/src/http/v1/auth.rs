//! `/v1/auth`, any method: what a gateway asks about the credential of somebody else's request (contract, section 13).

use std::sync::Arc;

use axum::extract::State;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, request::Parts};
use keyward_domain::{Conditions, Denial, KeyType, ScopeSet};

use super::{NO_STORE, Problems, create_key::key_type};
use crate::{
    app::{
        App,
        authorize::{self, Authorized},
    },
    http::{
        HttpOptions,
        caller::{Garbage, bearer, refused},
        context,
        problem::{Code, Faults, Problem},
        query::Query,
    },
};

const PARAMETERS: [&str; 3] = ["scope", "type", "mid"];
const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const KEY_ID: HeaderName = HeaderName::from_static("x-keyward-key-id");
const MID: HeaderName = HeaderName::from_static("x-keyward-mid");
const PARTNER_MID: HeaderName = HeaderName::from_static("x-keyward-partner-mid");
const TYPE: HeaderName = HeaderName::from_static("x-keyward-type");
const SCOPES: HeaderName = HeaderName::from_static("x-keyward-scopes");

/// Authorise a request at a gateway.
///
/// Looks at the credential of the request that is being authorised: `Authorization: Bearer` (a key value or an access
/// token) or `X-Api-Key`. Any method will do, and no body is read.
#[utoipa::path(
    get, path = "/v1/auth", tag = "Verification",
    params(
        ("scope" = Option<Vec<String>>, Query, description = "Repeatable; all of them are needed."),
        ("type" = Option<String>, Query, description = "The type that is needed; `secret` unless said otherwise."),
        ("mid" = Option<String>, Query, description = "Exactly the account that is needed."),
    ),
    responses(
        (status = 204, description = "The request may pass.", headers(
            ("X-Keyward-Key-Id" = String, description = "The key."),
            ("X-Keyward-Mid" = String, description = "The account that it belongs to."),
            ("X-Keyward-Partner-Mid" = String, description = "The partner of that account, if it has one."),
            ("X-Keyward-Type" = String, description = "The key's type."),
            ("X-Keyward-Scopes" = String, description = "What it may do, parted by spaces."),
        )),
        Problems,
    ),
)]
pub(in crate::http) async fn auth(
    State(app): State<Arc<App>>,
    State(options): State<Arc<HttpOptions>>,
    parts: Parts,
    query: Query,
) -> Result<(StatusCode, HeaderMap), Problem> {
    let source = context::source(&parts.headers, &parts.extensions, &options.trusted_proxies);
    let presented = credential(&parts.headers);
    // A request without a credential is 401 whatever else is wrong with it; two that differ are the request's fault.
    let credential = presented?.ok_or_else(|| refused(Denial::NotFound))?;
    match read(query) {
        Ok(conditions) => {
            let authorized = authorize::authorize(&app, credential, source, &conditions).await?;
            Ok((StatusCode::NO_CONTENT, headers(&authorized)))
        }
        // A credential that is not good is 401 whatever else is wrong (contract, section 1).
        Err(problem) => match authorize::authorize(&app, credential, source, &Conditions::default()).await {
            Err(authorize::Error::Authentication(error)) => Err(error.into()),
            Err(authorize::Error::Forbidden(_)) | Ok(_) => Err(problem),
        },
    }
}

/// Why a request has no one credential.
pub(in crate::http) enum Unclear {
    Garbage(Garbage),
    /// Two different ones.
    Two,
}

impl From<Garbage> for Unclear {
    fn from(garbage: Garbage) -> Self {
        Self::Garbage(garbage)
    }
}

impl From<Unclear> for Problem {
    fn from(unclear: Unclear) -> Self {
        match unclear {
            Unclear::Garbage(garbage) => garbage.into(),
            Unclear::Two => Self::invalid("X-Api-Key", "must be the only credential, or the same as in Authorization"),
        }
    }
}

/// The credential of the request, wherever it stands.
pub(in crate::http) fn credential(headers: &HeaderMap) -> Result<Option<&str>, Unclear> {
    let mut keys = headers.get_all(API_KEY).iter().map(|value| value.to_str().unwrap_or_default().trim());
    let key = keys.next();
    let differs = |other: &str| key.is_some_and(|key| key != other);
    if keys.any(differs) {
        return Err(Unclear::Two);
    }
    match (bearer(headers)?, key) {
        (Some(bearer), Some(key)) if bearer != key => Err(Unclear::Two),
        (bearer, key) => Ok(bearer.or(key)),
    }
}

pub(in crate::http) fn read(mut query: Query) -> Result<Conditions, Problem> {
    let mut unknown = Faults::default();
    for name in query.unknown(&PARAMETERS) {
        unknown.add_with(|| (name.to_owned(), format!("is no condition (there are {})", PARAMETERS.join(", "))));
    }
    if !unknown.is_empty() {
        return Err(Problem::new(Code::UnknownCondition).faults(unknown));
    }
    let scopes = ScopeSet::parse(query.all("scope")).map_err(|error| error.to_string());
    let scopes = scopes.map_err(|message| query.fault("scope", message)).unwrap_or_default();
    let key_type = match query.one("type").map(|text| key_type(&text)) {
        None => KeyType::Secret,
        Some(Ok(asked)) => asked,
        Some(Err(error)) => {
            query.fault("type", error.to_string());
            KeyType::Secret
        }
    };
    let mid = query.parse("mid");
    query.check()?;
    Ok(Conditions { scopes, key_type, mid })
}

pub(in crate::http) fn headers(authorized: &Authorized) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(12);
    headers.extend(NO_STORE);
    let mut add = |name: HeaderName, value: &str| {
        // Ids, mids, words and scopes are made of characters that a header may hold.
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    add(KEY_ID, &authorized.key().to_string());
    add(MID, authorized.mid().as_str());
    if let Some(partner) = authorized.partner() {
        add(PARTNER_MID, partner.as_str());
    }
    add(TYPE, authorized.key_type().as_str());
    add(SCOPES, authorized.scopes().as_str());
    headers
}

impl From<authorize::Error> for Problem {
    fn from(error: authorize::Error) -> Self {
        let forbidden = |denial: Denial| match denial {
            Denial::WrongType => Self::new(Code::WrongType),
            Denial::WrongAccount => Self::new(Code::WrongAccount),
            Denial::InsufficientScope => {
                Self::new(Code::InsufficientScope).detail("The credential lacks a scope that the gateway asks for.")
            }
            Denial::NotFound | Denial::WrongEnvironment | Denial::Revoked | Denial::Suspended | Denial::Expired => {
                refused(denial)
            }
        };
        match error {
            authorize::Error::Forbidden(denial) => {
                metrics::counter!("keyward_denials_total", "code" => denial.code()).increment(1);
                forbidden(denial)
            }
            authorize::Error::Authentication(error) => error.into(),
        }
    }
}
