//! `POST /v1/verify` and `/v1/verify/batch`: verify one key or many (contract, section 13).
//!
//! A misspelled condition must not pass unchecked, so an unknown member is refused here.

use std::{collections::BTreeSet, convert::Infallible, sync::Arc};

use axum::{
    extract::{FromRequestParts, State},
    response::Response,
};
use http::request::Parts;
use keyward_app::{
    Access,
    access::verify_key::{self, Verified},
};
use keyward_domain::{Denial, KeyId, KeyType, Requirements, Timestamp};
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::create_key::key_type;
use crate::http::{
    body::JsonBody,
    caller::{Caller, VerifyKeys},
    even_time::Hides,
    fast_path::carried,
    fields::Fields,
    observe::{Noted, Object},
    problem::{Code, FieldErrors, Problem},
    query::NoQuery,
    words::{KeyTypeWord, MidWord, ScopeWord},
    written::{self, List, OrNull, Plain, Printed, Text, written},
};

/// Maximum number of checks in a batch.
const MAX_CHECKS: usize = 100;
/// Length of a usual answer in bytes.
const ANSWER_LEN: usize = 320;
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

written! {
    /// The answer to one check.
    #[derive(ToSchema)]
    #[schema(as = Verification)]
    pub(in crate::http) struct VerificationView<'a> {
        /// Whether the key is good for all that was asked.
        valid: bool,
        /// `VALID`, or the first reason that holds of `NOT_FOUND`, `WRONG_ENVIRONMENT`, `REVOKED`, `SUSPENDED`,
        /// `EXPIRED`, `WRONG_TYPE`, `WRONG_ACCOUNT`, `INSUFFICIENT_SCOPE`.
        #[schema(value_type = String)]
        code: Plain<'a>,
        /// The key, where the caller may know which it is.
        #[schema(value_type = String, required = false)]
        id: Option<Printed<KeyId>>,
        /// Of a good key alone, as all that follows: the account that it belongs to.
        #[schema(value_type = String, required = false)]
        mid: Option<Plain<'a>>,
        /// The partner of that account; null for keys above merchants and for merchants directly under the platform.
        #[schema(value_type = Option<String>)]
        partner_mid: Option<OrNull<Plain<'a>>>,
        /// What people call it.
        #[schema(value_type = String, required = false)]
        name: Option<Text<'a>>,
        /// `secret`, `public` or `tokenization`.
        #[schema(value_type = String, required = false)]
        r#type: Option<Plain<'a>>,
        /// What it may do.
        #[schema(value_type = Vec<String>, required = false)]
        scopes: Option<List<'a>>,
        /// When it dies by itself.
        #[schema(value_type = Option<String>, format = DateTime)]
        expires_at: Option<OrNull<Printed<Timestamp>>>,
    }
}

impl<'a> VerificationView<'a> {
    /// Borrows every text from the key in memory.
    pub(in crate::http) fn of(verified: &'a Verified) -> Self {
        match verified {
            Verified::Invalid { denial, id } => Self {
                valid: false,
                code: Plain(denial.code()),
                id: id.map(Printed),
                mid: None,
                partner_mid: None,
                name: None,
                r#type: None,
                scopes: None,
                expires_at: None,
            },
            Verified::Valid(found) => {
                let key = found.key.view();
                Self {
                    valid: true,
                    code: Plain("VALID"),
                    id: Some(Printed(key.id)),
                    mid: Some(Plain(found.chain.own().mid.as_str())),
                    partner_mid: Some(OrNull(found.chain.partner().map(|mid| Plain(mid.as_str())))),
                    name: Some(Text(key.name)),
                    r#type: Some(Plain(key.key_type.as_str())),
                    scopes: Some(List(key.scopes)),
                    expires_at: Some(OrNull(key.restrictions.expires_at.map(Printed))),
                }
            }
        }
    }

    /// The answer, which no cache may store.
    pub(in crate::http) fn answer(&self) -> Response {
        // Long enough for most: fixed text, an identifier, a time, and quotes around each scope.
        let texts = self.name.as_ref().map_or(0, |name| name.0.len());
        let scopes = self.scopes.as_ref().map_or(0, |scopes| 2 * scopes.0.as_str().len());
        written::no_store(self, ANSWER_LEN + texts + scopes)
    }
}

written! {
    /// The answers to a batch.
    #[derive(ToSchema)]
    #[schema(as = BatchResults)]
    pub(in crate::http) struct BatchView<'a> {
        /// In the order of the checks.
        results: Vec<VerificationView<'a>>,
    }
}

/// A parsed check.
struct Check {
    key: Zeroizing<String>,
    requirements: Requirements,
}

/// Verify a key.
///
/// 200 whenever the question could be answered; 503 when it could not: never a guess.
#[utoipa::path(
    post, path = "/v1/verify", tag = "Verification",
    request_body(content = CheckBody),
    responses((status = 200, description = "The answer.", body = VerificationView<'_>)),
)]
pub(in crate::http) async fn verify_key(
    caller: Caller<VerifyKeys>,
    State(access): State<Arc<Access>>,
    noted: Noted,
    Begun(begun): Begun,
    _: NoQuery,
    JsonBody(fields): JsonBody,
) -> Result<Response, Problem> {
    let check = read(fields, "")?;
    let verified = match begun {
        Some(unfinished) => {
            let verified = verify_key::finish(&access, unfinished, &caller.0, &check.key, &check.requirements).await?;
            count_denial(&verified);
            verified
        }
        None => answer(&access, &caller.0, &check).await?,
    };
    if let Some(id) = verified.id() {
        noted.is_about(Object::Key(id));
    }
    Ok(hiding(VerificationView::of(&verified).answer(), [&verified]))
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
    let announced = verify_key::announce(&access, &caller.0, checks.iter().map(|check| check.key.as_str()))?;
    let mut results = Vec::with_capacity(checks.len());
    for check in &checks {
        results.push(answer(&access, &caller.0, check).await?);
    }
    drop(announced);
    let view = BatchView { results: results.iter().map(VerificationView::of).collect() };
    Ok(hiding(written::no_store(&view, ANSWER_LEN * results.len()), &results))
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
    let verified = verify_key::verify_key(access, caller, &check.key, &check.requirements).await?;
    count_denial(&verified);
    Ok(verified)
}

/// Counts an answer that refuses a key.
pub(in crate::http) fn count_denial(verified: &Verified) {
    if let Verified::Invalid { denial, .. } = verified {
        metrics::counter!("keyward_denials_total", "code" => denial.code()).increment(1);
    }
}

/// What the fast path left of this check: its body has the same key, because the fast path reads exact names alone.
pub(in crate::http) struct Begun(Option<verify_key::Unfinished>);

impl<S: Send + Sync> FromRequestParts<S> for Begun {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(carried::take(&parts.extensions)))
    }
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
    Ok(Check { key, requirements: Requirements { scopes, key_type: asked_type, mid } })
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
