//! `PATCH /v1/api-keys/{id}`, and `POST` of its `/suspend` and `/resume` (contract, section 14).

use std::sync::Arc;

use axum::{extract::State, response::Response};
use http::HeaderMap;
use keyward_app::{
    Manage,
    manage::{
        IfMatch,
        change_key::{self, ChangeKey, KeyCommand},
    },
};
use keyward_domain::{
    ChangeRefusal, Description, KeyPatch, KeyStatus, MetadataPatch, Name, PatchError, ScopeSet, Timestamp,
};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    Segment,
    create_key::{lacking, terms_field},
    keys::key_answer,
};
use crate::http::{
    body::PatchBody,
    caller::{Caller, StopKeys, WriteKeys},
    etag,
    given::{Check, Patched},
    no_route::no_key,
    problem::{Code, FieldErrors, Problem},
    query::NoQuery,
    views::KeyDetailsView,
    words::{DescriptionWord, MetadataPatchWord, NameWord, ScopeWord},
};

/// What to change about a key. An absent member stays as it is, and null removes it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct KeyChange {
    /// Must not be null.
    #[serde(default)]
    #[schema(value_type = NameWord, required = false)]
    name: Patched<Name>,
    /// A note about the key.
    #[serde(default)]
    #[schema(value_type = Option<DescriptionWord>)]
    description: Patched<Description>,
    /// Strings that the service keeps with the key. Merged by member: a string replaces or adds one, null removes it.
    #[serde(default)]
    #[schema(value_type = Option<MetadataPatchWord>)]
    metadata: Patched<MetadataPatch>,
    /// All scopes of the key from now on, by the rules of creation.
    #[serde(default)]
    #[schema(value_type = Option<BTreeSet<ScopeWord>>, max_items = 100)]
    scopes: Patched<ScopeSet>,
    /// RFC 3339, before `expires_at`; rounded down to the millisecond.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    not_before: Patched<Timestamp>,
    /// RFC 3339, in the future; rounded down to the millisecond.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Patched<Timestamp>,
}

impl KeyChange {
    fn check(self) -> Result<KeyPatch, Problem> {
        let mut check = Check::default();
        let name = check.patched("name", self.name);
        if name == Some(None) {
            check.refuse("name", "must not be null");
        }
        let patch = KeyPatch {
            name: name.flatten(),
            description: check.patched("description", self.description),
            metadata: check.patched("metadata", self.metadata),
            scopes: check.patched("scopes", self.scopes).map(Option::unwrap_or_default),
            not_before: check.patched("not_before", self.not_before),
            expires_at: check.patched("expires_at", self.expires_at),
        };
        check.finish(|| Some(patch))
    }
}

/// Change an API key.
///
/// A JSON merge patch (RFC 7396): absent members stay as they are, null removes one, `metadata` is merged by member.
/// When this is answered, every node judges by the change; a new name may show a moment later. The calling key can
/// change only the name, description and metadata of itself. Of a revoked or expired key, too, only these can be
/// changed.
#[utoipa::path(
    patch, path = "/v1/api-keys/{id}", tag = "API keys",
    params(
        ("id" = String, Path, description = "The key id.", example = "key_01h2xcejqtf2nbrexx3vqjhp41"),
        ("If-Match" = Option<String>, Header, description = "`ETag` values that the key must have one of."),
    ),
    request_body(content((KeyChange = "application/merge-patch+json"), (KeyChange = "application/json"))),
    responses(
        (status = 200, description = "The key after the change.", body = KeyDetailsView,
            headers(
                ("ETag" = String, description = "The key's version."),
                ("Revocation-Seq" = u64, description = "The number of the key's last event; informative."),
            )),
    ),
)]
pub(in crate::http) async fn change_key(
    caller: Caller<WriteKeys>,
    State(manage): State<Arc<Manage>>,
    Segment(segment): Segment,
    headers: HeaderMap,
    _: NoQuery,
    PatchBody(body): PatchBody<KeyChange>,
) -> Result<Response, Problem> {
    let patch = body.check()?;
    change(&manage, &caller.0, &segment, KeyCommand::Patch(Box::new(patch)), etag::if_match(&headers)).await
}

/// Suspend an API key.
///
/// When this is answered, every node refuses the key until it is resumed. A key may suspend itself. Repeating it is 200
/// again and changes nothing.
#[utoipa::path(
    post, path = "/v1/api-keys/{id}/suspend", tag = "API keys",
    params(
        ("id" = String, Path, description = "The key id.", example = "key_01h2xcejqtf2nbrexx3vqjhp41"),
        ("If-Match" = Option<String>, Header, description = "`ETag` values that the key must have one of."),
    ),
    responses(
        (status = 200, description = "The key, suspended.", body = KeyDetailsView,
            headers(
                ("ETag" = String, description = "The key's version."),
                ("Revocation-Seq" = u64, description = "The number of the key's last event; informative."),
            )),
    ),
)]
pub(in crate::http) async fn suspend_key(
    caller: Caller<StopKeys>,
    State(manage): State<Arc<Manage>>,
    Segment(segment): Segment,
    headers: HeaderMap,
    _: NoQuery,
) -> Result<Response, Problem> {
    change(&manage, &caller.0, &segment, KeyCommand::Suspend, etag::if_match(&headers)).await
}

/// Resume a suspended API key.
///
/// When this is answered, no node refuses the key for its suspension any more. Callers at or above the level that
/// suspended the key may resume it.
#[utoipa::path(
    post, path = "/v1/api-keys/{id}/resume", tag = "API keys",
    params(
        ("id" = String, Path, description = "The key id.", example = "key_01h2xcejqtf2nbrexx3vqjhp41"),
        ("If-Match" = Option<String>, Header, description = "`ETag` values that the key must have one of."),
    ),
    responses(
        (status = 200, description = "The key, no longer suspended.", body = KeyDetailsView,
            headers(
                ("ETag" = String, description = "The key's version."),
                ("Revocation-Seq" = u64, description = "The number of the key's last event; informative."),
            )),
    ),
)]
pub(in crate::http) async fn resume_key(
    caller: Caller<WriteKeys>,
    State(manage): State<Arc<Manage>>,
    Segment(segment): Segment,
    headers: HeaderMap,
    _: NoQuery,
) -> Result<Response, Problem> {
    change(&manage, &caller.0, &segment, KeyCommand::Resume, etag::if_match(&headers)).await
}

async fn change(
    manage: &Arc<Manage>,
    caller: &keyward_app::Caller,
    segment: &str,
    command: KeyCommand,
    if_match: IfMatch,
) -> Result<Response, Problem> {
    let id = segment.parse().map_err(|_| no_key(segment))?;
    let changed = change_key::change_key(manage, caller, ChangeKey { id, command, if_match }).await?;
    let answer = KeyDetailsView::new(&changed.record, manage.access().now());
    Ok(key_answer(answer, changed.record.key.facts().version, changed.seq))
}

impl From<change_key::Error> for Problem {
    fn from(error: change_key::Error) -> Self {
        use change_key::Error as E;
        match error {
            E::Caller(error) => error.into(),
            E::NoSuchKey => Self::new(Code::KeyNotFound),
            E::Refused(refusal) => refusal.into(),
            E::ScopeNotHeld(error) => lacking(&error),
            E::PreconditionFailed(version) => Self::new(Code::PreconditionFailed)
                .detail(format!("The key's ETag is {}: read the key again.", etag::quoted(version))),
            E::Failure(failure) => failure.into(),
        }
    }
}

impl From<ChangeRefusal> for Problem {
    fn from(refusal: ChangeRefusal) -> Self {
        match refusal {
            ChangeRefusal::Invalid(errors) => {
                let mut fields = FieldErrors::default();
                for error in errors {
                    fields.add(patch_field(&error), error.to_string());
                }
                Self::new(Code::InvalidRequest).field_errors(fields)
            }
            ChangeRefusal::OwnKey => Self::new(Code::OwnKey),
            ChangeRefusal::SuspendedFromAbove => Self::new(Code::SuspendedFromAbove),
            ChangeRefusal::NotActive(status) => Self::new(Code::KeyNotActive).detail(not_active(status)),
            ChangeRefusal::WouldLockOut => Self::new(Code::LockOut),
        }
    }
}

/// Explains why a key with this status cannot be changed.
fn not_active(status: KeyStatus) -> String {
    format!("The key is {status}, which is final: only its name, description and metadata can still be changed.")
}

/// The field that an error concerns.
fn patch_field(error: &PatchError) -> String {
    match error {
        PatchError::Terms(error) => terms_field(error),
        PatchError::Metadata(_) => "metadata".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    //! How the body is read, beyond what `given` promises of every body.
    use serde_json::{Value, json};

    use super::*;
    use crate::http::given::testing::{faulty, from_json};

    fn read(body: &Value) -> Result<KeyPatch, Problem> {
        from_json::<KeyChange>(body).and_then(KeyChange::check)
    }

    #[test]
    fn an_absent_member_changes_nothing_and_null_removes_one() {
        assert_eq!(read(&json!({})).unwrap(), KeyPatch::default());
        let removed = KeyPatch {
            description: Some(None),
            metadata: Some(None),
            scopes: Some(ScopeSet::empty()),
            not_before: Some(None),
            expires_at: Some(None),
            ..KeyPatch::default()
        };
        let body = json!({
            "description": null, "metadata": null, "scopes": null, "not_before": null, "expires_at": null,
        });
        assert_eq!(read(&body).unwrap(), removed);
    }

    #[test]
    fn every_wrong_member_is_named() {
        for (body, fields) in [
            (json!({"name": null}), &["name"][..]),
            (json!({"metadata": {"a": 1, "b": "x", "c": null}}), &["metadata[a]"]),
            (json!({"metadata": []}), &["metadata"]),
            (json!({"metadata": {"": "x"}}), &["metadata"]),
            (
                json!({"name": "<", "description": 1, "scopes": ["A"], "expires_at": "soon", "not_before": 1}),
                &["name", "description", "scopes[0]", "not_before", "expires_at"],
            ),
        ] {
            assert_eq!(faulty(read(&body)), fields, "{body}");
        }
    }
}
