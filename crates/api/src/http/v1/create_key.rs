//! `POST /v1/api-keys` (contract, section 3).

use std::{collections::BTreeSet, sync::Arc};

use axum::{Json, extract::State, response::IntoResponse};
use http::{StatusCode, header};
use keyward_app::{
    Manage,
    manage::issue_key::{self, IssueKey},
};
use keyward_domain::{Description, KeyTerms, KeyType, Name, Restrictions, ScopeSet, TermsError, UnknownWord};
use utoipa::ToSchema;

use super::{NO_STORE, no_account};
use crate::http::{
    body::Body,
    caller::{Caller, WriteKeys},
    fields::Fields,
    observe::{Noted, Object},
    problem::{Code, Problem},
    query::NoQuery,
    views::CreatedKeyView,
    words::{DescriptionWord, KeyTypeWord, MidWord, NameWord, ScopeWord},
};

/// What a new key is to be.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body in the document; it is read field by field, to report every error")]
pub(in crate::http) struct NewKey {
    /// An account that the caller reaches.
    mid: MidWord,
    /// What people call it.
    name: NameWord,
    /// What the key is for.
    r#type: KeyTypeWord,
    /// At most 100, none twice, together at most 2,048 characters; none when absent. Scopes of this service only on
    /// secret keys.
    #[schema(max_items = 100)]
    scopes: Option<BTreeSet<ScopeWord>>,
    /// What somebody notes about it.
    description: Option<DescriptionWord>,
    /// RFC 3339, in the future; rounded down to the millisecond. Never, when absent.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
}

/// Create an API key.
///
/// The value of a secret key is in this answer and in no other, ever. The body may also be `multipart/form-data`, one
/// part a field; `scopes` is then repeated, or separated by commas.
#[utoipa::path(
    post, path = "/v1/api-keys", tag = "API keys",
    request_body = NewKey,
    responses(
        (status = 201, description = "The key was made.", body = CreatedKeyView,
            headers(("Location" = String, description = "The key's own path."))),
    ),
)]
pub(in crate::http) async fn create_key(
    caller: Caller<WriteKeys>,
    State(manage): State<Arc<Manage>>,
    noted: Noted,
    _: NoQuery,
    Body(fields): Body,
) -> Result<impl IntoResponse, Problem> {
    let command = read(fields, &manage)?;
    let issued = issue_key::issue_key(&manage, &caller.0, command).await?;
    noted.is_about(Object::Key(issued.key.id()));
    let location =
        [(header::LOCATION, format!("{}/v1/api-keys/{}", manage.access().settings().path_prefix(), issued.key.id()))];
    let view = CreatedKeyView::new(&issued.key, &issued.chain, &issued.value);
    Ok((StatusCode::CREATED, location, NO_STORE, Json(view)))
}

fn read(mut fields: Fields, manage: &Manage) -> Result<IssueKey, Problem> {
    let mid = fields.require("mid");
    let name = fields.require_words("name", Name::parse);
    let key_type = fields
        .required_text("type")
        .and_then(|text| key_type(&text).map_err(|error| fields.fault("type", error.to_string())).ok());
    let scopes = fields.scopes("scopes");
    let description = fields.words("description", Description::parse);
    let restrictions = Restrictions { expires_at: fields.parse("expires_at") };
    let now = manage.access().now();
    // Without a type, only the rules for all types.
    for error in KeyTerms::errors(key_type.unwrap_or(KeyType::Secret), &scopes, &restrictions, now) {
        fields.fault(&terms_field(&error), error.to_string());
    }
    let (Some(mid), Some(name), Some(key_type)) = (mid, name, key_type) else { return fields.finish(None) };
    // Its refusals were recorded above.
    let terms = KeyTerms::agree(key_type, name, description, scopes, restrictions, now).ok();
    fields.finish(terms.map(|terms| IssueKey { mid, terms, now }))
}

/// The field that an invalid combination of terms concerns.
fn terms_field(error: &TermsError) -> String {
    match error {
        TermsError::ReservedScope { place, .. } => format!("scopes[{place}]"),
        TermsError::Restriction(error) => error.field().to_owned(),
    }
}

/// Parses a type. Clients of other platforms say `publishable`.
pub(in crate::http) fn key_type(text: &str) -> Result<KeyType, UnknownWord> {
    if text == "publishable" { Ok(KeyType::Public) } else { text.parse() }
}

/// Maximum number of scopes that one sentence names.
const MOST_NAMED: usize = 20;

fn listed(scopes: &ScopeSet) -> String {
    let mut named: Vec<String> = scopes.iter().take(MOST_NAMED).map(str::to_owned).collect();
    let more = scopes.iter().count() - named.len();
    if more > 0 {
        named.push(format!("and {more} more"));
    }
    named.join(", ")
}

impl From<issue_key::Error> for Problem {
    fn from(error: issue_key::Error) -> Self {
        use issue_key::Error as E;
        match error {
            E::Caller(error) => error.into(),
            E::ScopeNotHeld(error) => Self::new(Code::ScopeNotHeld).detail(format!(
                "The caller does not hold {}: leave out what it does not hold, or call with a key that holds it.",
                listed(&error.scopes)
            )),
            E::NoSuchAccount => no_account(),
            E::AccountNotActive(_) => Self::new(Code::AccountNotActive),
            E::Failure(fault) => fault.into(),
        }
    }
}
