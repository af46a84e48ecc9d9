//! `POST /v1/verify` and `/v1/verify/batch`: verify one key or many (contract, section 13).
//!
//! A misspelled condition must not pass unchecked, so an unknown member is refused here.

use std::{convert::Infallible, sync::Arc};

use axum::{
    extract::{FromRequestParts, State},
    response::Response,
};
use http::request::Parts;
use keyward_app::{
    Access,
    access::verify_key::{self, Verified},
};
use keyward_domain::{Denial, KeyId, KeyType, Mid, Requirements, ScopeSet, Timestamp};
use serde::Deserialize;
use utoipa::ToSchema;
use zeroize::Zeroizing;

use crate::http::{
    body::JsonBody,
    caller::{Caller, VerifyKeys},
    carried,
    even_time::Hides,
    given::{Check, Credential, Given, Objects},
    json_writer::{self, List, OrNull, Plain, Printed, Text, json_view},
    problem::Problem,
    query::NoQuery,
    request_facts::{Object, RequestFacts},
    words::{KeyTypeWord, MidWord, ScopeWord},
};

/// Maximum number of checks in a batch.
const MAX_CHECKS: usize = 100;
/// Length of a usual answer in bytes.
const ANSWER_LEN: usize = 320;

/// A key, and what must hold for it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Check)]
pub(in crate::http) struct CheckBody {
    /// The value that somebody presented.
    #[schema(value_type = String)]
    key: Given<Credential>,
    /// All of these must be covered.
    #[schema(value_type = Option<BTreeSet<ScopeWord>>, max_items = 100)]
    scopes: Option<Given<ScopeSet>>,
    /// The type it must have: `secret` when absent.
    #[schema(value_type = Option<KeyTypeWord>)]
    r#type: Option<Given<KeyType>>,
    /// Exactly the account it must belong to.
    #[schema(value_type = Option<MidWord>)]
    mid: Option<Given<Mid>>,
}

impl CheckBody {
    /// Checks the body at this place: `checks[3].` in a batch.
    fn check(self, place: &str) -> Result<KeyCheck, Problem> {
        let mut check = Check::default();
        let key = check.field("key", self.key);
        let scopes = check.field("scopes", self.scopes).unwrap_or_default();
        let key_type = check.field("type", self.r#type).unwrap_or(KeyType::Secret);
        let mid = check.field("mid", self.mid);
        let requirements = Requirements { scopes, key_type, mid };
        check.below(place).finish(|| Some(KeyCheck { key: key?, requirements }))
    }
}

/// Many checks at once.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Batch)]
pub(in crate::http) struct BatchBody {
    /// 1 to 100 of them.
    #[schema(value_type = Vec<CheckBody>, min_items = 1, max_items = 100)]
    checks: Given<Objects<CheckBody, MAX_CHECKS>>,
}

impl BatchBody {
    /// Checks every object, and reports the errors of all of them together.
    fn check(self) -> Result<Vec<KeyCheck>, Problem> {
        let mut check = Check::default();
        let objects = check.field("checks", self.checks);
        let Objects(objects) = check.finish(|| objects)?;
        let mut checks = Vec::with_capacity(objects.len());
        let mut wrong: Option<Problem> = None;
        for (n, object) in objects.into_iter().enumerate() {
            let place = format!("checks[{n}].");
            match object.map_err(|error| error.at(&place)).and_then(|body| body.check(&place)) {
                Ok(check) => checks.push(check),
                Err(problem) => {
                    wrong = Some(match wrong {
                        Some(earlier) => earlier.and(problem),
                        None => problem,
                    });
                }
            }
        }
        wrong.map_or(Ok(checks), Err)
    }
}

/// A check without an error.
struct KeyCheck {
    key: Zeroizing<String>,
    requirements: Requirements,
}

json_view! {
    /// The answer to one check.
    #[derive(ToSchema)]
    #[schema(as = Verification)]
    pub(in crate::http) struct VerificationView<'a> {
        /// Whether the key is good for all that was asked.
        valid: bool,
        /// `VALID`, or the first reason that holds of `NOT_FOUND`, `WRONG_ENVIRONMENT`, `REVOKED`, `SUSPENDED`,
        /// `NOT_YET_VALID`, `EXPIRED`, `WRONG_TYPE`, `WRONG_ACCOUNT`, `INSUFFICIENT_SCOPE`.
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
        r#type as "type": Option<Plain<'a>>,
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
        json_writer::no_store(self, ANSWER_LEN + texts + scopes)
    }
}

json_view! {
    /// The answers to a batch.
    #[derive(ToSchema)]
    #[schema(as = BatchResults)]
    pub(in crate::http) struct BatchView<'a> {
        /// In the order of the checks.
        results: Vec<VerificationView<'a>>,
    }
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
    facts: RequestFacts,
    Begun(begun): Begun,
    _: NoQuery,
    JsonBody(body): JsonBody<CheckBody>,
) -> Result<Response, Problem> {
    let check = body.check("")?;
    let verified = match begun {
        Some(unfinished) => {
            let verified = verify_key::finish(&access, unfinished, &caller.0, &check.key, &check.requirements).await?;
            count_denial(&verified);
            verified
        }
        None => answer(&access, &caller.0, &check).await?,
    };
    if let Some(id) = verified.id() {
        facts.is_about(Object::Key(id));
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
    JsonBody(body): JsonBody<BatchBody>,
) -> Result<Response, Problem> {
    let checks = body.check()?;
    let announced = verify_key::announce(&access, &caller.0, checks.iter().map(|check| check.key.as_str()))?;
    let mut results = Vec::with_capacity(checks.len());
    for check in &checks {
        results.push(answer(&access, &caller.0, check).await?);
    }
    drop(announced);
    let view = BatchView { results: results.iter().map(VerificationView::of).collect() };
    Ok(hiding(json_writer::no_store(&view, ANSWER_LEN * results.len()), &results))
}

/// Marks an answer that reports an absent key.
fn hiding<'a>(mut response: Response, results: impl IntoIterator<Item = &'a Verified>) -> Response {
    let is_absent = |result: &Verified| matches!(result, Verified::Invalid { denial: Denial::NotFound, .. });
    if results.into_iter().any(is_absent) {
        response.extensions_mut().insert(Hides);
    }
    response
}

async fn answer(access: &Arc<Access>, caller: &keyward_app::Caller, check: &KeyCheck) -> Result<Verified, Problem> {
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

/// The part of this check that the fast path left. Its body has the same key, because the fast path reads only exact
/// names.
pub(in crate::http) struct Begun(Option<verify_key::Unfinished>);

impl<S: Send + Sync> FromRequestParts<S> for Begun {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(carried::take(&parts.extensions)))
    }
}

impl From<verify_key::Error> for Problem {
    fn from(error: verify_key::Error) -> Self {
        match error {
            verify_key::Error::TooManyAttempts(error) => error.into(),
            verify_key::Error::Failure(failure) => failure.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    //! How the bodies are read, beyond what `given` promises of every body.
    use serde_json::{Value, json};

    use super::*;
    use crate::http::{
        given::testing::{errors, faulty, from_json, reads_what_it_documents},
        problem::Code,
    };

    fn batch(checks: &Value) -> Result<Vec<KeyCheck>, Problem> {
        from_json::<BatchBody>(&json!({"checks": checks})).and_then(BatchBody::check)
    }

    #[test]
    fn each_field_is_read_as_documented() {
        reads_what_it_documents::<CheckBody, _>(|body| body.check(""));
        reads_what_it_documents::<BatchBody, _>(BatchBody::check);
    }

    #[test]
    fn a_key_is_secret_unless_the_check_says_otherwise() {
        let checks = batch(&json!([{"key": " x\n"}, {"key": "x", "type": "publishable", "mid": "shop"}])).unwrap();
        assert_eq!((checks[0].key.as_str(), checks[0].requirements.key_type), ("x", KeyType::Secret));
        assert_eq!(checks[1].requirements.key_type, KeyType::Public);
    }

    #[test]
    fn a_misspelt_condition_is_refused_before_any_wrong_one() {
        for name in ["scope", "account", "", "key ", "mids"] {
            let problem = from_json::<CheckBody>(&json!({"key": 7, name: null})).err().unwrap();
            assert_eq!(problem.code(), Code::UnknownCondition);
            let messages = errors::<()>(Err(problem));
            assert_eq!(messages, [format!("{name} is no condition (there are key, scopes, type, mid)")]);
        }
        let problem = from_json::<BatchBody>(&json!({"checks": 7, "scopes": []})).err().unwrap();
        assert_eq!(errors::<()>(Err(problem)), ["scopes is no condition (there are checks)"]);
    }

    #[test]
    fn a_batch_names_the_place_of_every_fault() {
        for (checks, fields) in [
            (json!([{"key": "x"}, {}]), &["checks[1].key"][..]),
            (json!([{"key": "x", "KEY": "x"}]), &["checks[0].key"]),
            (json!([{"key": "x", "scopes": ["a", "A"]}]), &["checks[0].scopes[1]"]),
            (json!([{"key": 1}, {"key": "x"}, {"type": "x"}]), &["checks[0].key", "checks[2].key", "checks[2].type"]),
            (json!([{"key": "x"}, {"key": "x", "scope": []}]), &["checks[1].scope"]),
            (json!([{"key": 1}, {"key": 1, "scope": []}]), &["checks[0].key", "checks[1].scope"]),
            (json!([]), &["checks"]),
            (json!(vec![json!({"key": "x"}); 101]), &["checks"]),
            (json!({"key": "x"}), &["checks"]),
        ] {
            assert_eq!(faulty(batch(&checks)), fields, "{checks}");
        }
        assert_eq!(batch(&json!(vec![json!({"key": "x"}); 100])).ok().unwrap().len(), 100);
        // The first error gives the code.
        assert_eq!(batch(&json!([{"key": 1}, {"x": 1}])).err().unwrap().code(), Code::InvalidRequest);
        assert_eq!(batch(&json!([{"x": 1}, {"key": 1}])).err().unwrap().code(), Code::UnknownCondition);
    }
}
