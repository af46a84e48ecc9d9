//! The platform's own dialect: JSON.

use std::sync::Arc;

use axum::response::Response;
use keyward_app::{
    Access, Source,
    access::{
        obtain_token::{self, ObtainToken, Tokens, obtain_token},
        refresh_token::{self, RefreshToken, refresh_token},
    },
};
use keyward_domain::Denial;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::{
    caller::refused,
    fields::Fields,
    observe::{Calling, Noted, Object},
    problem::{Code, Problem},
    v1::no_store,
    views::NoErrors,
};

/// Either a pair of keys or a refresh token. Names in any case.
#[derive(ToSchema)]
#[schema(as = TokenRequest)]
#[serde(untagged)]
#[expect(dead_code, reason = "describes the body in the document; it is read field by field, to report every error")]
pub(in crate::http) enum TokenRequest {
    #[schema(title = "With a pair of keys")]
    ByKeys(ByKeys),
    #[schema(title = "With a refresh token")]
    ByRefreshToken(ByRefreshToken),
}

/// A pair of keys.
#[derive(ToSchema)]
#[schema(as = TokenRequestByKeys)]
#[expect(dead_code, reason = "describes the body in the document")]
pub(in crate::http) struct ByKeys {
    /// A public key of the account: its value, its `key_…` id, or the bare UUID in that id.
    #[schema(rename = "AppKey")]
    app_key: String,
    /// The value of a secret key of the same account.
    #[schema(rename = "AppSecret")]
    app_secret: String,
}

/// A refresh token.
#[derive(ToSchema)]
#[schema(as = TokenRequestByRefreshToken)]
#[expect(dead_code, reason = "describes the body in the document")]
pub(in crate::http) struct ByRefreshToken {
    /// It works once.
    #[schema(rename = "refreshToken")]
    refresh_token: String,
}

/// Tokens in the platform's envelope.
#[derive(Serialize, ToSchema)]
#[schema(as = Tokens)]
pub(in crate::http) struct TokenView {
    /// A JWT that lives ten minutes.
    #[serde(rename = "accessToken")]
    access_token: String,
    /// Works once, for a fresh pair of tokens.
    #[serde(rename = "refreshToken")]
    refresh_token: Option<String>,
    /// When the access token ends, in milliseconds since the Unix epoch.
    expires: i64,
    /// The UUID of the secret key.
    #[schema(format = Uuid)]
    id: String,
    /// Always true.
    success: bool,
    /// Always null.
    result: Option<String>,
    /// Always null.
    status: Option<String>,
    /// Always null.
    #[serde(rename = "statusCode")]
    status_code: Option<i32>,
    /// Always empty.
    #[schema(value_type = Vec<String>)]
    errors: NoErrors,
    /// Always empty.
    #[serde(rename = "customProperties")]
    #[schema(value_type = Object)]
    custom_properties: Nothing,
}

#[derive(Serialize)]
struct Nothing {}

pub(super) async fn answer(
    access: &Arc<Access>,
    mut fields: Fields,
    source: Source,
    noted: &Noted,
) -> Result<Response, Problem> {
    if fields.has("refreshToken") {
        if fields.has("AppKey") || fields.has("AppSecret") {
            fields.fault("refreshToken", "must not come together with AppKey and AppSecret");
        }
        let token = fields.credential("refreshToken");
        let token = fields.finish(token)?;
        let token = refresh_token::open(access, &token)?;
        noted.is_about(Object::Key(token.secret_key()));
        let tokens = refresh_token(access, RefreshToken { token, scopes: None, proved: None }).await?;
        noted.calls(Calling::new(tokens.secret_key, tokens.mid.clone()));
        return Ok(no_store(TokenView::from(tokens)));
    }
    let app_key = fields.required_credential("AppKey");
    let app_secret = fields.required_credential("AppSecret");
    let environment = access.settings().environment;
    let named = app_secret.as_ref().and_then(|secret| Object::of_value(secret, environment));
    let obtained = match fields.finish(app_key.zip(app_secret)) {
        Ok((app_key, app_secret)) => {
            let (app_key, app_secret) = (&app_key, &app_secret);
            let request = ObtainToken { app_key, app_secret, scopes: None, source, refreshable: true };
            let obtained = obtain_token(access, request).await;
            obtained.inspect_err(|error| note_pair(noted, error)).map_err(Problem::from)
        }
        Err(problem) => Err(problem),
    };
    // Last: where the public key was refused, the line is about that.
    if let Some(secret_key) = named {
        noted.is_about(secret_key);
    }
    let tokens = obtained?;
    noted.calls(Calling::new(tokens.secret_key, tokens.mid.clone()));
    Ok(no_store(TokenView::from(tokens)))
}

/// Notes which key was refused, or who calls where the pair is valid.
pub(super) fn note_pair(noted: &Noted, error: &obtain_token::Error) {
    match error {
        obtain_token::Error::PublicKey { key, .. } => noted.is_about(Object::Key(*key)),
        obtain_token::Error::ScopeNotCovered { key, mid, .. } => {
            noted.proof();
            noted.calls(Calling::new(*key, mid.clone()));
        }
        obtain_token::Error::Denied(_) | obtain_token::Error::TooManyAttempts(_) | obtain_token::Error::Failure(_) => {}
    }
}

impl From<Tokens> for TokenView {
    fn from(tokens: Tokens) -> Self {
        Self {
            access_token: tokens.access.as_str().to_owned(),
            refresh_token: tokens.refresh.map(|token| token.as_str().to_owned()),
            expires: tokens.expires_at.as_millis(),
            id: tokens.secret_key.uuid().to_string(),
            success: true,
            result: None,
            status: None,
            status_code: None,
            errors: [],
            custom_properties: Nothing {},
        }
    }
}

impl From<obtain_token::Error> for Problem {
    fn from(error: obtain_token::Error) -> Self {
        use obtain_token::Error as E;
        match error {
            E::Denied(Denial::WrongEnvironment) => refused(Denial::WrongEnvironment).by_basic(),
            E::Denied(denial) | E::PublicKey { denial, .. } => refused(denial).by_basic().detail(
                "AppKey and AppSecret are not a good pair: send a public key and the value of a secret key of the same \
                 account, neither of them revoked or expired.",
            ),
            // This dialect requests no scopes.
            E::ScopeNotCovered { .. } => Self::new(Code::Internal).because(error),
            E::TooManyAttempts(error) => error.into(),
            E::Failure(fault) => fault.into(),
        }
    }
}

impl From<refresh_token::Error> for Problem {
    fn from(error: refresh_token::Error) -> Self {
        use refresh_token::Error as E;
        match error {
            E::Denied(denial) => refused(denial).by_basic().detail(
                "The refresh token is not good, or was used before: obtain new tokens with AppKey and AppSecret.",
            ),
            E::ScopeNotCovered(_) => Self::new(Code::Internal).because(error),
            E::Failure(fault) => fault.into(),
        }
    }
}
