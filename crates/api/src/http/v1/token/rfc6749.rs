//! The dialect of RFC 6749: a form in, `access_token` or `error` out, as `application/json`. The one exception to the
//! format of problems.

use std::{borrow::Cow, sync::Arc};

use axum::{
    Json,
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, StatusCode, header};
use keyward_app::{
    Access, Failure, Source,
    access::{
        obtain_token::{self, ObtainToken, Tokens, obtain_token},
        refresh_token::{self, RefreshToken, refresh_token},
        tokens::ACCESS_TOKEN_LIFE,
    },
};
use keyward_domain::{Denial, MAX_SCOPES, ScopeSet};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::http::{
    authorization::Authorization,
    caller::refused,
    even_time::Hides,
    fields::trimmed,
    given::Credential,
    problem::{BASIC_CHALLENGE, Code, InOtherWords, Problem, whole_seconds},
    request_facts::{Calling, Object, RequestFacts},
    v1::NO_STORE,
};

use super::platform::note_pair;

mod form;

use form::Parameters;

/// RFC 6749, section 5.1.
#[derive(Serialize)]
struct TokenView {
    /// A JWT that is valid for ten minutes.
    access_token: String,
    /// Always `Bearer`.
    token_type: &'static str,
    /// Seconds until the access token expires.
    expires_in: u64,
    /// Scopes of the token, separated by spaces.
    scope: String,
    /// The next refresh token, only in answer to a refresh token.
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
}

/// RFC 6749, section 5.2.
#[derive(Serialize)]
struct ErrorView {
    /// `invalid_request`, `invalid_client`, `invalid_grant`, `unsupported_grant_type`, `invalid_scope`,
    /// `temporarily_unavailable` or `server_error`.
    error: &'static str,
    /// A description of the error.
    error_description: Cow<'static, str>,
}

/// The client, as Basic authentication names it.
pub(super) enum Client {
    /// No Basic authentication: the body must name the client.
    Unnamed,
    /// A client id and its secret, not yet verified.
    Basic { id: String, secret: Zeroizing<String> },
    /// An `Authorization` header that is not Basic, or malformed.
    Garbled,
}

impl Client {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        match Authorization::of(headers) {
            Authorization::Absent => Self::Unnamed,
            Authorization::Basic(encoded) => Self::basic(encoded).unwrap_or(Self::Garbled),
            Authorization::Bearer(_) | Authorization::Garbled | Authorization::Several => Self::Garbled,
        }
    }

    fn basic(encoded: &str) -> Option<Self> {
        let decoded = Zeroizing::new(String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?);
        let (id, secret) = decoded.split_once(':')?;
        // Both are form-encoded first (section 2.3.1).
        let plain = |text: &str| {
            let mut pairs = serde_urlencoded::from_str::<Vec<(String, String)>>(&format!("v={text}")).ok()?;
            let (_, plain) = pairs.pop()?;
            pairs.is_empty().then_some(plain)
        };
        Some(Self::Basic { id: plain(id)?.trim().to_owned(), secret: trimmed(plain(secret)?) })
    }
}

/// An error of this dialect.
#[derive(Debug)]
struct Refusal {
    status: StatusCode,
    error: &'static str,
    description: Cow<'static, str>,
    /// The same refusal as a problem, for logs and metrics.
    problem: Problem,
}

impl Refusal {
    /// The request is malformed or incomplete.
    fn invalid_request(description: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            error: "invalid_request",
            description: description.into(),
            problem: Problem::new(Code::InvalidRequest),
        }
    }

    /// The client is not authenticated.
    fn invalid_client(denial: Denial, description: &'static str) -> Self {
        Self {
            status: StatusCode::UNAUTHORIZED,
            error: "invalid_client",
            description: description.into(),
            problem: refused(denial),
        }
    }

    /// The refresh token is invalid.
    fn invalid_grant(denial: Denial) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            error: "invalid_grant",
            description: "the refresh token is not good, or was used before: obtain a new one".into(),
            problem: refused(denial),
        }
    }

    /// The requested scopes cannot be granted.
    fn invalid_scope(code: Code, description: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            error: "invalid_scope",
            description: description.into(),
            problem: Problem::new(code),
        }
    }
}

/// Asks a client to authenticate that has not, or not in an accepted way.
const AUTHENTICATE: &str = "authenticate the client: with client_id and client_secret in the form, or with both as \
                            Authorization: Basic";

/// Explains an `Authorization` header that is not Basic, or more than one.
const NOT_BASIC: &str = "the Authorization header holds no Basic credentials: leave it out and send client_id and \
                         client_secret in the form, or send both as Authorization: Basic, once";

/// Refuses a query in the URL, where secrets would reach logs.
pub(super) fn no_query() -> Response {
    Refusal::invalid_request("the URL must have no query; the form belongs into the body").into_response()
}

pub(super) async fn answer(
    access: &Arc<Access>,
    client: Client,
    body: &[u8],
    source: Source,
    facts: &RequestFacts,
) -> Response {
    match grant(access, client, body, source, facts).await {
        Ok(tokens) => {
            facts.calls(Calling::new(tokens.secret_key, tokens.mid.clone()));
            (NO_STORE, Json(TokenView::from(tokens))).into_response()
        }
        Err(refusal) => refusal.into_response(),
    }
}

async fn grant(
    access: &Arc<Access>,
    client: Client,
    body: &[u8],
    source: Source,
    facts: &RequestFacts,
) -> Result<Tokens, Refusal> {
    let form = Parameters::read(body).map_err(Refusal::invalid_request)?;
    let presented = match &client {
        Client::Basic { secret, .. } => Some(secret.as_str()),
        Client::Unnamed | Client::Garbled => form.client_secret.as_ref().map(|secret| secret.as_str()),
    };
    let named = presented.and_then(|secret| Object::of_value(secret, access.settings().environment));
    let granted = grant_by(access, client, form, source, facts).await;
    // Last: a refresh token is about the key that it acts for, and a refused public key about itself.
    if let Some(secret_key) = named {
        facts.is_about(secret_key);
    }
    granted
}

async fn grant_by(
    access: &Arc<Access>,
    client: Client,
    form: Parameters,
    source: Source,
    facts: &RequestFacts,
) -> Result<Tokens, Refusal> {
    // Blanks alone count as no value.
    let scope = form.scope.filter(|text| text.split_ascii_whitespace().next().is_some());
    let scopes = scope.map(|text| read_scope(&text)).transpose()?;
    let grant_type = form.grant_type.ok_or_else(|| Refusal::invalid_request("grant_type is required"))?;
    let client = named_client(client, form.client_id, form.client_secret)?;
    match grant_type.as_str() {
        "client_credentials" => {
            let (id, secret) = client.ok_or_else(|| Refusal::invalid_client(Denial::NotFound, AUTHENTICATE))?;
            let request = ObtainToken { app_key: &id, app_secret: &secret, scopes, source, refreshable: false };
            obtain(access, request, facts).await
        }
        "refresh_token" => {
            let token = form.refresh_token.ok_or_else(|| Refusal::invalid_request("refresh_token is required"))?;
            let token = refresh_token::open(access, &token)?;
            facts.is_about(Object::Key(token.secret_key()));
            // A client that names itself must authenticate, and must be the one that the token was issued to.
            let proved = match client {
                Some((id, secret)) => {
                    let request =
                        ObtainToken { app_key: &id, app_secret: &secret, scopes: None, source, refreshable: false };
                    let Tokens { secret_key, mid, .. } = obtain(access, request, facts).await?;
                    facts.proof();
                    facts.calls(Calling::new(secret_key, mid));
                    Some(secret_key)
                }
                None => None,
            };
            Ok(refresh_token(access, RefreshToken { token, scopes, proved }).await?)
        }
        _ => Err(Refusal {
            error: "unsupported_grant_type",
            ..Refusal::invalid_request("grant_type must be client_credentials or refresh_token")
        }),
    }
}

/// Obtains a token, and notes which key was refused or who calls.
async fn obtain(access: &Arc<Access>, request: ObtainToken<'_>, facts: &RequestFacts) -> Result<Tokens, Refusal> {
    let obtained = obtain_token(access, request).await;
    Ok(obtained.inspect_err(|error| note_pair(facts, error))?)
}

/// Parses a scope: a set separated by spaces (section 3.3), so repeated spaces and scopes are ignored.
fn read_scope(text: &str) -> Result<ScopeSet, Refusal> {
    let mut scopes: Vec<&str> = Vec::new();
    for scope in text.split_ascii_whitespace() {
        if !scopes.contains(&scope) {
            scopes.push(scope);
        }
        if scopes.len() > MAX_SCOPES {
            break;
        }
    }
    ScopeSet::parse(scopes).map_err(|_| {
        Refusal::invalid_scope(Code::InvalidRequest, "scope must hold scopes such as charges:read, separated by spaces")
    })
}

/// The client, from Basic authentication or from the body, never from both (section 2.3).
fn named_client(
    client: Client,
    id: Option<String>,
    secret: Option<Credential>,
) -> Result<Option<(String, Credential)>, Refusal> {
    let id = id.map(|id| id.trim().to_owned());
    match (client, id, secret) {
        (Client::Garbled, _, _) => Err(Refusal::invalid_client(Denial::NotFound, NOT_BASIC)),
        (Client::Basic { .. }, _, Some(_)) => {
            Err(Refusal::invalid_request("the client must authenticate in one way only"))
        }
        (Client::Basic { id, .. }, Some(other), None) if id != other => {
            Err(Refusal::invalid_request("client_id must be that of the Authorization header"))
        }
        (Client::Basic { id, secret }, _, None) | (Client::Unnamed, Some(id), Some(secret)) => Ok(Some((id, secret))),
        (Client::Unnamed, None, None) => Ok(None),
        (Client::Unnamed, Some(_), None) => Err(Refusal::invalid_request("client_secret is required")),
        (Client::Unnamed, None, Some(_)) => Err(Refusal::invalid_request("client_id is required")),
    }
}

impl From<obtain_token::Error> for Refusal {
    fn from(error: obtain_token::Error) -> Self {
        use obtain_token::Error as E;
        match error {
            E::Denied(Denial::WrongEnvironment) => Self::invalid_client(
                Denial::WrongEnvironment,
                "a key of the other environment: values that say `test` work in the sandbox, values that say `live` \
                 in production",
            ),
            E::Denied(denial) | E::PublicKey { denial, .. } => Self::invalid_client(
                denial,
                "client_id and client_secret are not a good pair: send a public key and the value of a secret key of \
                 the same account, neither of them revoked or expired",
            ),
            E::ScopeNotCovered { missing, .. } => not_covered(&missing),
            E::TooManyAttempts(error) => Self {
                status: StatusCode::TOO_MANY_REQUESTS,
                error: "invalid_client",
                description: "too many wrong pairs of keys: correct the pair, and wait as long as Retry-After says"
                    .into(),
                problem: error.into(),
            },
            E::Failure(failure) => failure.into(),
        }
    }
}

impl From<refresh_token::Error> for Refusal {
    fn from(error: refresh_token::Error) -> Self {
        use refresh_token::Error as E;
        match error {
            E::Denied(denial) => Self::invalid_grant(denial),
            E::ScopeNotCovered(missing) => not_covered(&missing),
            E::Failure(failure) => failure.into(),
        }
    }
}

fn not_covered(missing: &ScopeSet) -> Refusal {
    let description = format!("scope asks for more than there is to give ({missing}): leave it out to get all");
    Refusal::invalid_scope(Code::ScopeNotHeld, description)
}

/// A failure keeps its status and its `Retry-After`, with the texts of this dialect.
impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        let problem = Problem::from(failure);
        let status = problem.code().status();
        let (error, description) = match status {
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
                ("temporarily_unavailable", "try again after as long as Retry-After says")
            }
            _ => {
                ("server_error", "the server failed, which is a defect of the service: report it with the X-Request-Id")
            }
        };
        Self { status, error, description: description.into(), problem }
    }
}

impl axum::response::IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self { status, error, description, problem } = self;
        let mut response =
            (status, NO_STORE, Json(ErrorView { error, error_description: description })).into_response();
        let headers = response.headers_mut();
        if let Some(wait) = problem.retry_after() {
            headers.insert(header::RETRY_AFTER, whole_seconds(wait));
        }
        // For any way of authentication: a 401 always has a challenge (RFC 9110, section 15.5.2).
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, BASIC_CHALLENGE);
        }
        let extensions = response.extensions_mut();
        if problem.code() == Code::InvalidCredential {
            extensions.insert(Hides);
        }
        extensions.insert(InOtherWords(problem));
        response
    }
}

impl From<Tokens> for TokenView {
    fn from(tokens: Tokens) -> Self {
        Self {
            access_token: tokens.access.as_str().to_owned(),
            token_type: "Bearer",
            expires_in: ACCESS_TOKEN_LIFE.as_secs(),
            scope: tokens.scopes.to_string(),
            refresh_token: tokens.refresh.map(|token| token.as_str().to_owned()),
        }
    }
}
