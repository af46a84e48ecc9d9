//! `POST /v1/api-keys` (contract, section 3).

use std::sync::Arc;

use axum::{Json, extract::State, response::IntoResponse};
use http::{StatusCode, header};
use keyward_app::{
    Manage,
    manage::issue_key::{self, IssueKey},
};
use keyward_domain::{
    Description, KeyTerms, KeyType, Metadata, Mid, Name, Now, Restrictions, ScopeNotHeld, ScopeSet, TermsError,
    Timestamp,
};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{NO_STORE, no_account};
use crate::http::{
    body::Body,
    caller::{Caller, WriteKeys},
    etag::etag,
    given::{Check, Given},
    problem::{Code, Problem},
    query::NoQuery,
    request_facts::{Object, RequestFacts},
    views::CreatedKeyView,
    words::{DescriptionWord, KeyTypeWord, MetadataWord, MidWord, NameWord, ScopeWord},
};

/// What a new key is to be.
#[derive(Deserialize, ToSchema)]
pub(in crate::http) struct NewKey {
    /// An account that the caller reaches.
    #[schema(value_type = MidWord)]
    mid: Given<Mid>,
    /// What people call it.
    #[schema(value_type = NameWord)]
    name: Given<Name>,
    /// What the key is for.
    #[schema(value_type = KeyTypeWord)]
    r#type: Given<KeyType>,
    /// At most 100, none twice, together at most 2,048 characters; none when absent. Scopes of this service only on
    /// secret keys.
    #[schema(value_type = Option<BTreeSet<ScopeWord>>, max_items = 100)]
    scopes: Option<Given<ScopeSet>>,
    /// What somebody notes about it.
    #[schema(value_type = Option<DescriptionWord>)]
    description: Option<Given<Description>>,
    /// Strings that the service keeps with the key; none when absent. Only in JSON.
    #[schema(value_type = Option<MetadataWord>)]
    metadata: Option<Given<Metadata>>,
    /// RFC 3339, before `expires_at`: the key is pending until then; rounded down to the millisecond. At once, when
    /// absent.
    #[schema(value_type = Option<String>, format = DateTime)]
    not_before: Option<Given<Timestamp>>,
    /// RFC 3339, in the future; rounded down to the millisecond. Never, when absent.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Given<Timestamp>>,
}

impl NewKey {
    fn check(self, now: Now) -> Result<IssueKey, Problem> {
        let mut check = Check::default();
        let mid = check.field("mid", self.mid);
        let name = check.field("name", self.name);
        let key_type = check.field("type", self.r#type);
        let scopes = check.field("scopes", self.scopes).unwrap_or_default();
        let description = check.field("description", self.description);
        let metadata = check.field("metadata", self.metadata).unwrap_or_default();
        let restrictions = Restrictions {
            not_before: check.field("not_before", self.not_before),
            expires_at: check.field("expires_at", self.expires_at),
        };
        // Without a type, only the rules for all types.
        for error in KeyTerms::errors(key_type.unwrap_or(KeyType::Secret), &scopes, &restrictions, now) {
            check.refuse(&terms_field(&error), error.to_string());
        }
        check.finish(|| {
            let terms = KeyTerms::agree(key_type?, name?, description, scopes, restrictions, now);
            Some(IssueKey { mid: mid?, terms: terms.ok()?.with_metadata(metadata), now })
        })
    }
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
            headers(
                ("Location" = String, description = "The key's own path."),
                ("ETag" = String, description = "The key's version."),
            )),
    ),
)]
pub(in crate::http) async fn create_key(
    caller: Caller<WriteKeys>,
    State(manage): State<Arc<Manage>>,
    facts: RequestFacts,
    _: NoQuery,
    Body(body): Body<NewKey>,
) -> Result<impl IntoResponse, Problem> {
    let command = body.check(manage.access().now())?;
    let issued = issue_key::issue_key(&manage, &caller.0, command).await?;
    facts.is_about(Object::Key(issued.key.id()));
    let location =
        [(header::LOCATION, format!("{}/v1/api-keys/{}", manage.access().settings().path_prefix(), issued.key.id()))];
    let view = CreatedKeyView::new(&issued.key, &issued.chain, &issued.value);
    Ok((StatusCode::CREATED, location, etag(issued.key.facts().version), NO_STORE, Json(view)))
}

/// The field that an invalid combination of terms concerns.
pub(super) fn terms_field(error: &TermsError) -> String {
    match error {
        TermsError::ReservedScope { place, .. } => format!("scopes[{place}]"),
        TermsError::Restriction(error) => error.field().to_owned(),
    }
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

/// Refuses to grant scopes that the caller does not hold.
pub(super) fn lacking(error: &ScopeNotHeld) -> Problem {
    Problem::new(Code::ScopeNotHeld).detail(format!(
        "The caller does not hold {}: leave out what it does not hold, or call with a key that holds it.",
        listed(&error.scopes)
    ))
}

impl From<issue_key::Error> for Problem {
    fn from(error: issue_key::Error) -> Self {
        use issue_key::Error as E;
        match error {
            E::Caller(error) => error.into(),
            E::ScopeNotHeld(error) => lacking(&error),
            E::NoSuchAccount => no_account(),
            E::AccountNotActive(_) => Self::new(Code::AccountNotActive),
            E::BeyondPolicy(error) => Self::invalid(error.field(), error.to_string()),
            E::TooManyKeys(error) => Self::new(Code::TooManyKeys)
                .detail(format!("The policy in effect allows {} keys at most.", error.max_keys)),
            E::Failure(failure) => failure.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    //! How the body is read, beyond what `given` promises of every body.
    use serde_json::{Value, json};

    use super::*;
    use crate::http::given::testing::{errors, faulty, from_form, from_json, reads_what_it_documents};

    fn now() -> Now {
        Now::exact("2026-11-23T12:00:00Z".parse().unwrap())
    }

    /// Checks a valid body with other members.
    fn with(members: &Value) -> Result<IssueKey, Problem> {
        let mut body = json!({"mid": "shop", "name": "x", "type": "secret"});
        body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        from_json::<NewKey>(&body).and_then(|body| body.check(now()))
    }

    #[test]
    fn each_field_is_read_as_documented() {
        reads_what_it_documents::<NewKey, _>(|body| body.check(now()));
    }

    #[test]
    fn fields_are_checked_against_each_other() {
        for (members, fields) in [
            (json!({"type": "public", "scopes": ["api-keys:read"]}), &["scopes[0]"][..]),
            (json!({"type": "tokenization", "scopes": ["charges:read", "merchants:*"]}), &["scopes[1]"]),
            (json!({"scopes": ["api-keys:delete"]}), &["scopes[0]"]),
            (json!({"scopes": ["merchants"]}), &["scopes[0]"]),
            (json!({"scopes": ["audit:read"]}), &["scopes[0]"]),
            (json!({"expires_at": "2026-11-23T12:00:00Z"}), &["expires_at"]),
            (json!({"expires_at": "2020-01-01T00:00:00Z"}), &["expires_at"]),
            // Without a type, what holds of all types.
            (json!({"type": null, "scopes": ["api-keys:read"]}), &["type"]),
            (json!({"type": 1, "expires_at": "2020-01-01T00:00:00Z"}), &["type", "expires_at"]),
            (
                json!({"mid": 1, "name": "<", "type": "x", "scopes": [1], "description": 1, "expires_at": 1}),
                &["mid", "name", "type", "scopes[0]", "description", "expires_at"],
            ),
        ] {
            assert_eq!(faulty(with(&members)), fields, "{members}");
        }
    }

    #[test]
    fn an_absent_field_has_its_default() {
        let (name, none) = (Name::parse("x").unwrap(), Restrictions::default());
        let terms = KeyTerms::agree(KeyType::Secret, name, None, ScopeSet::empty(), none, now()).unwrap();
        for members in [json!({}), json!({"scopes": null, "description": null, "expires_at": null, "other": [1]})] {
            assert_eq!(with(&members).unwrap().terms, terms);
        }
    }

    #[test]
    fn an_error_about_scopes_names_the_field_once() {
        let messages = errors(with(&json!({"type": "public", "scopes": ["api-keys:read"]})));
        assert_eq!(messages[0].matches("scopes").count(), 1, "{messages:?}");
    }

    #[test]
    fn a_form_is_as_good_as_json() {
        let parts = [
            ("mid", "shop"),
            ("name", " My key "),
            ("type", "publishable"),
            ("scopes", "charges:read , charges:write"),
            ("scopes", ""),
            ("expires_at", ""),
            ("description", ""),
        ];
        let of_form = from_form::<NewKey>(&parts).and_then(|body| body.check(now())).unwrap();
        let scopes = ["charges:read", "charges:write"];
        let of_json = with(&json!({"name": "My key", "type": "public", "scopes": scopes})).unwrap();
        assert_eq!((of_form.mid, of_form.terms), (of_json.mid, of_json.terms));
    }
}
