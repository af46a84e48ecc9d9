//! `GET` and `DELETE /v1/api-keys/{…}` (contract, sections 4 to 6).
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
        read_key::read_key,
        revoke_key::{self, RevokeKey},
    },
};
use keyward_domain::Reason;
use keyward_storage::Seq;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Segment,
    find_keys::{KeyConditions, Listing, list},
    no_store,
};
use crate::http::{
    caller::{Caller, ReadKeys, StopKeys},
    etag::etag,
    no_route::{no_account_or_key, no_key},
    problem::{Code, Problem},
    query::{NoQuery, Query},
    request_facts::RequestFacts,
    views::{EnforcementView, KeyDetailsView, KeyPageView},
    words::ReasonWord,
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
/// A segment that starts with `key_` is a key id and gives that key; anything else is a mid and gives its keys. The
/// conditions are for a mid.
#[utoipa::path(
    get, path = "/v1/api-keys/{id}", tag = "API keys",
    params(
        ("id" = String, Path, description = "A key id or a mid.", example = "mid_123456"),
        KeyConditions,
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
    let is_key = segment.starts_with("key_");
    if is_key {
        Listing::refuse_conditions(&mut query);
    }
    query.check()?;
    if !is_key {
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
pub(super) fn seq_header(seq: Option<Seq>) -> HeaderMap {
    seq.map(|seq| (REVOCATION_SEQ, HeaderValue::from(seq.number()))).into_iter().collect()
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
