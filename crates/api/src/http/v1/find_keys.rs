//! `GET /v1/api-keys`, and the keys of a merchant (contract, sections 5 and 15).

use std::sync::Arc;

use axum::{extract::State, response::Response};
use keyward_app::{
    Caller as AppCaller, Manage,
    manage::find_keys::{self, FindKeys, Holders},
};
use keyward_domain::{KeyFilter, KeyId, KeyStatus, MAX_NAME_LEN, Mid, NameStart};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{Segment, no_account, no_store};
use crate::http::{
    caller::{Caller, ReadKeys},
    cursor,
    given::key_type,
    problem::Problem,
    query::Query,
    request_facts::{Object, RequestFacts},
    views::{ApiKeyView, KeyPageView},
    words::{KeyTypeWord, MidWord, ScopeWord, StateWord, listed_states},
};

/// The conditions of a list of keys, for the document. A query is read by name, so that each error is reported.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes the query for the document")]
pub(in crate::http) struct KeyConditions {
    /// The state of the keys; `active` when absent.
    #[param(inline, value_type = Option<StateWord>)]
    state: Option<String>,
    /// Only keys of this type.
    #[param(inline, value_type = Option<KeyTypeWord>)]
    r#type: Option<String>,
    /// Only keys that this actor made: a key id, `operator` or `service`.
    #[param(pattern = "^(operator|service|key_[0-7][0-9a-hjkmnp-tv-z]{25})$")]
    created_by: Option<String>,
    /// Only keys whose scopes cover this one.
    #[param(inline, value_type = Option<ScopeWord>)]
    scope: Option<String>,
    /// Only keys whose name starts like this, in any case.
    #[param(max_length = 200)]
    q: Option<String>,
    /// Only keys whose `effective_expires_at` is before this time.
    #[param(value_type = Option<String>, format = DateTime)]
    expires_before: Option<String>,
    /// Only keys that have not been used since this time, and existed then.
    #[param(value_type = Option<String>, format = DateTime)]
    unused_since: Option<String>,
    /// Only secret keys whose secret was made before this time.
    #[param(value_type = Option<String>, format = DateTime)]
    secret_older_than: Option<String>,
    /// How many at the most; default 100.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u16>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// The names of the conditions, without those of the page.
const CONDITIONS: [&str; 8] =
    ["state", "type", "created_by", "scope", "q", "expires_before", "unused_since", "secret_older_than"];

/// Find API keys.
///
/// All keys within the caller's reach, newest first. A page may hold fewer keys than `limit`, even none: only
/// `next_cursor: null` ends the list.
#[utoipa::path(
    get, path = "/v1/api-keys", tag = "API keys",
    params(
        KeyConditions,
        ("mid" = inline(Option<MidWord>), Query, description = "Only keys of this account and of all accounts below."),
    ),
    responses((status = 200, description = "A page of keys, newest first.", body = KeyPageView)),
)]
pub(in crate::http) async fn find_keys(
    caller: Caller<ReadKeys>,
    State(manage): State<Arc<Manage>>,
    facts: RequestFacts,
    mut query: Query,
) -> Result<Response, Problem> {
    let listing = Listing::read(&mut query);
    let mid = query.parse::<Mid>("mid");
    query.check()?;
    let held_by = mid.map_or(Holders::Reach, Holders::Below);
    page(&manage, &caller.0, held_by, listing, &facts).await.map(no_store)
}

/// List the keys of a merchant.
///
/// The same list as under `/v1/api-keys/{mid}`, on a path of its own for generated clients.
#[utoipa::path(
    get, path = "/v1/merchants/{mid}/api-keys", tag = "API keys",
    params(("mid" = String, Path, description = "The merchant.", example = "mid_123456"), KeyConditions),
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

/// Conditions and page of a list of keys.
pub(super) struct Listing {
    filter: KeyFilter,
    limit: u16,
    before: Option<KeyId>,
}

impl Listing {
    pub(super) fn read(query: &mut Query) -> Self {
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
        let start = query.one("q");
        if start.as_ref().is_some_and(|text| text.chars().count() > MAX_NAME_LEN) {
            query.refuse("q", format!("must be at most {MAX_NAME_LEN} characters"));
        }
        let filter = KeyFilter {
            status,
            key_type,
            created_by: query.parse("created_by"),
            scope: query.parse("scope"),
            name_start: start.map(|text| NameStart::new(&text)),
            expires_before: query.parse("expires_before"),
            unused_since: query.parse("unused_since"),
            secret_older_than: query.parse("secret_older_than"),
        };
        Self { filter, limit: query.limit(), before: query.cursor() }
    }

    /// Refuses conditions of a list where one key is requested.
    pub(super) fn refuse_conditions(query: &mut Query) {
        for name in CONDITIONS.into_iter().filter(|name| query.has(name)).collect::<Vec<_>>() {
            query.refuse(name, "must not be given with a key id");
        }
    }
}

/// A page of the keys of one account.
pub(super) async fn list(
    manage: &Manage,
    caller: &AppCaller,
    mid: &str,
    listing: Listing,
    facts: &RequestFacts,
) -> Result<KeyPageView, Problem> {
    let mid: Mid = mid.parse().map_err(|_| no_account())?;
    page(manage, caller, Holders::Account(mid), listing, facts).await
}

async fn page(
    manage: &Manage,
    caller: &AppCaller,
    held_by: Holders,
    listing: Listing,
    facts: &RequestFacts,
) -> Result<KeyPageView, Problem> {
    let Listing { filter, limit, before } = listing;
    let page = find_keys::find_keys(manage, caller, &FindKeys { held_by, filter, limit, before }).await?;
    if let Some(mid) = page.account.clone() {
        facts.is_about(Object::Account(mid));
    }
    let keys = page.with_chains().map(|(listed, chain)| ApiKeyView::listed(listed, chain, page.at)).collect();
    Ok(KeyPageView { keys, next_cursor: page.next.as_ref().map(cursor::encode) })
}

impl From<find_keys::Error> for Problem {
    fn from(error: find_keys::Error) -> Self {
        match error {
            find_keys::Error::NoSuchAccount => no_account(),
            find_keys::Error::Failure(failure) => failure.into(),
        }
    }
}
