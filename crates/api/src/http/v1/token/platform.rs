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
use serde::{Deserialize, Serialize, de::IgnoredAny};
use utoipa::ToSchema;

use crate::http::{
    caller::refused,
    fields::Fields,
    given::{self, Check, Credential, Given},
    problem::{Code, Problem},
    request_facts::{Calling, Object, RequestFacts},
    v1::no_store,
    views::NoErrors,
};

/// Either a pair of keys or a refresh token. Names in any case.
#[derive(ToSchema)]
#[schema(as = TokenRequest)]
#[serde(untagged)]
pub(in crate::http) enum TokenRequest {
    #[schema(title = "With a pair of keys")]
    ByKeys(ByKeys),
    #[schema(title = "With a refresh token")]
    ByRefreshToken(ByRefreshToken),
}

/// A pair of keys.
#[derive(Deserialize, ToSchema)]
#[schema(as = TokenRequestByKeys)]
pub(in crate::http) struct ByKeys {
    /// A public key of the account: its value, its `key_…` id, or the bare UUID in that id.
    #[serde(rename = "AppKey")]
    #[schema(value_type = String)]
    app_key: Given<Credential>,
    /// The value of a secret key of the same account.
    #[serde(rename = "AppSecret")]
    #[schema(value_type = String)]
    app_secret: Given<Credential>,
}

/// A refresh token.
#[derive(Deserialize, ToSchema)]
#[schema(as = TokenRequestByRefreshToken)]
pub(in crate::http) struct ByRefreshToken {
    /// It works once.
    #[serde(rename = "refreshToken")]
    #[schema(value_type = String)]
    refresh_token: Given<Credential>,
    #[serde(rename = "AppKey")]
    #[schema(ignore)]
    app_key: Option<IgnoredAny>,
    #[serde(rename = "AppSecret")]
    #[schema(ignore)]
    app_secret: Option<IgnoredAny>,
}

impl TokenRequest {
    fn read(fields: Fields) -> Result<Self, Problem> {
        Ok(if fields.has("refreshToken") {
            Self::ByRefreshToken(given::read(fields)?)
        } else {
            Self::ByKeys(given::read(fields)?)
        })
    }
}

impl ByKeys {
    /// The value of the secret key, if one was given, and the pair.
    fn check(self) -> (Option<Credential>, Result<(Credential, Credential), Problem>) {
        let mut check = Check::default();
        let app_key = check.field("AppKey", self.app_key);
        let app_secret = check.field("AppSecret", self.app_secret);
        (app_secret.clone(), check.finish(|| app_key.zip(app_secret)))
    }
}

impl ByRefreshToken {
    fn check(self) -> Result<Credential, Problem> {
        let mut check = Check::default();
        if self.app_key.is_some() || self.app_secret.is_some() {
            check.refuse("refreshToken", "must not come together with AppKey and AppSecret");
        }
        let token = check.field("refreshToken", self.refresh_token);
        check.finish(|| token)
    }
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
    fields: Fields,
    source: Source,
    facts: &RequestFacts,
) -> Result<Response, Problem> {
    let tokens = match TokenRequest::read(fields)? {
        TokenRequest::ByKeys(keys) => obtain(access, keys, source, facts).await?,
        TokenRequest::ByRefreshToken(request) => {
            let token = refresh_token::open(access, &request.check()?)?;
            facts.is_about(Object::Key(token.secret_key()));
            refresh_token(access, RefreshToken { token, scopes: None, proved: None }).await?
        }
    };
    facts.calls(Calling::new(tokens.secret_key, tokens.mid.clone()));
    Ok(no_store(TokenView::from(tokens)))
}

async fn obtain(access: &Arc<Access>, keys: ByKeys, source: Source, facts: &RequestFacts) -> Result<Tokens, Problem> {
    let (secret, pair) = keys.check();
    let named = secret.and_then(|secret| Object::of_value(&secret, access.settings().environment));
    let obtained = match pair {
        Ok((app_key, app_secret)) => {
            let (app_key, app_secret) = (&app_key, &app_secret);
            let request = ObtainToken { app_key, app_secret, scopes: None, source, refreshable: true };
            let obtained = obtain_token(access, request).await;
            obtained.inspect_err(|error| note_pair(facts, error)).map_err(Problem::from)
        }
        Err(problem) => Err(problem),
    };
    // Last: where the public key was refused, the line is about that.
    if let Some(secret_key) = named {
        facts.is_about(secret_key);
    }
    obtained
}

/// Notes which key was refused, or who calls where the pair is valid.
pub(super) fn note_pair(facts: &RequestFacts, error: &obtain_token::Error) {
    match error {
        obtain_token::Error::PublicKey { key, .. } => facts.is_about(Object::Key(*key)),
        obtain_token::Error::ScopeNotCovered { key, mid, .. } => {
            facts.proof();
            facts.calls(Calling::new(*key, mid.clone()));
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
            E::Failure(failure) => failure.into(),
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
            E::Failure(failure) => failure.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    //! How the body is read, beyond what `given` promises of every body.
    use serde_json::{Value, json};

    use super::*;
    use crate::http::given::testing::{errors, reads_what_it_documents};

    /// The errors, and which of the two requests it is.
    fn read(body: &Value) -> (Vec<String>, &'static str) {
        match TokenRequest::read(Fields::json(body.as_object().unwrap().clone())).unwrap() {
            TokenRequest::ByKeys(keys) => (errors(keys.check().1), "keys"),
            TokenRequest::ByRefreshToken(request) => (errors(request.check()), "refresh token"),
        }
    }

    #[test]
    fn each_field_is_read_as_documented() {
        reads_what_it_documents::<ByKeys, _>(|keys| keys.check().1);
        reads_what_it_documents::<ByRefreshToken, _>(ByRefreshToken::check);
    }

    #[test]
    fn a_refresh_token_comes_alone() {
        let together = "refreshToken must not come together with AppKey and AppSecret";
        for (body, messages, which) in [
            (json!({"AppKey": "x", "AppSecret": "y", "refreshToken": null}), &[][..], "keys"),
            (
                json!({"APPKEY": 7, "app-secret": ["y"]}),
                &["AppKey must be a string", "AppSecret must be a string"],
                "keys",
            ),
            (json!({"refresh_token": "x"}), &[], "refresh token"),
            (json!({"refreshToken": "x", "AppKey": null, "AppSecret": null}), &[], "refresh token"),
            (json!({"refreshToken": "x", "AppKey": "x"}), &[together], "refresh token"),
            (json!({"refreshToken": "x", "appsecret": [], "AppSecret": 7}), &[together], "refresh token"),
            (json!({"refreshToken": 7, "AppKey": 7}), &[together, "refreshToken must be a string"], "refresh token"),
            (json!({"refreshToken": "x", "RefreshToken": null}), &["refreshToken must be given once"], "refresh token"),
        ] {
            assert_eq!(read(&body), (messages.iter().map(|it| (*it).to_owned()).collect(), which), "{body}");
        }
    }
}
