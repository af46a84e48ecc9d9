//! `POST /v1/merchants/{mid}/api-keys`: a public and a secret key that belong together (contract, section 7).

use std::sync::Arc;

use axum::{Json, extract::State, response::IntoResponse};
use http::StatusCode;
use keyward_app::{
    Manage,
    manage::issue_pair::{self, IssuePair, IssuedPair},
};
use keyward_domain::{Description, Mid, Name, Restrictions, ScopeSet, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{NO_STORE, Segment, no_account};
use crate::http::{
    body::Body,
    caller::{Caller, WriteKeys},
    given::{Check, Given},
    problem::{Code, Problem},
    query::NoQuery,
    request_facts::{Object, RequestFacts},
    views::{ApiKeyView, NoErrors},
    words::{DescriptionWord, NameWord, ScopeWord},
};

/// What a new pair is to be.
#[derive(Deserialize, ToSchema)]
pub(in crate::http) struct NewPair {
    /// What people call it.
    #[schema(value_type = NameWord)]
    name: Given<Name>,
    /// What somebody notes about it.
    #[schema(value_type = Option<DescriptionWord>)]
    description: Option<Given<Description>>,
    /// What the secret key may do: at most 100 scopes, none twice, together at most 2,048 characters; none when absent.
    #[schema(value_type = Option<BTreeSet<ScopeWord>>, max_items = 100)]
    scopes: Option<Given<ScopeSet>>,
    /// RFC 3339: both keys are pending until then; rounded down to the millisecond. At once, when absent.
    #[schema(value_type = Option<String>, format = DateTime)]
    not_before: Option<Given<Timestamp>>,
    /// Whether the active pairs of this merchant with the same name are revoked in the same moment; not, when absent.
    #[serde(rename = "overwriteExistingKey")]
    #[schema(value_type = Option<bool>)]
    overwrite_existing_key: Option<Given<bool>>,
}

/// A [`NewPair`] without an error.
struct Wanted {
    name: Name,
    description: Option<Description>,
    scopes: ScopeSet,
    restrictions: Restrictions,
    overwrite: bool,
}

impl NewPair {
    fn check(self) -> Result<Wanted, Problem> {
        let mut check = Check::default();
        let name = check.field("name", self.name);
        let description = check.field("description", self.description);
        let scopes = check.field("scopes", self.scopes).unwrap_or_default();
        let overwrite = check.field("overwriteExistingKey", self.overwrite_existing_key).unwrap_or_default();
        let restrictions =
            Restrictions { not_before: check.field("not_before", self.not_before), ..Restrictions::NONE };
        check.finish(|| Some(Wanted { name: name?, description, scopes, restrictions, overwrite }))
    }
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
    keys: [ApiKeyView; 2],
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
    facts: RequestFacts,
    _: NoQuery,
    Body(body): Body<NewPair>,
) -> Result<impl IntoResponse, Problem> {
    let Wanted { name, description, scopes, restrictions, overwrite } = body.check()?;
    // A segment that cannot be a mid names no account; the order of checks is the same as for another tenant's mid.
    caller.0.may_grant(&scopes).map_err(issue_pair::Error::from)?;
    let mid: Mid = mid.parse().map_err(|_| no_account())?;
    let command = IssuePair { mid, name, description, scopes, restrictions, overwrite };
    let issued = issue_pair::issue_pair(&manage, &caller.0, &command).await?;
    facts.is_about(Object::Key(issued.secret.id()));
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
            keys: [&pair.public, &pair.secret].map(|key| ApiKeyView::issued(key, &pair.chain)),
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

#[cfg(test)]
mod tests {
    //! How the body is read, beyond what `given` promises of every body.
    use serde_json::json;

    use super::*;
    use crate::http::given::testing::{faulty, from_json, reads_what_it_documents};

    #[test]
    fn each_field_is_read_as_documented() {
        reads_what_it_documents::<NewPair, _>(NewPair::check);
    }

    #[test]
    fn a_pair_is_overwritten_only_if_the_body_says_so_in_any_spelling() {
        let overwrites = |body| from_json::<NewPair>(&body).and_then(NewPair::check).unwrap().overwrite;
        assert!(!overwrites(json!({"name": "x"})));
        assert!(!overwrites(json!({"name": "x", "overwriteExistingKey": false})));
        assert!(overwrites(json!({"name": "x", "overwriteExistingKey": true})));
        assert!(overwrites(json!({"name": "x", "overwrite_existing_key": true})));
    }

    #[test]
    fn every_wrong_field_is_named() {
        let body = json!({"overwriteExistingKey": 1, "scopes": ["a", "a"], "description": "a\rb", "name": "<"});
        let told = faulty(from_json(&body).and_then(NewPair::check));
        assert_eq!(told, ["name", "description", "scopes[1]", "overwriteExistingKey"]);
    }
}
