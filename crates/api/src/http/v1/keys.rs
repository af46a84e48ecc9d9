//! `GET` and `DELETE /v1/api-keys/{…}`, and the list under its merchant (contract, sections 4 to 6).
//!
//! One path template serves key ids and mids: a segment that starts with `key_` is a key id, any other a mid.

use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use keyward_app::{
    Manage,
    manage::{
        enforcement,
        list_keys::{self, ListKeys},
        read_key::read_key,
        revoke_key::{self, RevokeKey},
    },
};
use keyward_domain::{KeyId, KeyStatus, KeyType, Mid, Reason};
use keyward_storage::Seq;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Segment, no_account, no_store};
use crate::http::{
    caller::{Caller, ReadKeys, StopKeys},
    cursor,
    etag::etag,
    given::key_type,
    no_route::{no_account_or_key, no_key},
    problem::{Code, Problem},
    query::{NoQuery, Query},
    request_facts::{Object, RequestFacts},
    views::{ApiKeyView, EnforcementView, KeyDetailsView, KeyPageView},
    words::{KeyTypeWord, ReasonWord, StateWord, listed_states},
};

/// The event number of a restricting change.
const REVOCATION_SEQ: HeaderName = HeaderName::from_static("revocation-seq");

/// A key for a key id, a page of keys for a mid.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = KeyOrPage)]
#[serde(untagged)]
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
        ("state" = inline(Option<StateWord>), Query, description = "For a mid: the state of the keys; \
            `active` when absent."),
        ("type" = inline(Option<KeyTypeWord>), Query, description = "For a mid: only keys of this type."),
        ("limit" = Option<u16>, Query, minimum = 1, maximum = 1000, description = "For a mid: how many at \
            the most; default 100."),
        ("cursor" = Option<String>, Query, description = "For a mid: the `next_cursor` of the page before."),
    ),
    responses(
        (status = 200, description = "The key, or a page of keys, newest first.", body = KeyOrPageView,
            headers(("ETag" = String, description = "The key's version; not for a page."))),
    ),
)]
pub(in crate::http) async fn get_or_list_keys(
    caller: Caller<ReadKeys>,
    State(manage): State<Arc<Manage>>,
    Segment(segment): Segment,
    facts: RequestFacts,
    mut query: Query,
) -> Result<Response, Problem> {
    // Read for a key too: an invalid limit is an error, whatever the segment names.
    let listing = Listing::read(&mut query);
    query.check()?;
    if !segment.starts_with("key_") {
        let page = list(&manage, &caller.0, &segment, listing, &facts).await;
        let page = page.map_err(|problem| no_account_or_key(problem, &segment))?;
        return Ok(no_store(KeyOrPageView::Page(page)));
    }
    let id = segment.parse().map_err(|_| no_key(&segment))?;
    let record = read_key(&manage, &caller.0, id).await?.ok_or_else(|| no_key(&segment))?;
    let key = KeyDetailsView::new(&record, manage.access().now());
    Ok(key_answer(KeyOrPageView::Key(Box::new(key)), record.key.facts().version, None))
}

/// An answer with one key: its version, and the event of a change.
pub(super) fn key_answer<T: Serialize>(view: T, version: u64, seq: Option<Seq>) -> Response {
    (etag(version), seq_header(seq), no_store(view)).into_response()
}

/// The header with the number of an event; none without an event.
fn seq_header(seq: Option<Seq>) -> HeaderMap {
    seq.map(|seq| (REVOCATION_SEQ, HeaderValue::from(seq.number()))).into_iter().collect()
}

/// List the keys of a merchant.
///
/// The same list as under `/v1/api-keys/{mid}`, on a path of its own for generated clients.
#[utoipa::path(
    get, path = "/v1/merchants/{mid}/api-keys", tag = "API keys",
    params(
        ("mid" = String, Path, description = "The merchant.", example = "mid_123456"),
        ("state" = inline(Option<StateWord>), Query, description = "The state of the keys; `active` when absent."),
        ("type" = inline(Option<KeyTypeWord>), Query, description = "Only keys of this type."),
        ("limit" = Option<u16>, Query, minimum = 1, maximum = 1000, description = "How many at the most; default 100."),
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before."),
    ),
    responses((status = 200, description = "A page of keys, newest first.", body = KeyPageView)),
)]
pub(in crate::http) async fn list_keys_of_merchant(
    caller: Caller<ReadKeys>,
    State(manage): State<Arc<Manage>>,
    Segment(mid): Segment,
    facts: RequestFacts,
    mut query: Query,
) -> Result<Response, Problem> {
    let listing = Listing::read(&mut query);
    query.check()?;
    list(&manage, &caller.0, &mid, listing, &facts).await.map(no_store)
}

/// Filter and page of a list of keys.
struct Listing {
    status: Option<KeyStatus>,
    key_type: Option<KeyType>,
    limit: u16,
    before: Option<KeyId>,
}

impl Listing {
    fn read(query: &mut Query) -> Self {
        let status = match query.one("state").as_deref() {
            None => Some(KeyStatus::Active),
            Some("all") => None,
            Some(text) => {
                let status = text.parse::<KeyStatus>();
                let expected = || listed_states().collect::<Vec<_>>().join(", ");
                status.map_err(|_| query.refuse("state", format!("must be one of {}", expected()))).ok()
            }
        };
        let given_type = query.one("type");
        let key_type =
            given_type.and_then(|text| key_type(&text).map_err(|error| query.refuse("type", error.to_string())).ok());
        Self { status, key_type, limit: query.limit(), before: query.cursor() }
    }
}

async fn list(
    manage: &Manage,
    caller: &keyward_app::Caller,
    mid: &str,
    listing: Listing,
    facts: &RequestFacts,
) -> Result<KeyPageView, Problem> {
    let Listing { status, key_type, limit, before } = listing;
    let mid: Mid = mid.parse().map_err(|_| no_account())?;
    let page = list_keys::list_keys(manage, caller, &ListKeys { mid, status, key_type, limit, before }).await?;
    facts.is_about(Object::Account(page.chain.own().mid.clone()));
    let keys = page.keys.iter().map(|listed| ApiKeyView::listed(listed, &page.chain, page.at)).collect();
    Ok(KeyPageView { keys, next_cursor: page.next.as_ref().map(cursor::encode) })
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
        ("reason" = inline(Option<ReasonWord>), Query, description = "Why; `unspecified` when absent. \
            `compromised` is never refused."),
        ("Prefer" = Option<String>, Header, description = "`respond-async`: do not wait until the \
            key is dead on every node."),
    ),
    responses(
        (status = 204, description = "The key is dead on every node.",
            headers(("Revocation-Seq" = u64, description = "The number of the event that did it; informative."))),
        (status = 202, description = "Asked for by `Prefer: respond-async`: the key is revoked, and not yet \
            known to be dead on every node.",
            headers(
                ("Location" = String, description = "Where to ask whether it is."),
                ("Revocation-Seq" = u64, description = "The number of the event that did it; informative."),
            )),
    ),
)]
pub(in crate::http) async fn revoke_key(
    caller: Caller<StopKeys>,
    State(manage): State<Arc<Manage>>,
    Segment(segment): Segment,
    headers: HeaderMap,
    mut query: Query,
) -> Result<Response, Problem> {
    let reason = query.parse::<Reason>("reason").unwrap_or_default();
    query.check()?;
    let id = segment.parse().map_err(|_| no_key(&segment))?;
    let respond_async = prefers_async(&headers);
    let revoked = revoke_key::revoke_key(&manage, &caller.0, RevokeKey { id, reason, respond_async }).await?;
    let seq = seq_header(revoked.seq);
    if respond_async {
        let prefix = manage.access().settings().path_prefix();
        let location = [(header::LOCATION, format!("{prefix}/v1/api-keys/{id}/enforcement"))];
        return Ok((StatusCode::ACCEPTED, location, seq).into_response());
    }
    Ok((StatusCode::NO_CONTENT, seq).into_response())
}

/// Whether the client prefers an early answer (RFC 7240, section 4.1).
fn prefers_async(headers: &HeaderMap) -> bool {
    let preferences = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    preferences.flat_map(unquoted_parts).any(|preference| {
        let token = preference.split([';', '=']).next().unwrap_or_default();
        token.trim().eq_ignore_ascii_case("respond-async")
    })
}

/// Splits a list. A comma between quotes belongs to the value of another preference.
fn unquoted_parts(value: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    value.split(move |c| {
        quoted ^= c == '"';
        c == ',' && !quoted
    })
}

/// Ask whether a revocation is in force.
///
#[doc = " `enforced` is true once no node of the service accepts the key any more; for a key that was never revoked \
         it is false."]
#[utoipa::path(
    get, path = "/v1/api-keys/{id}/enforcement", tag = "API keys", operation_id = "get_enforcement",
    params(("id" = String, Path, description = "The key id.", example = "key_01h2xcejqtf2nbrexx3vqjhp41")),
    responses((status = 200, description = "How far the revocation has got.", body = EnforcementView)),
)]
pub(in crate::http) async fn enforcement(
    caller: Caller<ReadKeys>,
    State(manage): State<Arc<Manage>>,
    Segment(segment): Segment,
    _: NoQuery,
) -> Result<Response, Problem> {
    let id = segment.parse().map_err(|_| no_key(&segment))?;
    let found = enforcement::read_enforcement(&manage, &caller.0, id).await?.ok_or_else(|| no_key(&segment))?;
    Ok(no_store(EnforcementView::from(found)))
}

impl From<list_keys::Error> for Problem {
    fn from(error: list_keys::Error) -> Self {
        match error {
            list_keys::Error::NoSuchAccount => no_account(),
            list_keys::Error::Failure(failure) => failure.into(),
        }
    }
}

impl From<revoke_key::Error> for Problem {
    fn from(error: revoke_key::Error) -> Self {
        match error {
            revoke_key::Error::Caller(error) => error.into(),
            revoke_key::Error::NoSuchKey => Self::new(Code::KeyNotFound),
            revoke_key::Error::Refused(keyward_domain::Refusal::WouldLockOut) => Self::new(Code::LockOut),
            revoke_key::Error::Failure(failure) => failure.into(),
        }
    }
}
