//! `POST /v1/merchants/{mid}/api-keys`: a public and a secret key that belong together (contract, section 7).

use std::{collections::BTreeSet, sync::Arc};

use axum::{Json, extract::State, response::IntoResponse};
use http::StatusCode;
use keyward_app::{
    Manage,
    manage::issue_pair::{self, IssuePair, IssuedPair},
};
use keyward_domain::{Description, Mid, Name};
use serde::Serialize;
use utoipa::ToSchema;

use super::{NO_STORE, Segment, no_account};
use crate::http::{
    body::Body,
    caller::{Caller, WriteKeys},
    observe::{Noted, Object},
    problem::{Code, Problem},
    query::NoQuery,
    views::{KeyView, NoErrors},
    words::{DescriptionWord, NameWord, ScopeWord},
};

/// What a new pair is to be.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body in the document; it is read field by field, to report every error")]
pub(in crate::http) struct NewPair {
    /// What people call it.
    name: NameWord,
    /// What somebody notes about it.
    description: Option<DescriptionWord>,
    /// What the secret key may do: at most 100 scopes, none twice, together at most 2,048 characters; none when absent.
    #[schema(max_items = 100)]
    scopes: Option<BTreeSet<ScopeWord>>,
    /// Whether the active pairs of this merchant with the same name are revoked in the same moment; not, when absent.
    #[serde(rename = "overwriteExistingKey")]
    #[schema(rename = "overwriteExistingKey")]
    overwrite_existing_key: Option<bool>,
}

/// A new pair.
#[derive(Serialize, ToSchema)]
#[schema(as = CreatedPair)]
pub(in crate::http) struct CreatedPairView {
    /// What people call it.
    name: String,
    /// Its name among the active pairs of the merchant: `name`, `name-2`, ….
    #[serde(rename = "uniqueName")]
    unique_name: String,
    /// What somebody noted about it.
    description: Option<String>,
    /// The UUID of the public key.
    #[serde(rename = "clientId")]
    #[schema(format = Uuid)]
    client_id: String,
    /// The value of the public key.
    #[serde(rename = "appKey")]
    app_key: String,
    /// The value of the secret key: in this answer and in no other.
    #[serde(rename = "appSecret")]
    app_secret: String,
    /// The public key, then the secret one.
    keys: [KeyView; 2],
    /// Always empty.
    #[schema(value_type = Vec<String>)]
    errors: NoErrors,
}

/// Create a pair of keys for a merchant.
///
/// The value of the secret key is in this answer and in no other, ever. The body may also be `multipart/form-data`, one
/// part a field; `scopes` is then repeated, or separated by commas.
#[utoipa::path(
    post, path = "/v1/merchants/{mid}/api-keys", tag = "API keys",
    params(("mid" = String, Path, description = "The merchant.", example = "mid_123456")),
    request_body = NewPair,
    responses((status = 201, description = "The pair was made.", body = CreatedPairView)),
)]
pub(in crate::http) async fn create_pair(
    caller: Caller<WriteKeys>,
    State(manage): State<Arc<Manage>>,
    Segment(mid): Segment,
    noted: Noted,
    _: NoQuery,
    Body(mut fields): Body,
) -> Result<impl IntoResponse, Problem> {
    let name = fields.require_words("name", Name::parse);
    let description = fields.words("description", Description::parse);
    let scopes = fields.scopes("scopes");
    let overwrite = fields.flag("overwriteExistingKey");
    let name = fields.finish(name)?;
    // A segment that cannot be a mid names no account; the order of checks is the same as for another tenant's mid.
    caller.0.may_grant(&scopes).map_err(issue_pair::Error::from)?;
    let mid: Mid = mid.parse().map_err(|_| no_account())?;
    let command = IssuePair { mid, name, description, scopes, overwrite };
    let issued = issue_pair::issue_pair(&manage, &caller.0, &command).await?;
    noted.is_about(Object::Key(issued.secret.id()));
    Ok((StatusCode::CREATED, NO_STORE, Json(CreatedPairView::from(&issued))))
}

impl From<&IssuedPair> for CreatedPairView {
    fn from(pair: &IssuedPair) -> Self {
        let facts = pair.public.facts();
        Self {
            name: facts.name.to_string(),
            unique_name: pair.unique_name.clone(),
            description: facts.description.as_ref().map(ToString::to_string),
            client_id: facts.id.uuid().to_string(),
            app_key: pair.public_value.expose().to_owned(),
            app_secret: pair.secret_value.expose().to_owned(),
            keys: [&pair.public, &pair.secret].map(|key| KeyView::fresh(key, &pair.chain)),
            errors: [],
        }
    }
}

impl From<issue_pair::Error> for Problem {
    fn from(error: issue_pair::Error) -> Self {
        match error {
            issue_pair::Error::Key(error) => error.into(),
            issue_pair::Error::Refused(keyward_domain::Refusal::WouldLockOut) => Self::new(Code::LockOut),
        }
    }
}
