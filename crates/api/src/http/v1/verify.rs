//! `POST /v1/verify` and `/v1/verify/batch`: verify one key or many (contract, section 13).
//!
//! A misspelled condition must not pass unchecked, so an unknown member is refused here.

use std::{collections::BTreeSet, fmt, sync::Arc};

use axum::{extract::State, response::Response};
use keyward_app::{
    Access,
    access::verify_key::{self, Verified},
};
use keyward_domain::{Denial, KeyType, Mid, Requirements, Scopes};
use serde::{Serialize, Serializer, ser::SerializeStruct as _};
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::{create_key::key_type, no_store};
use crate::http::{
    body::JsonBody,
    caller::{Caller, VerifyKeys},
    even_time::Hides,
    fields::Fields,
    observe::{Noted, Object},
    problem::{Code, FieldErrors, Problem},
    query::NoQuery,
    words::{KeyTypeWord, MidWord, ScopeWord},
};

/// Maximum number of checks in a batch.
const MAX_CHECKS: usize = 100;
const CONDITIONS: [&str; 4] = ["key", "scopes", "type", "mid"];

/// A key, and what must hold for it.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Check)]
#[expect(dead_code, reason = "describes the body in the document; it is read field by field, to report every error")]
pub(in crate::http) struct CheckBody {
    /// The value that somebody presented.
    key: String,
    /// All of these must be covered.
    #[schema(max_items = 100)]
    scopes: Option<BTreeSet<ScopeWord>>,
    /// The type it must have: `secret` when absent.
    r#type: Option<KeyTypeWord>,
    /// Exactly the account it must belong to.
    mid: Option<MidWord>,
}

/// Many checks at once.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Batch)]
#[expect(dead_code, reason = "describes the body in the document; it is read field by field, to report every error")]
pub(in crate::http) struct BatchBody {
    /// 1 to 100 of them.
    #[schema(min_items = 1, max_items = 100)]
    checks: Vec<CheckBody>,
}

/// The answer to one check.
#[derive(ToSchema)]
#[schema(as = Verification)]
#[expect(dead_code, reason = "describes in the document what `Shown` writes, without a copy of any text")]
struct VerificationView {
    /// Whether the key is good for all that was asked.
    valid: bool,
    /// `VALID`, or the first reason that holds of `NOT_FOUND`, `WRONG_ENVIRONMENT`, `REVOKED`, `SUSPENDED`, `EXPIRED`,
    /// `WRONG_TYPE`, `WRONG_ACCOUNT`, `INSUFFICIENT_SCOPE`.
    code: &'static str,
    /// The key, where the caller may know which it is.
    #[schema(required = false)]
    id: String,
    /// Of a good key alone, as all that follows: the account that it belongs to.
    #[schema(required = false)]
    mid: String,
    /// The partner of that account; null for keys above merchants and for merchants directly under the platform.
    partner_mid: Option<String>,
    /// What people call it.
    #[schema(required = false)]
    name: String,
    /// `secret`, `public` or `tokenization`.
    #[schema(required = false)]
    r#type: &'static str,
    /// What it may do.
    #[schema(required = false)]
    scopes: Vec<String>,
    /// When it dies by itself.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<String>,
}

/// Serializes a verdict directly from the key in memory.
pub(in crate::http) struct Shown<'a>(pub(in crate::http) &'a Verified);

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut view = serializer.serialize_struct("Verification", 9)?;
        match self.0 {
            Verified::Invalid { denial, id } => {
                view.serialize_field("valid", &false)?;
                view.serialize_field("code", denial.code())?;
                if let Some(id) = id {
                    view.serialize_field("id", &Text(id))?;
                }
            }
            Verified::Valid(found) => {
                let key = found.key.view();
                view.serialize_field("valid", &true)?;
                view.serialize_field("code", "VALID")?;
                view.serialize_field("id", &Text(&key.id))?;
                view.serialize_field("mid", found.chain.own().mid.as_str())?;
                view.serialize_field("partner_mid", &found.chain.partner().map(Mid::as_str))?;
                view.serialize_field("name", key.name)?;
                view.serialize_field("type", key.key_type.as_str())?;
                view.serialize_field("scopes", &List(key.scopes))?;
                view.serialize_field("expires_at", &key.restrictions.expires_at.as_ref().map(Text))?;
            }
        }
        view.end()
    }
}

/// Serializes a value as its text.
struct Text<'a, T>(&'a T);

impl<T: fmt::Display> Serialize for Text<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self.0)
    }
}

/// Serializes scopes as a list.
struct List<'a>(Scopes<'a>);

impl Serialize for List<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter())
    }
}

/// The answers to a batch.
#[derive(Serialize, ToSchema)]
#[schema(as = BatchResults)]
struct BatchView<'a> {
    /// In the order of the checks.
    #[schema(value_type = Vec<VerificationView>)]
    results: Vec<Shown<'a>>,
}

/// A parsed check.
struct Check {
    key: Zeroizing<String>,
    conditions: Requirements,
}

/// Verify a key.
///
/// 200 whenever the question could be answered; 503 when it could not: never a guess.
#[utoipa::path(
    post, path = "/v1/verify", tag = "Verification",
    request_body(content = CheckBody),
    responses((status = 200, description = "The answer.", body = VerificationView)),
)]
pub(in crate::http) async fn verify_key(
    caller: Caller<VerifyKeys>,
    State(access): State<Arc<Access>>,
    noted: Noted,
    _: NoQuery,
    JsonBody(fields): JsonBody,
) -> Result<Response, Problem> {
    let check = read(fields, "")?;
    let verified = answer(&access, &caller.0, &check).await?;
    let id = match &verified {
        Verified::Valid(found) => Some(found.key.id()),
        Verified::Invalid { id, .. } => *id,
    };
    if let Some(id) = id {
        noted.is_about(Object::Key(id));
    }
    Ok(hiding(no_store(Shown(&verified)), [&verified]))
}

/// Verify many keys at once.
///
/// As `/v1/verify`, for up to 100 keys.
#[utoipa::path(
    post, path = "/v1/verify/batch", tag = "Verification",
    request_body(content = BatchBody),
    responses((status = 200, description = "The answers, in the order of the checks.", body = BatchView<'_>)),
)]
pub(in crate::http) async fn verify_batch(
    caller: Caller<VerifyKeys>,
    State(access): State<Arc<Access>>,
    _: NoQuery,
    JsonBody(mut fields): JsonBody,
) -> Result<Response, Problem> {
    refuse_unknown(&fields, &["checks"], "")?;
    let objects = fields.objects("checks", MAX_CHECKS);
    let checks = read_all(fields.finish(objects)?)?;
    let begun = verify_key::begin(&access, &caller.0, checks.iter().map(|check| check.key.as_str()))?;
    let mut results = Vec::with_capacity(checks.len());
    for check in &checks {
        results.push(answer(&access, &caller.0, check).await?);
    }
    drop(begun);
    Ok(hiding(no_store(BatchView { results: results.iter().map(Shown).collect() }), &results))
}

/// Marks an answer that reports an absent key.
fn hiding<'a>(mut response: Response, results: impl IntoIterator<Item = &'a Verified>) -> Response {
    let is_absent = |result: &Verified| matches!(result, Verified::Invalid { denial: Denial::NotFound, .. });
    if results.into_iter().any(is_absent) {
        response.extensions_mut().insert(Hides);
    }
    response
}

async fn answer(access: &Arc<Access>, caller: &keyward_app::Caller, check: &Check) -> Result<Verified, Problem> {
    let verified = verify_key::verify_key(access, caller, &check.key, &check.conditions).await?;
    if let Verified::Invalid { denial, .. } = &verified {
        metrics::counter!("keyward_denials_total", "code" => denial.code()).increment(1);
    }
    Ok(verified)
}

/// Reads every check, and reports the errors of all of them together.
fn read_all(objects: Vec<Fields>) -> Result<Vec<Check>, Problem> {
    let mut checks = Vec::with_capacity(objects.len());
    let mut wrong: Option<Problem> = None;
    for (place, object) in objects.into_iter().enumerate() {
        match (read(object, &format!("checks[{place}].")), wrong.take()) {
            (Ok(check), earlier) => {
                checks.push(check);
                wrong = earlier;
            }
            (Err(problem), None) => wrong = Some(problem),
            (Err(problem), Some(earlier)) => wrong = Some(earlier.and(problem)),
        }
    }
    wrong.map_or(Ok(checks), Err)
}

fn read(mut fields: Fields, place: &str) -> Result<Check, Problem> {
    refuse_unknown(&fields, &CONDITIONS, place)?;
    let key = fields.required_credential("key");
    let scopes = fields.scopes("scopes");
    let asked_type = fields.text("type").map(|text| key_type(&text));
    let asked_type = match asked_type {
        None => KeyType::Secret,
        Some(Ok(asked)) => asked,
        Some(Err(error)) => {
            fields.fault("type", error.to_string());
            KeyType::Secret
        }
    };
    let mid = fields.parse("mid");
    let faults = fields.into_faults().below(place);
    let key = faults.into_result(key)?;
    Ok(Check { key, conditions: Requirements { scopes, key_type: asked_type, mid } })
}

/// Refuses members that are not conditions.
fn refuse_unknown(fields: &Fields, known: &[&str], place: &str) -> Result<(), Problem> {
    let mut faults = FieldErrors::default();
    for name in fields.unknown(known) {
        let words = || (format!("{place}{name}"), format!("is no condition (there are {})", known.join(", ")));
        faults.add_with(words);
    }
    if faults.is_empty() { Ok(()) } else { Err(Problem::new(Code::UnknownCondition).faults(faults)) }
}

impl From<verify_key::Error> for Problem {
    fn from(error: verify_key::Error) -> Self {
        match error {
            verify_key::Error::TooManyAttempts(error) => error.into(),
            verify_key::Error::Failure(fault) => fault.into(),
        }
    }
}
