//! `GET` and `PUT /v1/merchants/{mid}/policy` (contract, section 16).

use std::sync::Arc;

use axum::{
    extract::{FromRequestParts, State},
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, request::Parts};
use keyward_app::{
    Manage,
    manage::{
        dry_run_policy::dry_run_policy,
        policies::{self, AccountPolicy, SetPolicy},
    },
};
use keyward_domain::{Idle, IdleAction, Mid, Period, Policy};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Segment, keys::seq_header, no_account, no_store};
use crate::http::{
    body::StrictBody,
    caller::{Caller, WriteMerchants},
    etag::{self, etag},
    given::{Check, Given},
    problem::{Code, Problem},
    query::{NoQuery, Query},
    request_facts::{Object, RequestFacts},
    views::{DryRunView, PolicyPageView},
    words::IdleActionWord,
};

/// The whole policy of an account: an absent or null member restricts nothing.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct NewPolicy {
    /// A key older than this has expired, whatever its `expires_at`; later dates are refused.
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 3_153_600_000_u32)]
    max_life_seconds: Option<Given<Period>>,
    /// Life of a new key for which no `expires_at` is requested; at most `max_life_seconds`.
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 3_153_600_000_u32)]
    default_life_seconds: Option<Given<Period>>,
    /// A secret key whose secret is older is refused with `ROTATION_DUE`.
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 3_153_600_000_u32)]
    max_secret_age_seconds: Option<Given<Period>>,
    /// Maximum overlap of the two secrets of a rotation.
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 3_153_600_000_u32)]
    max_overlap_seconds: Option<Given<Period>>,
    /// Maximum number of keys of the account itself that are neither revoked nor expired.
    #[schema(value_type = Option<u32>, minimum = 0, maximum = 1_000_000)]
    max_keys: Option<Given<MaxKeys>>,
    /// How long a key must be unused until it counts as idle.
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 3_153_600_000_u32)]
    idle_seconds: Option<Given<Period>>,
    /// What happens to an idle key; `report` when absent.
    #[schema(value_type = Option<IdleActionWord>)]
    idle_action: Option<Given<IdleAction>>,
}

/// A maximum number of keys.
pub(in crate::http) struct MaxKeys(pub(in crate::http) u32);

impl MaxKeys {
    /// The largest maximum: creation counts up to it.
    pub(in crate::http) const MAX: u32 = 1_000_000;
}

impl NewPolicy {
    fn check(self) -> Result<Policy, Problem> {
        let mut check = Check::default();
        let period = check.field("idle_seconds", self.idle_seconds);
        let action = check.field("idle_action", self.idle_action);
        if period.is_none() && action.is_some() {
            check.refuse("idle_action", "must not be given without idle_seconds");
        }
        let policy = Policy {
            max_life: check.field("max_life_seconds", self.max_life_seconds),
            default_life: check.field("default_life_seconds", self.default_life_seconds),
            max_secret_age: check.field("max_secret_age_seconds", self.max_secret_age_seconds),
            max_overlap: check.field("max_overlap_seconds", self.max_overlap_seconds),
            max_keys: check.field("max_keys", self.max_keys).map(|MaxKeys(count)| count),
            idle: period.map(|period| Idle { period, action: action.unwrap_or(IdleAction::Report) }),
        };
        for error in policy.errors() {
            check.refuse(error.field(), error.to_string());
        }
        check.finish(|| Some(policy))
    }
}

/// Get the policy of a merchant.
///
/// Its own members, and those in effect: the strictest values from the account up to the platform.
#[utoipa::path(
    get, path = "/v1/merchants/{mid}/policy", tag = "Merchants",
    params(("mid" = String, Path, description = "The merchant.", example = "mid_123456")),
    responses((status = 200, description = "The policy.", body = PolicyPageView,
        headers(("ETag" = String, description = "The version of the account's own policy.")))),
)]
pub(in crate::http) async fn get_policy(
    caller: Caller<WriteMerchants>,
    State(manage): State<Arc<Manage>>,
    Segment(mid): Segment,
    facts: RequestFacts,
    _: NoQuery,
) -> Result<Response, Problem> {
    let mid: Mid = mid.parse().map_err(|_| no_account())?;
    let policy = policies::read_policy(&manage, &caller.0, &mid).await?.ok_or_else(no_account)?;
    facts.is_about(Object::Account(mid));
    Ok((etag(policy.version), no_store(PolicyPageView::from(&policy))).into_response())
}

/// The policy that was set, or what it would end.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PolicyOrDryRun)]
#[serde(untagged)]
pub(in crate::http) enum PolicyOrDryRunView {
    #[schema(title = "Without a dry run")]
    Policy(PolicyPageView),
    #[schema(title = "For a dry run")]
    DryRun(DryRunView),
}

/// Whether a call shall change nothing.
pub(in crate::http) struct DryRun(bool);

impl<S: Send + Sync> FromRequestParts<S> for DryRun {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let mut query = Query::from_request_parts(parts, state).await?;
        let is_dry = match query.one("dry_run").as_deref() {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => {
                query.refuse("dry_run", "must be true or false");
                false
            }
        };
        query.check()?;
        Ok(Self(is_dry))
    }
}

/// Set the policy of a merchant.
///
/// Replaces the whole policy of an account strictly below the caller. When this is answered, every node judges by it,
/// also the keys that exist: a stricter policy ends them, a looser one revives what only the policy had ended.
#[utoipa::path(
    put, path = "/v1/merchants/{mid}/policy", tag = "Merchants",
    params(
        ("mid" = String, Path, description = "The merchant.", example = "mid_123456"),
        ("dry_run" = Option<bool>, Query, description = "`true`: change nothing, and \
            answer what the policy would end."),
        ("If-Match" = Option<String>, Header, description = "`ETag` values that the policy must have one of."),
    ),
    request_body = NewPolicy,
    responses((status = 200, description = "The policy, in effect; or what it would end.", body = PolicyOrDryRunView,
        headers(
            ("ETag" = String, description = "The version of the account's own policy."),
            ("Revocation-Seq" = u64, description = "The number of the account's last event; informative."),
        ))),
)]
pub(in crate::http) async fn set_policy(
    caller: Caller<WriteMerchants>,
    State(manage): State<Arc<Manage>>,
    Segment(mid): Segment,
    facts: RequestFacts,
    headers: HeaderMap,
    DryRun(is_dry): DryRun,
    StrictBody(body): StrictBody<NewPolicy>,
) -> Result<Response, Problem> {
    let policy = body.check()?;
    let mid: Mid = mid.parse().map_err(|_| no_account())?;
    let command = SetPolicy { mid: mid.clone(), policy, if_match: etag::if_match(&headers) };
    if is_dry {
        let would_end = dry_run_policy(&manage, &caller.0, &command).await?;
        facts.is_about(Object::Account(mid));
        return Ok(no_store(PolicyOrDryRunView::DryRun((&would_end).into())));
    }
    let set: AccountPolicy = policies::set_policy(&manage, &caller.0, command).await?;
    facts.is_about(Object::Account(mid));
    let view = PolicyOrDryRunView::Policy((&set).into());
    Ok((etag(set.version), seq_header(set.seq), no_store(view)).into_response())
}

impl From<policies::Error> for Problem {
    fn from(error: policies::Error) -> Self {
        use policies::Error as E;
        match error {
            E::Caller(error) => error.into(),
            E::NoSuchAccount => no_account(),
            E::OwnAccount => Self::new(Code::OwnAccount),
            E::Closed => Self::new(Code::AccountClosed),
            E::PreconditionFailed(version) => Self::new(Code::PreconditionFailed)
                .detail(format!("The policy's ETag is {}: read the policy again.", etag::quoted(version))),
            E::Failure(failure) => failure.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    //! How the body is read, beyond what `given` promises of every body.
    use serde_json::{Value, json};

    use super::*;
    use crate::http::given::testing::{faulty, from_json};

    fn read(body: &Value) -> Result<Policy, Problem> {
        from_json::<NewPolicy>(body).and_then(NewPolicy::check)
    }

    #[test]
    fn an_absent_or_null_member_restricts_nothing() {
        assert_eq!(read(&json!({})).unwrap(), Policy::NONE);
        let nulls = json!({
            "max_life_seconds": null, "default_life_seconds": null, "max_secret_age_seconds": null,
            "max_overlap_seconds": null, "max_keys": null, "idle_seconds": null, "idle_action": null,
        });
        assert_eq!(read(&nulls).unwrap(), Policy::NONE);
        let idle = read(&json!({"idle_seconds": 7.0, "max_keys": null})).unwrap().idle.unwrap();
        assert_eq!((idle.period.as_seconds(), idle.action), (7, IdleAction::Report));
    }

    #[test]
    fn every_wrong_member_is_named() {
        for (body, fields) in [
            (json!({"max_life_seconds": 0}), &["max_life_seconds"][..]),
            (json!({"max_life_seconds": 3_153_600_001_u32}), &["max_life_seconds"]),
            (json!({"max_life_seconds": "7"}), &["max_life_seconds"]),
            (json!({"max_life_seconds": 1.5, "max_keys": -1}), &["max_life_seconds", "max_keys"]),
            (json!({"max_keys": 1_000_001}), &["max_keys"]),
            (json!({"idle_action": "report"}), &["idle_action"]),
            (json!({"idle_seconds": 7, "idle_action": "delete"}), &["idle_action"]),
            (json!({"max_life_seconds": 7, "default_life_seconds": 8}), &["default_life_seconds"]),
        ] {
            assert_eq!(faulty(read(&body)), fields, "{body}");
        }
    }
}
