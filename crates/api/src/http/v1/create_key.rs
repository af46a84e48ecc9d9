//! `POST /v1/api-keys` (contract, section 3).

use std::sync::Arc;

use axum::{Json, extract::State, response::IntoResponse};
use http::{StatusCode, header};
use keyward_domain::{Description, KeyTerms, KeyType, Name, UnknownWord};
use utoipa::ToSchema;

use super::{NO_STORE, Problems, add_terms_fault, no_account};
use crate::{
    app::{
        App,
        issue_key::{self, IssueKey},
    },
    http::{
        body::Body,
        caller::{Caller, WriteKeys},
        fields::Fields,
        finish::{Noted, Object},
        problem::{Code, Problem},
        query::NoQuery,
        views::CreatedKeyView,
    },
};

/// What a new key is to be.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "describes the body in the document; it is read field by field, so that every fault is told"
)]
pub(in crate::http) struct NewKey {
    /// An account that the caller reaches.
    #[schema(example = "mid_123456")]
    mid: String,
    /// 1 to 200 characters, one visible, without `<`, `>`, control characters and those that hide or turn others.
    #[schema(min_length = 1, max_length = 200, pattern = "^[^<>]*$")]
    name: String,
    /// What the key is for. `publishable` is read as `public`.
    #[schema(pattern = "^(secret|public|tokenization|publishable)$")]
    r#type: String,
    /// At most 100, none twice, together at most 2,048 characters. Scopes of this service only on secret keys.
    #[schema(max_items = 100)]
    scopes: Option<Vec<String>>,
    /// Up to 500 characters, as `name`.
    #[schema(max_length = 500, pattern = "^[^<>]*$")]
    description: Option<String>,
    /// RFC 3339, in the future; rounded down to the millisecond.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
}

/// Create an API key.
///
/// The value of a secret key is in this answer and in no other, ever.
#[utoipa::path(
    post, path = "/v1/api-keys", tag = "API keys",
    request_body(content((NewKey = "application/json"), (NewKey = "multipart/form-data"))),
    responses(
        (status = 201, description = "The key was made.", body = CreatedKeyView,
            headers(("Location" = String, description = "The key's own path."))),
        Problems,
    ),
)]
pub(in crate::http) async fn create_key(
    caller: Caller<WriteKeys>,
    State(app): State<Arc<App>>,
    noted: Noted,
    _: NoQuery,
    Body(fields): Body,
) -> Result<impl IntoResponse, Problem> {
    let command = read(fields, &app)?;
    let issued = issue_key::issue_key(&app, &caller.0, command).await?;
    noted.is_about(Object::Key(issued.key.id()));
    let location = [(header::LOCATION, format!("{}/v1/api-keys/{}", app.settings().path_prefix(), issued.key.id()))];
    let view = CreatedKeyView::new(&issued.key, &issued.chain, &issued.value);
    Ok((StatusCode::CREATED, location, NO_STORE, Json(view)))
}

fn read(mut fields: Fields, app: &App) -> Result<IssueKey, Problem> {
    let mid = fields.require("mid");
    let name = fields.require_words("name", Name::parse);
    let key_type = fields
        .required_text("type")
        .and_then(|text| key_type(&text).map_err(|error| fields.fault("type", error.to_string())).ok());
    let scopes = fields.scopes("scopes");
    let description = fields.words("description", Description::parse);
    let expires_at = fields.parse("expires_at");
    let (Some(mid), Some(name), Some(key_type)) = (mid, name, key_type) else { return fields.finish(None) };
    match KeyTerms::agree(key_type, name, description, scopes, expires_at, app.now()) {
        Ok(terms) => fields.finish(Some(IssueKey { mid, terms })),
        Err(error) => {
            let mut faults = fields.into_faults();
            add_terms_fault(&mut faults, error);
            faults.into_result(None)
        }
    }
}

/// Clients of other platforms say `publishable`.
pub(in crate::http) fn key_type(text: &str) -> Result<KeyType, UnknownWord> {
    if text == "publishable" { Ok(KeyType::Public) } else { text.parse() }
}

impl From<issue_key::Error> for Problem {
    fn from(error: issue_key::Error) -> Self {
        use issue_key::Error as E;
        match error {
            E::Caller(error) => error.into(),
            E::ScopeNotHeld(error) => Self::new(Code::ScopeNotHeld)
                .detail(format!("The caller does not hold {}, so it cannot grant it.", error.scope)),
            E::NoSuchAccount => no_account(),
            E::AccountNotActive(_) => Self::new(Code::AccountNotActive),
            E::Fault(fault) => fault.into(),
        }
    }
}
