//! `GET` and `DELETE /v1/api-keys/{…}`, and the list under its merchant (contract, sections 4 to 6).
//!
//! One path template serves key ids and mids: what starts with `key_` is a key id, everything else a mid.

use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use keyward_domain::{Condition, KeyId, Mid, Reason};
use utoipa::ToSchema;

use super::{Problems, Segment, create_key::key_type, fresh, no_account, no_key};
use crate::{
    app::{
        self, App, in_force,
        list_keys::{self, ListKeys},
        read_key::read_key,
        revoke_key::{self, RevokeKey},
    },
    http::{
        caller::{Caller, ReadKeys, StopKeys},
        cursor,
        finish::{Noted, Object},
        problem::{Code, Problem},
        query::{NoQuery, Query},
        views::{EnforcementView, KeyDetailsView, KeyPageView, KeyView},
    },
};

/// The number of the event that a narrowing call made.
const REVOCATION_SEQ: HeaderName = HeaderName::from_static("revocation-seq");

/// A key for a key id, a page of keys for a mid.
#[derive(ToSchema)]
#[schema(as = KeyOrPage)]
#[serde(untagged)]
#[expect(dead_code, reason = "describes in the document what two views answer")]
pub(in crate::http) enum KeyOrPageView {
    #[schema(title = "For a key id")]
    Key(Box<KeyDetailsView>),
    #[schema(title = "For a mid")]
    Page(KeyPageView),
}

/// Get one API key, or list the keys of a merchant.
///
/// A segment that starts with `key_` is a key id and gives that key; anything else is a mid and gives its keys.
#[utoipa::path(
    get, path = "/v1/api-keys/{id}", tag = "API keys",
    params(
        ("id" = String, Path, description = "A key id or a mid.", example = "mid_123456"),
        ("state" = Option<String>, Query, description = "For a mid: `active` (default), `revoked`, `expired` or `all`."),
        ("type" = Option<String>, Query, description = "For a mid: only keys of this type."),
        ("limit" = Option<u16>, Query, minimum = 1, maximum = 1000, description = "For a mid: how many at the most; default 100."),
        ("cursor" = Option<String>, Query, description = "For a mid: the `next_cursor` of the page before."),
    ),
    responses((status = 200, description = "The key, or a page of keys, newest first.", body = KeyOrPageView), Problems),
)]
pub(in crate::http) async fn get_or_list_keys(
    caller: Caller<ReadKeys>,
    State(app): State<Arc<App>>,
    Segment(segment): Segment,
    noted: Noted,
    mut query: Query,
) -> Result<Response, Problem> {
    if !segment.starts_with("key_") {
        return list(&app, &caller.0, &segment, query, &noted).await;
    }
    query.know(&["state", "type", "limit", "cursor"]);
    query.check()?;
    let id = segment.parse().map_err(|_| no_key())?;
    let record = read_key(&app, &caller.0, id).await?.ok_or_else(no_key)?;
    Ok(fresh(KeyDetailsView::new(&record, app.expiry_time())))
}

/// List the keys of a merchant.
///
/// The same list as under `/v1/api-keys/{mid}`, on a path of its own for generated clients.
#[utoipa::path(
    get, path = "/v1/merchants/{mid}/api-keys", tag = "API keys",
    params(
        ("mid" = String, Path, description = "The merchant.", example = "mid_123456"),
        ("state" = Option<String>, Query, description = "`active` (default), `revoked`, `expired` or `all`."),
        ("type" = Option<String>, Query, description = "Only keys of this type."),
        ("limit" = Option<u16>, Query, minimum = 1, maximum = 1000, description = "How many at the most; default 100."),
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before."),
    ),
    responses((status = 200, description = "A page of keys, newest first.", body = KeyPageView), Problems),
)]
pub(in crate::http) async fn list_keys_of_merchant(
    caller: Caller<ReadKeys>,
    State(app): State<Arc<App>>,
    Segment(mid): Segment,
    noted: Noted,
    query: Query,
) -> Result<Response, Problem> {
    list(&app, &caller.0, &mid, query, &noted).await
}

async fn list(
    app: &App,
    caller: &app::Caller,
    mid: &str,
    mut query: Query,
    noted: &Noted,
) -> Result<Response, Problem> {
    let condition = match query.one("state").as_deref() {
        None => Some(Condition::Active),
        Some("all") => None,
        Some(_) => {
            let condition: Result<Condition, _> = query.one("state").unwrap_or_default().parse();
            condition.map_err(|_| query.fault("state", "must be one of active, revoked, expired, all")).ok()
        }
    };
    let key_type =
        query.one("type").and_then(|text| key_type(&text).map_err(|error| query.fault("type", error.to_string())).ok());
    let (limit, before) = (query.limit(), query.cursor::<KeyId>());
    query.check()?;
    let mid: Mid = mid.parse().map_err(|_| no_account())?;
    let page = list_keys::list_keys(app, caller, &ListKeys { mid, condition, key_type, limit, before }).await?;
    noted.is_about(Object::Account(page.chain.own().mid.clone()));
    let keys = page.keys.iter().map(|listed| KeyView::listed(listed, &page.chain, page.at)).collect();
    Ok(fresh(KeyPageView { keys, next_cursor: page.next.as_ref().map(cursor::encode) }))
}

/// Revoke an API key.
///
/// Irreversible. When the 204 is sent, no node of the service accepts the key or its tokens any more, and nothing that
/// the key authorised is committed afterwards: a call that was let in before is then 401. Repeating it is 204 again and
/// changes nothing.
#[utoipa::path(
    delete, path = "/v1/api-keys/{id}", tag = "API keys",
    params(
        ("id" = String, Path, description = "The key id.", example = "key_01h2xcejqtf2nbrexx3vqjhp41"),
        ("reason" = Option<String>, Query, description = "`unspecified` (default), `compromised`, `superseded` or `no_longer_needed`."),
    ),
    responses(
        (status = 204, description = "The key is dead on every node.",
            headers(("Revocation-Seq" = u64, description = "The number of the event that did it; informative."))),
        (status = 202, description = "Asked for by `Prefer: respond-async`: the key is revoked, and not yet known to be dead on every node.",
            headers(
                ("Location" = String, description = "Where to ask whether it is."),
                ("Revocation-Seq" = u64, description = "The number of the event that did it; informative."),
            )),
        Problems,
    ),
)]
pub(in crate::http) async fn revoke_key(
    caller: Caller<StopKeys>,
    State(app): State<Arc<App>>,
    Segment(segment): Segment,
    headers: HeaderMap,
    mut query: Query,
) -> Result<Response, Problem> {
    let reason = query.parse::<Reason>("reason").unwrap_or_default();
    query.check()?;
    let id = segment.parse().map_err(|_| no_key())?;
    let respond_async = prefers_async(&headers);
    let revoked = revoke_key::revoke_key(&app, &caller.0, RevokeKey { id, reason, respond_async }).await?;
    let seq = revoked.seq.map(|seq| (REVOCATION_SEQ, HeaderValue::from(seq.number())));
    let seq: HeaderMap = seq.into_iter().collect();
    if respond_async {
        let prefix = app.settings().path_prefix();
        let location = [(header::LOCATION, format!("{prefix}/v1/api-keys/{id}/enforcement"))];
        return Ok((StatusCode::ACCEPTED, location, seq).into_response());
    }
    Ok((StatusCode::NO_CONTENT, seq).into_response())
}

/// Whether the client would rather not wait (RFC 7240, section 4.1).
fn prefers_async(headers: &HeaderMap) -> bool {
    let preferences = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    preferences.flat_map(unquoted_parts).any(|preference| {
        let token = preference.split([';', '=']).next().unwrap_or_default();
        token.trim().eq_ignore_ascii_case("respond-async")
    })
}

/// The parts of a list. A comma between quotes is a part of some other preference's value.
fn unquoted_parts(value: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    value.split(move |c| {
        quoted ^= c == '"';
        c == ',' && !quoted
    })
}

/// Ask whether a revocation is in force.
///
/// `enforced` is true once no node of the service accepts the key any more; for a key that was never revoked it is false.
#[utoipa::path(
    get, path = "/v1/api-keys/{id}/enforcement", tag = "API keys",
    params(("id" = String, Path, description = "The key id.", example = "key_01h2xcejqtf2nbrexx3vqjhp41")),
    responses((status = 200, description = "How far the revocation has got.", body = EnforcementView), Problems),
)]
pub(in crate::http) async fn enforcement(
    caller: Caller<ReadKeys>,
    State(app): State<Arc<App>>,
    Segment(segment): Segment,
    _: NoQuery,
) -> Result<Response, Problem> {
    let id = segment.parse().map_err(|_| no_key())?;
    let found = in_force::in_force(&app, &caller.0, id).await?.ok_or_else(no_key)?;
    Ok(fresh(EnforcementView::from(found)))
}

impl From<list_keys::Error> for Problem {
    fn from(error: list_keys::Error) -> Self {
        match error {
            list_keys::Error::NoSuchAccount => no_account(),
            list_keys::Error::Fault(fault) => fault.into(),
        }
    }
}

impl From<revoke_key::Error> for Problem {
    fn from(error: revoke_key::Error) -> Self {
        match error {
            revoke_key::Error::Caller(error) => error.into(),
            revoke_key::Error::NoSuchKey => no_key(),
            revoke_key::Error::Refused(keyward_domain::Refusal::WouldLockOut) => Self::new(Code::LockOut),
            revoke_key::Error::Fault(fault) => fault.into(),
        }
    }
}
